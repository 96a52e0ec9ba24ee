// SPDX-License-Identifier: GPL-2.0-or-later
// What libbpf and the kernel had to say about a failed operation, caught instead of printed.
#pragma once

#include <string>

namespace xlvs::kernel {

/// The driver's or the network stack's own words (netlink extended acknowledgement) in what libbpf printed,
/// "" if none; pure.
std::string kernel_message_in(const std::string& text);
/// The end of the verifier's log in what libbpf printed, at most `lines` lines, "" if it never spoke; pure.
std::string verifier_log_in(const std::string& text, unsigned lines);

/// While it lives, libbpf's warnings are collected here. One at a time; not for several threads.
class BpfLog {
 public:
  BpfLog();
  ~BpfLog();
  BpfLog(const BpfLog&) = delete;
  BpfLog& operator=(const BpfLog&) = delete;

  [[nodiscard]] const std::string& text() const;
};

}  // namespace xlvs::kernel
