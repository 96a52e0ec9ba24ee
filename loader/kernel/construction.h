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

struct MadeTable {
  TableDir dir;
  std::string sweep_problem;
};

/// Loads everything into a folder under construction, formats the table, starts the sweep, and then gives
/// the folder its name. A failure, or death of this process, leaves no table.
Result<MadeTable> make_table(const TablesLock& lock, const Netns& ns, const Capacity& capacity);

/// Pins a table again whose pins are lost, from a director that still runs: with its connections, services
/// and counters. kNotFound when the director does not lead to a whole table of this namespace and ABI.
Result<MadeTable> recover_table(const TablesLock& lock, const Netns& ns, const UniqueFd& director);

/// Takes the name away first, so that nobody finds half a table, then unpins everything; the kernel frees
/// the maps when the last program and process let go.
Status remove_table(const TablesLock& lock, const std::string& folder_name);

}  // namespace xlvs::kernel
