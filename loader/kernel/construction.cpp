// SPDX-License-Identifier: GPL-2.0-or-later
// Builds a table's folder under another name and renames it; removes in the opposite order.
#include "kernel/construction.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "kernel/format.h"
#include "kernel/living_netns.h"
#include "kernel/objects.h"
#include "kernel/opened_table.h"
#include "kernel/pinned.h"

namespace xlvs::kernel {
namespace {

namespace fs = std::filesystem;

Error failed(const std::string& doing, int error) {
  const bool permission = error == EPERM || error == EACCES;
  return Error{permission ? Errc::kPermission : Errc::kSystem,
               doing + ": " + std::strerror(error) + (permission ? " (root is needed)" : ""), error};
}

/// Removes a folder of pins; bpffs has no deeper levels in a table.
Status remove_folder(const std::string& path) {
  std::error_code ec;
  fs::remove_all(path, ec);
  if (ec) return failed("cannot remove " + path, ec.value());
  return ok();
}

std::string unfinished(const std::string& tables, const std::string& name) {
  return tables + "/" + kUnfinishedPrefix + name;
}

Result<std::uint64_t> random_seed() {
  std::uint64_t seed = 0;
  if (::getrandom(&seed, sizeof seed, 0) != sizeof seed) return failed("cannot draw a random seed", errno);
  return seed;
}

/// Everything that make_table does under the unfinished name.
Result<MadeTable> build_in(const std::string& path, const Netns& ns, const Capacity& capacity) {
  const auto seed = random_seed();
  if (!seed) return seed.error();
  if (auto s = load_programs(path, capacity, *seed); !s) return s.error();
  auto folder = open_folder(path);
  if (!folder) return folder.error();
  UniqueFd again(::dup(folder->get()));
  const auto table = OpenedTable::open_fresh(TableDir{path, std::move(*folder)}, capacity);
  if (!table) return table.error();
  if (auto s = format_table((*table)->memory(), capacity, ns, *seed); !s) return s.error();
  MadeTable made;
  made.dir.folder = std::move(again);
  if (auto s = load_sweep(path, capacity, *seed); !s) made.sweep_problem = s.error().what;
  return made;
}

}  // namespace

Result<TablesLock> TablesLock::take(const std::string& place) {
  const std::string path = place + "/" + kTablesFolder;
  if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) return failed("cannot make " + path, errno);
  auto folder = open_folder(path);
  if (!folder) return folder.error();
  int result = 0;
  do result = ::flock(folder->get(), LOCK_EX);
  while (result != 0 && errno == EINTR);
  if (result != 0) return failed("cannot lock " + path, errno);
  return TablesLock(path, std::move(*folder));
}

Result<MadeTable> make_table(const TablesLock& lock, const Netns& ns, const Capacity& capacity) {
  const std::string name = folder_name(ns);
  const std::string path = unfinished(lock.path(), name);
  const std::string final_path = lock.path() + "/" + name;
  if (::mkdir(path.c_str(), 0700) != 0) return failed("cannot make " + path, errno);
  auto made = build_in(path, ns, capacity);
  if (made && std::rename(path.c_str(), final_path.c_str()) != 0)
    made = failed("cannot rename " + path + " to " + final_path, errno);
  if (!made) {
    (void)remove_folder(path);
    return made;
  }
  made->dir.path = final_path;
  return made;
}

Status remove_table(const TablesLock& lock, const std::string& folder_name) {
  const std::string path = lock.path() + "/" + folder_name;
  const std::string grave = unfinished(lock.path(), folder_name);
  if (auto s = remove_folder(grave); !s) return s;
  if (std::rename(path.c_str(), grave.c_str()) != 0) return failed("cannot rename " + path, errno);
  return remove_folder(grave);
}

void remove_leftovers(const TablesLock& lock, const Netns& ours) {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(lock.path(), ec)) names.push_back(entry.path().filename());
  std::vector<std::string> strangers;
  for (const auto& name : names) {
    const std::string path = lock.path() + "/" + name;
    if (name.starts_with(kUnfinishedPrefix)) {
      (void)remove_folder(path);
    } else if (name == folder_name(ours)) {
      if (left_by_another(path, ours)) (void)remove_table(lock, name);
    } else if (name.find_first_not_of("0123456789") == std::string::npos) {
      strangers.push_back(name);
    }
  }
  for (const auto& name : certainly_dead(strangers)) (void)remove_table(lock, name);
}

}  // namespace xlvs::kernel
