// SPDX-License-Identifier: GPL-2.0-or-later
// Loads the slow path beside a director, and listens behind its interfaces.
#include "support/slowpath.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "slowpath.skel.h"

namespace xlvs::support {
namespace {

// As in slow/hold.h: of a frame that was held. It needs no note in front of it to be balanced, which a test run could not give.
constexpr std::uint32_t kHeldMark = 0x786c7666;

bpf_tc_hook hook_of(std::uint32_t ifindex, int points) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = static_cast<int>(ifindex);
  hook.attach_point = static_cast<bpf_tc_attach_point>(points);
  return hook;
}

/// Where struct xlvs_case, which is the slow path's own, has its order.
std::size_t order_at(const bpf_object* object) {
  const btf* types = ::bpf_object__btf(object);
  const btf_type* row = ::btf__type_by_id(types, static_cast<__u32>(::btf__find_by_name_kind(types, "xlvs_case", BTF_KIND_STRUCT)));
  for (std::uint32_t i = 0; i < btf_vlen(row); ++i)
    if (std::strcmp(::btf__name_by_offset(types, btf_members(row)[i].name_off), "order") == 0)
      return btf_member_bit_offset(row, i) / 8;
  std::abort();
}

}  // namespace

void Slowpath::Close::operator()(::slowpath* skeleton) const { slowpath__destroy(skeleton); }

Result<std::unique_ptr<Slowpath>> Slowpath::load(Director& director) {
  std::unique_ptr<::slowpath, Close> k(slowpath__open());
  if (!k) return Error{Errc::kSystem, "cannot open the slow path object", errno};
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, k->obj) {
    const int same = director.map(::bpf_map__name(map));
    if (same >= 0 && ::bpf_map__reuse_fd(map, same) != 0)
      return Error{Errc::kSystem, fmt::format("cannot share {}", ::bpf_map__name(map)), errno};
  }
  k->rodata->xlvs_limits = director.limits();
  if (int rc = slowpath__load(k.get()); rc != 0) return Error{Errc::kSystem, "cannot load the slow path object", -rc};
  return std::unique_ptr<Slowpath>(new Slowpath(std::move(k)));
}

Slowpath::~Slowpath() {
  for (const std::uint32_t ifindex : attached_) {
    bpf_tc_hook hook = hook_of(ifindex, BPF_TC_INGRESS | BPF_TC_EGRESS);
    ::bpf_tc_hook_destroy(&hook);
  }
}

void Slowpath::forget() {
  for (const char* name : {"xlvs_fragments", "xlvs_held"}) {
    const bpf_map* map = ::bpf_object__find_map_by_name(skeleton_->obj, name);
    Bytes key(::bpf_map__key_size(map));
    while (::bpf_map_get_next_key(::bpf_map__fd(map), nullptr, key.data()) == 0)
      ::bpf_map_delete_elem(::bpf_map__fd(map), key.data());
  }
}

Status Slowpath::attach(std::uint32_t ifindex) {
  bpf_tc_hook hook = hook_of(ifindex, BPF_TC_INGRESS);
  if (int rc = ::bpf_tc_hook_create(&hook); rc != 0) return Error{Errc::kSystem, "cannot make a TC hook", -rc};
  attached_.push_back(ifindex);
  LIBBPF_OPTS(bpf_tc_opts, opts);
  opts.prog_fd = ::bpf_program__fd(skeleton_->progs.xlvs_slowpath);
  if (int rc = ::bpf_tc_attach(&hook, &opts); rc != 0) return Error{Errc::kSystem, "cannot attach the slow path", -rc};
  return ok();
}

Result<Outcome> Slowpath::again(const Bytes& frame, std::uint32_t ifindex) {
  __sk_buff skb{};
  skb.mark = kHeldMark;
  skb.ifindex = ifindex;
  skb.ingress_ifindex = ifindex;
  const int map = ::bpf_object__find_map_fd_by_name(skeleton_->obj, "xlvs_cases");
  const std::uint32_t zero = 0;
  const Bytes rows = empty_cases();
  if (::bpf_map_update_elem(map, &zero, rows.data(), BPF_ANY) != 0)
    return Error{Errc::kSystem, "cannot clear xlvs_cases", errno};
  return run_tc(::bpf_program__fd(skeleton_->progs.xlvs_slowpath), frame, skb);
}

/// A row for each CPU, all zero.
Bytes Slowpath::empty_cases() const {
  const std::size_t size = ::bpf_map__value_size(::bpf_object__find_map_by_name(skeleton_->obj, "xlvs_cases"));
  return Bytes((size + 7) / 8 * 8 * static_cast<std::size_t>(::libbpf_num_possible_cpus()));
}

/// Of whichever CPU the test run was on: the others' rows are as again() cleared them.
Result<xlvs_meta> Slowpath::order() const {
  const int map = ::bpf_object__find_map_fd_by_name(skeleton_->obj, "xlvs_cases");
  Bytes rows = empty_cases();
  const auto cpus = static_cast<std::size_t>(::libbpf_num_possible_cpus());
  const std::size_t stride = rows.size() / cpus, at = order_at(skeleton_->obj);
  const std::uint32_t zero = 0;
  if (::bpf_map_lookup_elem(map, &zero, rows.data()) != 0) return Error{Errc::kSystem, "cannot read xlvs_cases", errno};
  xlvs_meta order{};
  for (std::size_t cpu = 0; cpu < cpus && order.kind == 0; ++cpu)
    std::memcpy(&order, rows.data() + cpu * stride + at, sizeof order);
  return order;
}

Wire::Wire(const char* peer) : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x0003))) {
  sockaddr_ll at{};
  at.sll_family = AF_PACKET;
  at.sll_protocol = htons(0x0003);
  at.sll_ifindex = static_cast<int>(::if_nametoindex(peer));
  if (::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) std::abort();
}

Bytes Wire::receive() {
  Bytes frame(16384);
  const auto n = ::recv(fd_.get(), frame.data(), frame.size(), MSG_DONTWAIT);
  frame.resize(n < 0 ? 0 : static_cast<std::size_t>(n));
  return frame;
}

Bytes Wire::next(const std::function<bool(const Bytes&)>& is_it) {
  pollfd p{fd_.get(), POLLIN, 0};
  while (::poll(&p, 1, 2000) > 0)
    if (Bytes got = receive(); is_it(got)) return got;
  return {};
}

std::vector<Bytes> Wire::arrived() {
  std::vector<Bytes> all;
  for (Bytes got = receive(); !got.empty(); got = receive()) all.push_back(std::move(got));
  return all;
}

}  // namespace xlvs::support
