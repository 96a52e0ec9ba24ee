// SPDX-License-Identifier: GPL-2.0-or-later
// A table's folder from nothing to findable and back, each in one step that others can see.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "kernel/netns.h"
#include "kernel/sizing.h"
#include "kernel/table_dir.h"

namespace xlvs::kernel {

/// Held while tables are made, extended or removed in one bpffs; taken before any table's own lock.
/// Released by destruction or process death.
class TablesLock {
 public:
  /// Locks `place`/xlvs, made if need be. kPermission, kSystem.
  static Result<TablesLock> take(const std::string& place);
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  TablesLock(std::string path, UniqueFd folder) : path_(std::move(path)), folder_(std::move(folder)) {}
  std::string path_;
  UniqueFd folder_;
};

/// The lock, and this namespace's table if there is one.
struct HeldTable {
  TablesLock lock;
  std::optional<TableDir> table;
};

/// Locks the bpffs that holds this namespace's table or, when there is none, `place`; then removes leftovers
/// there. An error in `place` matters only without a table.
Result<HeldTable> hold_table(const Netns& ns, const Result<std::string>& place);

/// A folder that nobody takes for a table; removed by destruction, or by the next who holds the lock after
/// the death of this process.
class UnfinishedFolder {
 public:
  static Result<UnfinishedFolder> make(const TablesLock& lock, const std::string& table_name);
  UnfinishedFolder(UnfinishedFolder&& other) noexcept
      : path_(std::exchange(other.path_, "")), final_path_(std::move(other.final_path_)) {}
  UnfinishedFolder& operator=(UnfinishedFolder&&) = delete;
  ~UnfinishedFolder();

  [[nodiscard]] const std::string& path() const { return path_; }
  /// Gives it the table's name, in one step, and opens it.
  Result<TableDir> finish();

 private:
  UnfinishedFolder(std::string path, std::string final_path)
      : path_(std::move(path)), final_path_(std::move(final_path)) {}
  std::string path_;  ///< "" when there is nothing to remove
  std::string final_path_;
};

struct MadeTable {
  TableDir dir;
  std::string sweep_problem;  ///< "" = a timer sweeps
};

/// Loads everything, formats the table, starts the sweep, and then gives it its name. A failure, or death of
/// this process, leaves no table.
Result<MadeTable> make_table(const TablesLock& lock, const Netns& ns, const Capacity& capacity);

/// Takes the name away first, so that nobody finds half a table, then unpins everything; the kernel frees
/// the maps when the last program and process let go.
Status remove_table(const TablesLock& lock, const std::string& folder_name);

}  // namespace xlvs::kernel
