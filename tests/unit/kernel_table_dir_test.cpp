// SPDX-License-Identifier: GPL-2.0-or-later
// Where a table is looked for, seen from every way of entering a namespace, on a file system that is told.
#include "kernel/table_dir.h"

#include <gmock/gmock.h>

#include <map>
#include <set>

namespace xlvs::kernel {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

struct ToldFiles : FileView {
  std::map<std::string, std::uint64_t> bpffs;
  std::set<std::string> empty;
  std::map<int, std::string> names{{1, "systemd"}, {2, "kthreadd"}};
  std::set<int> readable{1, 2};

  std::optional<std::uint64_t> bpffs_device(const std::string& path) const override {
    const auto it = bpffs.find(path);
    return it == bpffs.end() ? std::nullopt : std::optional(it->second);
  }
  bool empty_directory(const std::string& path) const override { return empty.contains(path); }
  std::string process_name(int pid) const override {
    const auto it = names.find(pid);
    return it == names.end() ? "" : it->second;
  }
  bool root_readable(int pid) const override { return readable.contains(pid); }
};

TEST(FolderName, IsHostForTheFirstNamespace) {
  EXPECT_EQ(folder_name({.inode = 4026531833, .cookie = 3}), "host");  // NET_NS_INIT_INO, newer kernels
  EXPECT_EQ(folder_name({.inode = 4026531840, .cookie = 1}), "host");  // the first cookie, older ones
  EXPECT_EQ(folder_name({.inode = 4026532177, .cookie = 2}), "4026532177");
}

TEST(BpffsPlaces, OnTheHostThereIsOneByItsShortName) {
  ToldFiles host;
  host.bpffs = {{"/proc/1/root/sys/fs/bpf", 39}, {"/sys/fs/bpf", 39}};
  EXPECT_THAT(bpffs_places(host), ElementsAre("/sys/fs/bpf"));
}

TEST(BpffsPlaces, UnderIpNetnsExecTheHostsIsReachedThroughInit) {
  ToldFiles exec;  // a fresh sysfs hides /sys/fs/bpf
  exec.bpffs = {{"/proc/1/root/sys/fs/bpf", 39}};
  EXPECT_THAT(bpffs_places(exec), ElementsAre("/proc/1/root/sys/fs/bpf"));
}

TEST(BpffsPlaces, WhereInitHidesItsRootTheKernelsThreadMakerServes) {
  ToldFiles hardened;
  hardened.readable = {2};
  hardened.bpffs = {{"/proc/2/root/sys/fs/bpf", 39}};
  EXPECT_THAT(bpffs_places(hardened), ElementsAre("/proc/2/root/sys/fs/bpf"));
}

TEST(BpffsPlaces, ProcessTwoOfAContainerIsNobody) {
  ToldFiles container;
  container.readable = {2};
  container.names[2] = "nginx";
  container.bpffs = {{"/proc/2/root/sys/fs/bpf", 50}, {"/sys/fs/bpf", 51}};
  EXPECT_EQ(first_mount_namespace_pid(container), 0);
  EXPECT_THAT(bpffs_places(container), ElementsAre("/sys/fs/bpf"));
}

TEST(BpffsPlaces, APrivateMountComesAfterTheFirstNamespaces) {
  ToldFiles files;  // somebody mounted a bpffs inside `ip netns exec`
  files.bpffs = {{"/proc/1/root/sys/fs/bpf", 39}, {"/sys/fs/bpf", 70}};
  EXPECT_THAT(bpffs_places(files), ElementsAre("/proc/1/root/sys/fs/bpf", "/sys/fs/bpf"));
}

TEST(BpffsPlaces, OursUnderRunIsFoundWhenNothingElseIsThere) {
  ToldFiles files;
  files.bpffs = {{"/run/xlvs/bpf", 71}};
  EXPECT_THAT(bpffs_places(files), ElementsAre("/run/xlvs/bpf"));
  EXPECT_THAT(bpffs_places(ToldFiles{}), IsEmpty());
}

TEST(MountPoint, IsTheSystemsOnlyWhenThatIsAnEmptyDirectory) {
  ToldFiles files;
  EXPECT_EQ(mount_point(files), "/run/xlvs/bpf");
  files.empty = {"/sys/fs/bpf"};
  EXPECT_EQ(mount_point(files), "/sys/fs/bpf");
}

}  // namespace
}  // namespace xlvs::kernel
