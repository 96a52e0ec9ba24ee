// SPDX-License-Identifier: GPL-2.0-or-later
// What libbpf and the kernel had to say about a failed operation, caught instead of printed.
#pragma once

#include <string>

namespace xlvs::kernel {

/// While it lives, libbpf's warnings are collected here. One at a time; not for several threads.
class BpfLog {
 public:
  BpfLog();
  ~BpfLog();
  BpfLog(const BpfLog&) = delete;
  BpfLog& operator=(const BpfLog&) = delete;

  /// The driver's or the network stack's own words (netlink extended acknowledgement), "" if none.
  [[nodiscard]] std::string kernel_message() const;
  /// The end of the verifier's log, at most `lines` lines, "" if it never spoke.
  [[nodiscard]] std::string verifier_log(unsigned lines) const;
  /// Everything.
  [[nodiscard]] const std::string& text() const;
};

}  // namespace xlvs::kernel
