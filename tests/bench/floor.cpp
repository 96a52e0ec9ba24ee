// SPDX-License-Identifier: GPL-2.0-or-later
// The floor and the empty program as contenders.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "bench/contender.h"
#include "bench_floor.skel.h"

namespace xlvs::bench {
namespace {

struct Close {
  void operator()(bench_floor* skeleton) const { bench_floor__destroy(skeleton); }
};
using Skeleton = std::unique_ptr<bench_floor, Close>;

class Floor : public Contender {
 public:
  Floor(Skeleton skeleton, std::uint32_t slot) : skeleton_(std::move(skeleton)), slot_(slot) {}
  [[nodiscard]] std::uint32_t slot() const override { return slot_; }
  std::string complaint() override {
    const auto misses = std::exchange(skeleton_->bss->floor_misses, 0);
    return misses ? fmt::format("{} packets without a connection", misses) : "";
  }

 private:
  Skeleton skeleton_;
  std::uint32_t slot_;
};

Result<Skeleton> load(const Scenario& s) {
  Skeleton k(bench_floor__open());
  if (!k) return Error{Errc::kSystem, "cannot open the bench's floor", errno};
  const bool v6 = s.family == model::Family::kInet6;
  bpf_map__set_max_entries(k->maps.floor_services4, std::max(4096u, 2 * s.services));
  // an LRU map evicts before it is quite full
  bpf_map__set_max_entries(v6 ? k->maps.floor_conns6 : k->maps.floor_conns4,
                           std::max(1024u, s.traffic == Traffic::kNew ? s.flows : s.flows + s.flows / 4));
  if (int rc = bench_floor__load(k.get()); rc != 0)
    return Error{Errc::kSystem, fmt::format("cannot load the bench's floor: {}", std::strerror(-rc)), -rc};
  return k;
}

/// A service of those that stream_of() addresses.
Status serve(const bench_floor& k, const Scenario& s, const std::string& address) {
  const bool v6 = s.family == model::Family::kInet6;
  support::Bytes key = support::address_bytes(address);
  const std::uint16_t proto = static_cast<std::uint16_t>(s.protocol);
  key.insert(key.end(),
             {0, 80, static_cast<std::uint8_t>(proto), 0});  // port in network order, proto in host order
  const support::Bytes server(28, 2);
  const int map = bpf_map__fd(v6 ? k.maps.floor_services6 : k.maps.floor_services4);
  if (bpf_map_update_elem(map, key.data(), server.data(), BPF_ANY) != 0)
    return Error{Errc::kSystem, fmt::format("cannot add the floor's service: {}", std::strerror(errno)),
                 errno};
  return ok();
}

Result<std::unique_ptr<Contender>> make(const Scenario& s, Wrapper& wrapper, bool empty) {
  auto k = load(s);
  if (!k) return k.error();
  bench_floor& floor = **k;
  for (std::uint32_t i = 0; i < s.services; ++i)
    if (Status added = serve(floor, s, vip_of(s, i)); !added) return added.error();
  const bpf_program* program = empty                        ? floor.progs.floor_empty
                               : s.traffic == Traffic::kNew ? floor.progs.floor_new
                                                            : floor.progs.floor_known;
  auto slot = wrapper.add(bpf_program__fd(program));
  if (!slot) return slot.error();
  if (!empty && s.traffic != Traffic::kStranger) {
    auto filler = wrapper.add(bpf_program__fd(floor.progs.floor_new));
    if (!filler) return filler.error();
    Stream fill = stream_of(s, support::kSyn, false);
    if (auto r = wrapper.run(*filler, fill, s.flows); !r) return r.error();
  }
  return std::unique_ptr<Contender>(new Floor(std::move(*k), *slot));
}

}  // namespace

Result<std::unique_ptr<Contender>> make_empty(const Scenario& s, Wrapper& wrapper) {
  return make(s, wrapper, true);
}
Result<std::unique_ptr<Contender>> make_floor(const Scenario& s, Wrapper& wrapper) {
  return make(s, wrapper, false);
}

}  // namespace xlvs::bench
