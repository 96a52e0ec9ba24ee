// SPDX-License-Identifier: GPL-2.0-or-later
// Finds, mounts and opens the bpffs folders that tables live in.
#include "kernel/table_dir.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>

#include "abi/control.h"
#include "kernel/pinned.h"

namespace xlvs::kernel {
namespace {

constexpr const char* kSystemBpffs = "/sys/fs/bpf";
constexpr const char* kOwnBpffs = "/run/xlvs/bpf";
constexpr int kInitPid = 1;
constexpr int kThreadMakerPid = 2;

class SystemFiles : public FileView {
 public:
  std::optional<std::uint64_t> bpffs_device(const std::string& path) const override {
    struct statfs fs {};
    struct stat st {};
    if (::statfs(path.c_str(), &fs) != 0 || fs.f_type != BPF_FS_MAGIC) return std::nullopt;
    if (::stat(path.c_str(), &st) != 0) return std::nullopt;
    return st.st_dev;
  }
  bool empty_directory(const std::string& path) const override {
    std::error_code ec;
    return std::filesystem::is_directory(path, ec) && std::filesystem::is_empty(path, ec) && !ec;
  }
  std::string process_name(int pid) const override {
    std::ifstream in("/proc/" + std::to_string(pid) + "/comm");
    std::string name;
    std::getline(in, name);
    return name;
  }
  bool root_readable(int pid) const override {
    struct stat st {};
    return ::stat(("/proc/" + std::to_string(pid) + "/root/").c_str(), &st) == 0;
  }
};

Errc errc_of(int error) {
  if (error == ENOENT || error == ENOTDIR) return Errc::kNotFound;
  if (error == EACCES || error == EPERM) return Errc::kPermission;
  return Errc::kSystem;
}

/// Mounts a bpffs in this process's mount namespace. 0 or an errno.
int mount_here(const std::string& target) {
  if (target == kOwnBpffs) {
    if (::mkdir("/run/xlvs", 0755) != 0 && errno != EEXIST) return errno;
    if (::mkdir(kOwnBpffs, 0700) != 0 && errno != EEXIST) return errno;
  }
  if (::mount("bpf", target.c_str(), "bpf", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0700") != 0) return errno;
  return 0;
}

/// Mounts in the mount namespace of process `pid` (0: our own), from a child, for there is no way back
/// from setns(CLONE_NEWNS) without knowing the old working directory. 0 or an errno.
int mount_in_namespace_of(int pid) {
  const pid_t child = ::fork();
  if (child < 0) return errno;
  if (child == 0) {
    if (pid != 0) {
      const std::string process = "/proc/" + std::to_string(pid);
      UniqueFd ns(::open((process + "/ns/mnt").c_str(), O_RDONLY | O_CLOEXEC));
      UniqueFd root(::open((process + "/root").c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      if (!ns || !root || ::setns(ns.get(), CLONE_NEWNS) != 0) ::_exit(errno & 0xff);
      // setns() leaves us at the namespace's root, which is not the process's own if it is in a chroot
      if (::fchdir(root.get()) != 0 || ::chroot(".") != 0) ::_exit(errno & 0xff);
    }
    ::_exit(mount_here(mount_point(system_files())) & 0xff);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

}  // namespace

const FileView& system_files() {
  static const SystemFiles files;
  return files;
}

int first_mount_namespace_pid(const FileView& files) {
  if (files.root_readable(kInitPid)) return kInitPid;
  if (files.process_name(kThreadMakerPid) == "kthreadd" && files.root_readable(kThreadMakerPid))
    return kThreadMakerPid;
  return 0;
}

std::vector<std::string> bpffs_places(const FileView& files) {
  std::vector<std::string> roots;
  if (const int pid = first_mount_namespace_pid(files))
    roots.push_back("/proc/" + std::to_string(pid) + "/root");
  roots.emplace_back("");
  struct Place {
    std::string path;
    std::uint64_t device;
  };
  std::vector<Place> places;
  for (const auto& root : roots)
    for (const char* mount : {kSystemBpffs, kOwnBpffs}) {
      const std::string path = root + mount;
      const auto device = files.bpffs_device(path);
      if (!device) continue;
      const auto same =
          std::find_if(places.begin(), places.end(), [&](const Place& p) { return p.device == *device; });
      if (same == places.end())
        places.push_back({path, *device});
      else if (root.empty())
        same->path = path;  // the same mount without the detour: nicer to read
    }
  std::vector<std::string> paths;
  for (auto& place : places) paths.push_back(std::move(place.path));
  return paths;
}

std::string mount_point(const FileView& files) {
  return files.empty_directory(kSystemBpffs) ? kSystemBpffs : kOwnBpffs;
}

Result<std::string> make_bpffs_place(const FileView& files) {
  auto places = bpffs_places(files);
  int error = 0;
  if (places.empty()) {
    const int pid = first_mount_namespace_pid(files);
    error = mount_in_namespace_of(pid);
    if (error != 0 && pid != 0) error = mount_in_namespace_of(0);
    places = bpffs_places(files);
  }
  if (places.empty())
    return Error{errc_of(error),
                 std::string("cannot mount a BPF file system at ") + kSystemBpffs + " or " + kOwnBpffs +
                     ": " + (error ? std::strerror(error) : "mounted, but not to be seen from here") +
                     (error == EPERM ? " (root is needed)" : "; mount one: `mount -t bpf bpf /sys/fs/bpf`"),
                 error};
  return places.front();
}

Result<UniqueFd> open_folder(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (fd) return fd;
  const int error = errno;
  const Errc code = errc_of(error);
  return Error{code,
               "cannot open " + path + ": " + std::strerror(error) +
                   (code == Errc::kPermission ? " (root is needed)" : ""),
               error};
}

std::string fd_path(const UniqueFd& folder) { return "/proc/self/fd/" + std::to_string(folder.get()); }

bool left_by_another(const std::string& folder, const Netns& ns) {
  const auto control = read_pinned_control(folder);
  return control && control->abi == XLVS_ABI_VERSION && control->netns_cookie != ns.cookie;
}

Error no_table() {
  return Error{Errc::kNotFound, "there is no xlvs table in this network namespace: `xlvs attach` makes one"};
}

Error other_abi(const TableDir& table, std::uint32_t abi) {
  return Error{Errc::kUnsupported, "the table in " + table.path + " has ABI version " + std::to_string(abi) +
                                       ", this program speaks " + std::to_string(XLVS_ABI_VERSION) +
                                       ": use the xlvs that made it, or `xlvs detach` and attach again"};
}

Result<TableDir> find_table(const FileView& files, const Netns& ns) {
  for (const auto& place : bpffs_places(files)) {
    const std::string path = place + "/" + kTablesFolder + "/" + folder_name(ns);
    auto folder = open_folder(path);
    if (folder && !left_by_another(fd_path(*folder), ns)) return TableDir{path, std::move(*folder)};
    if (!folder && folder.error().code != Errc::kNotFound) return folder.error();
  }
  // who may not look into the first mount namespace cannot know that there is none
  if (first_mount_namespace_pid(files) == 0 && (::geteuid() != 0 || !files.bpffs_device(kSystemBpffs)))
    return Error{Errc::kPermission, "cannot look for the xlvs table of this network namespace: root is needed, "
                                    "with CAP_SYS_PTRACE where /sys/fs/bpf is hidden"};
  return no_table();
}

}  // namespace xlvs::kernel
