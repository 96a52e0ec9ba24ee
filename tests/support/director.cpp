// SPDX-License-Identifier: GPL-2.0-or-later
// The real director object, loaded unpinned.
#include "support/director.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <ctime>

#include "abi/maps.h"
#include "abi/port.h"
#include "director.skel.h"
#include "kernel/probe.h"
#include "support/fib_model.h"

namespace xlvs::support {
namespace {

constexpr std::uint64_t kSeed = 0x5eed5eed5eed5eedull;  // the same in every run: failures repeat

Error system_error(const std::string& what, int error) {
  return Error{Errc::kSystem, fmt::format("{}: {}", what, std::strerror(error)), error};
}

unsigned cpus() { return static_cast<unsigned>(::libbpf_num_possible_cpus()); }

/// Sets every row of a per-CPU array to zero.
Status clear_per_cpu(int map, std::uint32_t rows, std::size_t value_size) {
  const std::vector<char> zero(value_size * cpus());
  for (std::uint32_t row = 0; row < rows; ++row)
    if (::bpf_map_update_elem(map, &row, zero.data(), BPF_ANY) != 0)
      return system_error("cannot clear a map", errno);
  return ok();
}

}  // namespace

void Director::Close::operator()(::director* skeleton) const { director__destroy(skeleton); }

Director::Director(std::unique_ptr<::director, Close> skeleton, const kernel::Capacity& capacity,
                   const Network& network)
    : skeleton_(std::move(skeleton)), capacity_(capacity), network_(network) {}

Result<std::unique_ptr<Director>> Director::load(const kernel::Capacity& c, const Network& network,
                                                 std::uint32_t confirm) {
  std::unique_ptr<::director, Close> k(director__open());
  if (!k) return system_error("cannot open the director object", errno);
  k->rodata->xlvs_limits = {.index_buckets = c.index_buckets,
                            .max_services = c.max_services,
                            .max_servers = c.max_servers,
                            .arena_blocks = c.arena_blocks,
                            .buckets4 = c.buckets4,
                            .buckets6 = c.buckets6,
                            .seed = kSeed,
                            .fib_src = kernel::fib_lookup_has_src() ? 1u : 0u,
                            .confirm = confirm};
  ::bpf_map__set_max_entries(k->maps.xlvs_svc_index, 2 * c.index_buckets);
  ::bpf_map__set_max_entries(k->maps.xlvs_services, c.max_services);
  ::bpf_map__set_max_entries(k->maps.xlvs_arena, c.arena_blocks);
  for (bpf_map* map : {k->maps.xlvs_servers, k->maps.xlvs_loads, k->maps.xlvs_lines})
    ::bpf_map__set_max_entries(map, c.max_servers);
  ::bpf_map__set_max_entries(k->maps.xlvs_changes, xlvs_changes_rows(c.max_servers));
  ::bpf_map__set_max_entries(k->maps.xlvs_rates, c.max_servers + c.max_services);
  ::bpf_map__set_max_entries(k->maps.xlvs_conns4, c.buckets4);
  ::bpf_map__set_max_entries(k->maps.xlvs_conns6, c.buckets6);
  const xlvs_limits limits = k->rodata->xlvs_limits;
  if (int rc = director__load(k.get()); rc != 0) return system_error("cannot load the director object", -rc);
  std::unique_ptr<Director> d(new Director(std::move(k), c, network));
  d->limits_ = limits;
  if (Status s = d->map_all(); !s) return s.error();
  if (Status s = d->format(); !s) return s.error();
  return d;
}

Director::~Director() {
  for (auto [address, length] : mappings_) ::munmap(address, length);
}

template <typename T>
Status Director::map_array(const char* name, std::span<T>& view) {
  const bpf_map* map = ::bpf_object__find_map_by_name(skeleton_->obj, name);
  if (!map || ::bpf_map__value_size(map) != sizeof(T))
    return Error{Errc::kSystem, fmt::format("{} is not what abi/ says", name)};
  const std::size_t length = ::bpf_map__max_entries(map) * sizeof(T);
  void* address = ::mmap(nullptr, length, PROT_READ | PROT_WRITE, MAP_SHARED, ::bpf_map__fd(map), 0);
  if (address == MAP_FAILED) return system_error(fmt::format("cannot map {}", name), errno);
  mappings_.emplace_back(address, length);
  view = std::span(static_cast<T*>(address), ::bpf_map__max_entries(map));
  return ok();
}

Status Director::map_all() {
  std::span<xlvs_control> control;
  std::span<xlvs_filter> filter;
  for (const Status& s :
       {map_array("xlvs_control", control), map_array("xlvs_filter", filter),
        map_array("xlvs_svc_index", memory_.index), map_array("xlvs_services", memory_.services),
        map_array("xlvs_arena", memory_.arena), map_array("xlvs_servers", memory_.servers),
        map_array("xlvs_loads", memory_.loads), map_array("xlvs_changes", memory_.changes),
        map_array("xlvs_conns4", memory_.conns4),
        map_array("xlvs_conns6", memory_.conns6), map_array("xlvs_rates", memory_.rates)})
    if (!s) return s;
  memory_.control = control.data();
  memory_.filter = filter.data();
  return ok();
}

Status Director::reset() {
  for (auto [address, length] : mappings_) std::memset(address, 0, length);
  if (Status s =
          clear_per_cpu(::bpf_map__fd(skeleton_->maps.xlvs_lines), capacity_.max_servers, sizeof(xlvs_line));
      !s)
    return s;
  if (Status s = clear_per_cpu(::bpf_map__fd(skeleton_->maps.xlvs_reasons), XLVS_REASON_COUNT,
                               sizeof(std::uint64_t));
      !s)
    return s;
  if (Status s = clear_per_cpu(map("xlvs_icmp_rate"), 1, 2 * sizeof(std::uint32_t)); !s) return s;
  return format();
}

int Director::program() const { return ::bpf_program__fd(skeleton_->progs.xlvs_director); }

int Director::map(const char* name) const { return ::bpf_object__find_map_fd_by_name(skeleton_->obj, name); }

Result<Outcome> Director::send(const Bytes& frame, std::uint32_t ifindex) {
  return run_xdp(program(), frame, ifindex ? ifindex : network_.client);
}

std::vector<std::uint64_t> Director::reasons() {
  std::vector<std::uint64_t> sums, values(cpus());
  for (std::uint32_t row = 0; row < XLVS_REASON_COUNT; ++row) {
    std::uint64_t sum = 0;
    if (::bpf_map_lookup_elem(::bpf_map__fd(skeleton_->maps.xlvs_reasons), &row, values.data()) == 0)
      for (const std::uint64_t v : values) sum += v;
    sums.push_back(sum);
  }
  return sums;
}

Result<std::vector<xlvs_counters>> Director::counters(std::span<const std::uint32_t> rows) {
  std::vector<xlvs_counters> sums;
  std::vector<xlvs_line> values(cpus());
  for (const std::uint32_t row : rows) {
    xlvs_counters sum{};
    if (::bpf_map_lookup_elem(::bpf_map__fd(skeleton_->maps.xlvs_lines), &row, values.data()) != 0)
      return system_error("cannot read xlvs_lines", errno);
    for (const xlvs_line& l : values) {
      sum.conns += l.counters.conns;
      sum.in_pkts += l.counters.in_pkts;
      sum.in_bytes += l.counters.in_bytes;
      sum.out_pkts += l.counters.out_pkts;
      sum.out_bytes += l.counters.out_bytes;
    }
    sums.push_back(sum);
  }
  return sums;
}

xlvs_addr Director::source_for(const xlvs_addr& to, unsigned family) {
  xlvs_addr source{};
  const Bytes dst(reinterpret_cast<const std::uint8_t*>(&to),
                  reinterpret_cast<const std::uint8_t*>(&to) + (family == XLVS_AF_INET ? 4 : 16));
  const Route route = route_to(network_, dst);
  std::memcpy(&source, route.source.data(), route.source.size());
  return source;
}

Status Director::forget(std::span<const std::uint32_t> rows) {
  const std::vector<xlvs_line> empty(cpus());
  for (const std::uint32_t row : rows)
    if (::bpf_map_update_elem(::bpf_map__fd(skeleton_->maps.xlvs_lines), &row, empty.data(), BPF_ANY) != 0)
      return system_error("cannot clear xlvs_lines", errno);
  return ok();
}

std::uint32_t Director::now() {
  timespec t{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &t);
  return xlvs_ticks(static_cast<__u64>(t.tv_sec) * 1000000000u + static_cast<__u64>(t.tv_nsec));
}

Status Director::format() {
  encode::TableHost& host = *this;
  table_.emplace(memory_, host);
  for (auto [ifindex, mac] :
       {std::pair{network_.client, kClientMac}, {network_.server, kServerMac}, {network_.narrow, kNarrowMac}}) {
    xlvs_port port{.ifindex = ifindex, .mac = {}, .flags = XLVS_PORT_F_OUT};
    std::memcpy(port.mac, mac.data(), sizeof port.mac);
    const std::uint32_t row = ifindex % XLVS_PORTS;
    if (::bpf_map_update_elem(map("xlvs_ports"), &row, &port, BPF_ANY) != 0)
      return system_error("cannot fill xlvs_ports", errno);
  }
  return encode::Table::format(memory_, {.seed = kSeed, .netns_cookie = 0, .max_conns = capacity_.max_conns});
}

}  // namespace xlvs::support
