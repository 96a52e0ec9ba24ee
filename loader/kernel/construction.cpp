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
#include <utility>

#include "encode/table.h"
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

}  // namespace

Result<UnfinishedFolder> UnfinishedFolder::make(const TablesLock& lock, const std::string& table_name) {
  UnfinishedFolder folder(unfinished(lock.path(), table_name), lock.path() + "/" + table_name);
  if (::mkdir(folder.path_.c_str(), 0700) == 0) return folder;
  const int error = errno;
  return failed("cannot make " + std::exchange(folder.path_, ""), error);
}

UnfinishedFolder::~UnfinishedFolder() {
  if (!path_.empty()) (void)remove_folder(path_);
}

Result<TableDir> UnfinishedFolder::finish() {
  auto opened = open_folder(path_);
  if (!opened) return opened.error();
  if (std::rename(path_.c_str(), final_path_.c_str()) != 0)
    return failed("cannot rename " + path_ + " to " + final_path_, errno);
  path_.clear();
  return TableDir{final_path_, std::move(*opened)};
}

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
  auto unfinished = UnfinishedFolder::make(lock, folder_name(ns));
  if (!unfinished) return unfinished.error();
  const LoadPaths paths{unfinished->path(), unfinished->path()};
  const auto seed = random_seed();
  if (!seed) return seed.error();
  if (auto s = load_director(paths, capacity, *seed); !s) return s.error();
  if (auto s = load_slowpath(paths, capacity, *seed); !s) return s.error();
  auto folder = open_folder(paths.pins);
  if (!folder) return folder.error();
  const auto table = OpenedTable::open_fresh(TableDir{paths.pins, std::move(*folder)}, capacity);
  if (!table) return table.error();
  if (auto s = encode::Table::format((*table)->memory(), {*seed, ns.cookie, capacity.max_conns}); !s)
    return s.error();
  const auto sweep = load_sweep(paths, capacity, *seed);
  auto dir = unfinished->finish();
  if (!dir) return dir.error();
  return MadeTable{std::move(*dir), sweep ? std::string() : sweep.error().what};
}

Status remove_table(const TablesLock& lock, const std::string& folder_name) {
  const std::string path = lock.path() + "/" + folder_name;
  const std::string grave = unfinished(lock.path(), folder_name);
  if (auto s = remove_folder(grave); !s) return s;
  if (std::rename(path.c_str(), grave.c_str()) != 0) return failed("cannot rename " + path, errno);
  return remove_folder(grave);
}

namespace {

/// Folders whose maker was killed, and those of network namespaces that are certainly gone.
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

}  // namespace

Result<HeldTable> hold_table(const Netns& ns, const Result<std::string>& place) {
  auto found = find_table(system_files(), ns);
  if (!found && found.error().code != Errc::kNotFound) return found.error();
  if (!found && !place) return place.error();
  const std::string inside = std::string("/") + kTablesFolder + "/";
  auto lock = TablesLock::take(found ? found->path.substr(0, found->path.rfind(inside)) : *place);
  if (!lock) return lock.error();
  remove_leftovers(*lock, ns);
  HeldTable held{std::move(*lock), std::nullopt};
  found = find_table(system_files(), ns);  // again, for now nobody else changes it
  if (found)
    held.table = std::move(*found);
  else if (found.error().code != Errc::kNotFound)
    return found.error();
  return held;
}

}  // namespace xlvs::kernel
