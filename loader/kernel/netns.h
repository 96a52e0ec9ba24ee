// SPDX-License-Identifier: GPL-2.0-or-later
// The network namespace that this process is in: what tells it from all others, now and in the past.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace xlvs::kernel {

struct Netns {
  std::uint64_t inode = 0;   ///< of /proc/self/ns/net; unique among the living, reused after death
  std::uint64_t cookie = 0;  ///< SO_NETNS_COOKIE; never reused until reboot
};

/// The namespace of the calling thread.
Result<Netns> current_netns();

/// The name of the folder that holds a namespace's table: "host" for the first namespace, which every
/// process recognizes alike without /proc of another process, else the inode number.
std::string folder_name(const Netns& ns);

}  // namespace xlvs::kernel
