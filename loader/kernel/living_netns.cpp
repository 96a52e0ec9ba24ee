// SPDX-License-Identifier: GPL-2.0-or-later
// Walks /proc for references to network namespaces.
#include "kernel/living_netns.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <optional>
#include <set>

#include "kernel/table_dir.h"

namespace xlvs::kernel {
namespace {

namespace fs = std::filesystem;
using Inodes = std::set<std::string>;

/// Target of a link in /proc; nothing, with errno, if it cannot be read.
std::optional<std::string> target(const std::string& link) {
  std::array<char, 128> text{};
  const ssize_t n = ::readlink(link.c_str(), text.data(), text.size());
  if (n < 0) return std::nullopt;
  return std::string(text.data(), static_cast<std::size_t>(n));
}

/// "net:[4026531833]" -> "4026531833", else "".
std::string netns_inode(const std::string& text) {
  static const std::string kBegin = "net:[";
  const auto begin = text.find(kBegin);
  const auto end = begin == std::string::npos ? begin : text.find(']', begin);
  return end == std::string::npos ? "" : text.substr(begin + kBegin.size(), end - begin - kBegin.size());
}

std::vector<std::string> processes() {
  std::vector<std::string> pids;
  std::error_code ec;
  for (fs::directory_iterator it("/proc", ec), end; !ec && it != end; it.increment(ec)) {
    const std::string name = it->path().filename();
    if (name.find_first_not_of("0123456789") == std::string::npos) pids.push_back(it->path());
  }
  return pids;
}

/// Takes away from `dead` what process `proc` lives in or, per mount namespace once, has mounted.
/// False when the process exists and hides that.
bool visit(const std::string& proc, std::set<std::string>& seen_mounts, Inodes& dead) {
  const auto net = target(proc + "/ns/net");
  if (!net) {
    if (errno == ENOENT || errno == ESRCH) return true;  // gone, or a zombie
    return proc == "/proc/1";  // hardened systems hide init, which does not leave the first namespace
  }
  dead.erase(netns_inode(*net));
  const auto mounts = target(proc + "/ns/mnt");
  if (!mounts || !seen_mounts.insert(*mounts).second) return true;
  std::ifstream in(proc + "/mountinfo");
  for (std::string line; std::getline(in, line);) dead.erase(netns_inode(line));
  return true;
}

/// Inode of an open file, which may be a namespace; from fdinfo, for a stat() could wait for a dead file
/// server.
std::string open_inode(const std::string& fdinfo) {
  std::ifstream in(fdinfo);
  for (std::string name, value; in >> name >> value;)
    if (name == "ino:") return value;
  return "";
}

/// Open descriptors, of namespaces themselves: dear to walk, so only for what is left over.
bool visit_descriptors(const std::string& proc, Inodes& dead) {
  std::error_code ec;
  for (fs::directory_iterator it(proc + "/fd", ec), end; !ec && it != end; it.increment(ec)) {
    const auto text = target(it->path());
    // a namespace shows as net:[N] or as the file that it is mounted on
    if (text && (text->starts_with("/") || text->starts_with("net:")))
      dead.erase(open_inode(proc + "/fdinfo/" + it->path().filename().string()));
  }
  return !ec || ec.value() == ENOENT || ec.value() == ESRCH || proc == "/proc/1";
}

}  // namespace

std::vector<std::string> certainly_dead(const std::vector<std::string>& inodes) {
  Inodes dead(inodes.begin(), inodes.end());
  if (dead.empty() || system_files().process_name(2) != "kthreadd") return {};
  std::set<std::string> seen_mounts;
  const auto pids = processes();
  for (const auto& proc : pids)
    if (!visit(proc, seen_mounts, dead)) return {};
  if (dead.empty()) return {};
  for (const auto& proc : pids)
    if (!visit_descriptors(proc, dead)) return {};
  return {dead.begin(), dead.end()};
}

}  // namespace xlvs::kernel
