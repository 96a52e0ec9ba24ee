// SPDX-License-Identifier: GPL-2.0-or-later
// Where a namespace's table is pinned, found alike on the host, under `ip netns exec` and `nsenter`.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/netns.h"

namespace xlvs::kernel {

/// What the search asks of the file system; replaced whole in tests.
class FileView {
 public:
  virtual ~FileView() = default;
  /// Device number of the bpffs mounted at `path`, nothing if it is something else or out of reach.
  virtual std::optional<std::uint64_t> bpffs_device(const std::string& path) const = 0;
  /// `path` is an existing directory with nothing in it.
  virtual bool empty_directory(const std::string& path) const = 0;
  /// /proc/PID/comm, "" if there is none.
  virtual std::string process_name(int pid) const = 0;
  /// /proc/PID/root can be looked into.
  virtual bool root_readable(int pid) const = 0;
};

/// The real file system.
const FileView& system_files();

/// A process that lives in the first mount namespace and lets us look: init, or else the kernel's
/// thread maker, for hardened systems refuse /proc/1/root even to root. 0 = none.
int first_mount_namespace_pid(const FileView& files);

/// Mounted bpffs that may hold tables, the place for new ones first: the first mount namespace's
/// before our own, for `ip netns exec` hides the one and a private mount dies with its processes.
std::vector<std::string> bpffs_places(const FileView& files);

/// Where a bpffs should be mounted when there is none: "/sys/fs/bpf", or our own place under /run.
std::string mount_point(const FileView& files);

/// The first of bpffs_places(); mounts one, if possible in the first mount namespace, when there is none.
Result<std::string> make_bpffs_place(const FileView& files);

/// The folder that holds all tables of one bpffs, and names in it that are not tables: folders under
/// construction or demolition, left over when their maker was killed.
inline constexpr const char* kTablesFolder = "xlvs";
inline constexpr const char* kUnfinishedPrefix = "unfinished_";

/// Opens a directory for use as `/proc/self/fd/N/...`. kNotFound, kPermission, kSystem.
Result<UniqueFd> open_folder(const std::string& path);
/// Path by which this process reaches the folder behind an open descriptor, whatever is renamed.
std::string fd_path(const UniqueFd& folder);

/// A table's folder, held open.
struct TableDir {
  std::string path;  ///< for people; the descriptor is the truth
  UniqueFd folder;
};

/// The folder is named for `ns`, but its table was made in another life of that inode number.
bool left_by_another(const std::string& folder, const Netns& ns);

/// What to say when there is none: kNotFound, in words.
Error no_table();

/// kUnsupported: the table was made by an xlvs that speaks another ABI version.
Error other_abi(const TableDir& table, std::uint32_t abi);

/// This namespace's table. kNotFound when it has none; a folder left by a dead namespace with the same
/// number is none. kPermission for who may not look.
Result<TableDir> find_table(const FileView& files, const Netns& ns);

}  // namespace xlvs::kernel
