// SPDX-License-Identifier: GPL-2.0-or-later
// Maps a pinned table's arrays, refusing what is not of this ABI or not of the sizes that control states.
#include "kernel/opened_table.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <linux/membarrier.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "abi/port.h"
#include "abi/verdict.h"
#include "kernel/pinned.h"
#include "kernel/probe.h"

namespace xlvs::kernel {
namespace {

Error damaged(const TableDir& dir, const std::string& why) {
  return Error{Errc::kSystem,
               fmt::format("the table in {} is damaged: {}; `xlvs detach` removes it", dir.path, why)};
}

/// Sums values of `T`, one per CPU each of `stride` bytes, with `add`.
template <typename T, typename Add>
T sum_cpus(std::span<const char> values, unsigned cpus, Add add) {
  const std::size_t stride = (sizeof(T) + 7) & ~std::size_t{7};
  T sum{};
  for (unsigned cpu = 0; cpu < cpus; ++cpu) {
    T one;
    std::memcpy(&one, values.data() + cpu * stride, sizeof one);
    add(sum, one);
  }
  return sum;
}

void add_line(xlvs_line& sum, const xlvs_line& one) {
  sum.counters.conns += one.counters.conns;
  sum.counters.in_pkts += one.counters.in_pkts;
  sum.counters.in_bytes += one.counters.in_bytes;
  sum.counters.out_pkts += one.counters.out_pkts;
  sum.counters.out_bytes += one.counters.out_bytes;
}

Error cannot_map(const char* map, std::size_t length, int error) {
  return Error{Errc::kSystem,
               fmt::format("cannot map {} ({}): {}", map, human_bytes(length), std::strerror(error)), error};
}

Error cannot_read(const char* map, std::uint32_t row, int error) {
  return Error{Errc::kSystem, fmt::format("cannot read row {} of {}: {}", row, map, std::strerror(error)),
               error};
}

}  // namespace

Result<UniqueFd> OpenedTable::open_array(const char* name, std::uint64_t entries, std::size_t entry_size) {
  auto fd = open_pinned(fd_path(dir_.folder), name);
  if (!fd) return damaged(dir_, fd.error().what);
  const auto shape = map_shape(*fd, name);
  if (!shape) return shape.error();
  if (shape->value_size != entry_size || shape->max_entries != entries)
    return damaged(dir_, fmt::format("{} has {} entries of {} bytes, not {} of {}", name, shape->max_entries,
                                     shape->value_size, entries, entry_size));
  return fd;
}

template <typename T>
Status OpenedTable::map_array(const char* name, std::uint64_t entries, std::span<T>& view) {
  const auto fd = open_array(name, entries, sizeof(T));
  if (!fd) return fd.error();
  const std::size_t length = entries * sizeof(T);
  void* address = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd->get(), 0);
  if (address == MAP_FAILED) return cannot_map(name, length, errno);
  mappings_.push_back({address, length});
  view = std::span(static_cast<T*>(address), entries);
  return ok();
}

/// Only takes the addresses: to map a large array costs milliseconds, for the kernel enters every page.
template <typename T>
Status OpenedTable::reserve_array(const char* name, std::uint64_t entries, std::span<T>& view,
                                  UniqueFd& map) {
  auto fd = open_array(name, entries, sizeof(T));
  if (!fd) return fd.error();
  const std::size_t length = entries * sizeof(T);
  void* address = ::mmap(nullptr, length, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (address == MAP_FAILED) return cannot_map(name, length, errno);
  mappings_.push_back({address, length});
  view = std::span(static_cast<T*>(address), entries);
  map = std::move(*fd);
  return ok();
}

Status OpenedTable::map_connections() {
  const auto map_over = [](const char* name, auto view, UniqueFd& map) -> Status {
    if (!map) return ok();
    if (::mmap(view.data(), view.size_bytes(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, map.get(),
               0) == MAP_FAILED)
      return cannot_map(name, view.size_bytes(), errno);
    map = UniqueFd();
    return ok();
  };
  if (auto s = map_over("xlvs_conns4", memory_.conns4, conns4_); !s) return s;
  return map_over("xlvs_conns6", memory_.conns6, conns6_);
}

Status OpenedTable::map_all(const Capacity& c) {
  std::span<xlvs_control> control;
  std::span<xlvs_filter> filter;
  if (auto s = map_array("xlvs_control", 1, control); !s) return s;
  if (auto s = map_array("xlvs_filter", 1, filter); !s) return s;
  memory_.control = control.data();
  memory_.filter = filter.data();
  if (auto s = map_array("xlvs_svc_index", 2ull * c.index_buckets, memory_.index); !s) return s;
  if (auto s = map_array("xlvs_services", 2ull * c.max_services, memory_.services); !s) return s;
  if (auto s = map_array("xlvs_arena", c.arena_blocks, memory_.arena); !s) return s;
  if (auto s = map_array("xlvs_servers", c.max_servers, memory_.servers); !s) return s;
  if (auto s = map_array("xlvs_loads", c.max_servers, memory_.loads); !s) return s;
  if (auto s = map_array("xlvs_changes", xlvs_changes_rows(c.max_servers), memory_.changes); !s) return s;
  if (auto s = map_array("xlvs_rates", c.max_servers + 2ull * c.max_services, memory_.rates); !s) return s;
  if (auto s = reserve_array("xlvs_conns4", c.buckets4, memory_.conns4, conns4_); !s) return s;
  if (auto s = reserve_array("xlvs_conns6", c.buckets6, memory_.conns6, conns6_); !s) return s;
  for (auto [name, fd] : {std::pair{"xlvs_lines", &lines_}, std::pair{"xlvs_reasons", &reasons_}}) {
    auto opened = open_pinned(fd_path(dir_.folder), name);
    if (!opened) return damaged(dir_, opened.error().what);
    *fd = std::move(*opened);
  }
  if (const auto ports = open_array("xlvs_ports", XLVS_PORTS, sizeof(xlvs_port)); !ports) return ports.error();
  const auto lines = map_shape(lines_, "xlvs_lines");
  const auto reasons = map_shape(reasons_, "xlvs_reasons");
  if (!lines || lines->value_size != sizeof(xlvs_line) || lines->max_entries != c.max_servers)
    return damaged(dir_, "xlvs_lines has another size than xlvs_servers");
  if (!reasons || reasons->value_size != sizeof(std::uint64_t) || reasons->max_entries < XLVS_REASON_COUNT)
    return damaged(dir_, "xlvs_reasons is too small");
  return ok();
}

Result<std::unique_ptr<OpenedTable>> OpenedTable::open_fresh(TableDir dir, const Capacity& capacity) {
  std::unique_ptr<OpenedTable> table(new OpenedTable(std::move(dir), possible_cpus()));
  if (auto s = table->map_all(capacity); !s) return s.error();
  return table;
}

Result<std::unique_ptr<OpenedTable>> OpenedTable::open(TableDir dir) {
  const auto control = read_pinned_control(fd_path(dir.folder));
  if (!control) return damaged(dir, "it has no readable xlvs_control");
  if (control->abi != XLVS_ABI_VERSION)
    return other_abi(dir, control->abi);
  return open_fresh(std::move(dir), capacity_of(*control));
}

Result<std::unique_ptr<OpenedTable>> OpenedTable::open() {
  const auto ns = current_netns();
  if (!ns) return ns.error();
  auto dir = find_table(system_files(), *ns);
  if (!dir) return dir.error();
  return open(std::move(*dir));
}

OpenedTable::~OpenedTable() {
  for (const auto& m : mappings_) ::munmap(m.address, m.length);
}

Result<std::vector<std::uint64_t>> OpenedTable::reasons() {
  std::vector<char> values(cpus_ * sizeof(std::uint64_t));
  std::vector<std::uint64_t> sums;
  for (std::uint32_t row = 0; row < XLVS_REASON_COUNT; ++row) {
    if (::bpf_map_lookup_elem(reasons_.get(), &row, values.data()) != 0)
      return cannot_read("xlvs_reasons", row, errno);
    sums.push_back(sum_cpus<std::uint64_t>(values, cpus_, [](auto& sum, auto one) { sum += one; }));
  }
  return sums;
}

Status OpenedTable::read_lines(std::uint32_t first, std::uint32_t end, std::vector<xlvs_counters>& out) {
  constexpr std::uint32_t kChunk = 1024;
  const std::size_t stride = cpus_ * sizeof(xlvs_line);
  std::vector<std::uint32_t> keys(std::min(kChunk, end - first));
  std::vector<char> values(keys.size() * stride);
  for (std::uint32_t row = first; row < end;) {
    std::uint32_t behind = row - 1, next = 0, count = std::min(kChunk, end - row);
    if (::bpf_map_lookup_batch(lines_.get(), row == 0 ? nullptr : &behind, &next, keys.data(), values.data(),
                               &count, nullptr) != 0 &&
        errno != ENOENT)  // the array's end: what there was has been read
      return cannot_read("xlvs_lines", row, errno);
    if (count == 0) return cannot_read("xlvs_lines", row, ENOENT);
    for (std::uint32_t i = 0; i < count; ++i)
      out.push_back(
          sum_cpus<xlvs_line>(std::span(values).subspan(i * stride, stride), cpus_, add_line).counters);
    row += count;
  }
  return ok();
}

/// A service's rows mostly lie together, and so do those of all services: one system call reads many.
Result<std::vector<xlvs_counters>> OpenedTable::counters(std::span<const std::uint32_t> servers) {
  std::vector<xlvs_counters> sums;
  if (servers.empty()) return sums;
  sums.reserve(servers.size());
  const auto [least, most] = std::minmax_element(servers.begin(), servers.end());
  const std::uint64_t spread = std::uint64_t{*most} - *least + 1;
  if (spread > 4 * servers.size()) {
    for (const std::uint32_t row : servers)
      if (auto s = read_lines(row, row + 1, sums); !s) return s.error();
    return sums;
  }
  std::vector<xlvs_counters> all;
  if (auto s = read_lines(*least, *most + 1, all); !s) return s.error();
  for (const std::uint32_t row : servers) sums.push_back(all[row - *least]);
  return sums;
}

void OpenedTable::wait_for_packets() {
  // A grace period of RCU, which the stack holds for the whole of a packet's way
  if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return;
  constexpr timespec kLongerThanAnyPacket{.tv_sec = 0, .tv_nsec = 100'000'000};  // nohz_full: no such call
  ::nanosleep(&kLongerThanAnyPacket, nullptr);
}

Status OpenedTable::forget(std::span<const std::uint32_t> servers) {
  const std::vector<char> empty(cpus_ * sizeof(xlvs_line));
  for (const std::uint32_t row : servers)
    if (::bpf_map_update_elem(lines_.get(), &row, empty.data(), BPF_ANY) != 0)
      return Error{Errc::kSystem,
                   fmt::format("cannot clear row {} of xlvs_lines: {}", row, std::strerror(errno)), errno};
  return ok();
}

std::uint32_t OpenedTable::now() {
  timespec ts{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
  return xlvs_ticks(static_cast<std::uint64_t>(ts.tv_sec) * 1000000000ull +
                    static_cast<std::uint64_t>(ts.tv_nsec));
}

xlvs_addr OpenedTable::source_for(const xlvs_addr& to, unsigned family) {
  // A datagram socket that is connected sends nothing, but has been given its source address.
  xlvs_addr source{};
  const UniqueFd fd(::socket(static_cast<int>(family), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!fd) return source;
  if (family == AF_INET) {
    sockaddr_in peer{.sin_family = AF_INET, .sin_port = htons(9), .sin_addr = {to.word[0]}, .sin_zero = {}};
    socklen_t length = sizeof peer;
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&peer), length) == 0 &&
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&peer), &length) == 0)
      source.word[0] = peer.sin_addr.s_addr;
  } else {
    sockaddr_in6 peer{};
    peer.sin6_family = AF_INET6;
    peer.sin6_port = htons(9);
    std::memcpy(&peer.sin6_addr, to.word, sizeof peer.sin6_addr);
    socklen_t length = sizeof peer;
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&peer), length) == 0 &&
        ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&peer), &length) == 0)
      std::memcpy(source.word, &peer.sin6_addr, sizeof source.word);
  }
  return source;
}

Status OpenedTable::lock(bool exclusive) {
  int result = 0;
  do result = ::flock(dir_.folder.get(), exclusive ? LOCK_EX : LOCK_SH);
  while (result != 0 && errno == EINTR);
  if (result != 0)
    return Error{Errc::kSystem, fmt::format("cannot lock {}: {}", dir_.path, std::strerror(errno)), errno};
  struct stat st {};
  if (::fstat(dir_.folder.get(), &st) == 0 && st.st_nlink == 0)
    return Error{Errc::kNotFound, fmt::format("the table in {} was removed meanwhile", dir_.path)};
  return ok();
}

void OpenedTable::unlock() { ::flock(dir_.folder.get(), LOCK_UN); }

}  // namespace xlvs::kernel
