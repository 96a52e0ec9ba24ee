// SPDX-License-Identifier: GPL-2.0-or-later
// Reads the namespace's inode from /proc and its cookie from a socket.
#include "kernel/netns.h"

#include <sys/socket.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "base/unique_fd.h"

#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

namespace xlvs::kernel {
namespace {

// NET_NS_INIT_INO of newer <linux/nsfs.h>; inodes drawn at run time lie above, from 0xf0000000 on.
constexpr std::uint64_t kFirstNetnsInode = 0xeffffff9;
// Kernels older than that constant give the first namespace the first cookie.
constexpr std::uint64_t kFirstNetnsCookie = 1;

}  // namespace

Result<Netns> current_netns() {
  Netns ns;
  struct stat st {};
  if (::stat("/proc/thread-self/ns/net", &st) != 0)
    return Error{Errc::kSystem,
                 std::string("cannot find out the network namespace from /proc: ") + std::strerror(errno),
                 errno};
  ns.inode = st.st_ino;
  UniqueFd sock(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  socklen_t len = sizeof ns.cookie;
  if (!sock || ::getsockopt(sock.get(), SOL_SOCKET, SO_NETNS_COOKIE, &ns.cookie, &len) != 0)
    return Error{Errc::kUnsupported,
                 std::string("cannot read the network namespace's cookie (Linux 5.14 "
                             "or newer is needed): ") +
                     std::strerror(errno),
                 errno};
  return ns;
}

std::string folder_name(const Netns& ns) {
  if (ns.inode == kFirstNetnsInode || ns.cookie == kFirstNetnsCookie) return "host";
  return std::to_string(ns.inode);
}

}  // namespace xlvs::kernel
