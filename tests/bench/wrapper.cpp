// SPDX-License-Identifier: GPL-2.0-or-later
// The packet source in the kernel.
#include "bench/wrapper.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cassert>
#include <cerrno>
#include <cstring>

#include "bench_wrapper.skel.h"
#include "support/test_run.h"

namespace xlvs::bench {

Stream::Stream(support::Bytes bytes, bool ipv6, std::uint32_t flows, bool shuffled)
    : frame(std::move(bytes)) {
  assert(frame.size() >= BENCH_HEADER_LEN);
  source.mask = flows - 1;  // 0 flows: all ones
  source.spread = shuffled;
  source.length = static_cast<std::uint32_t>(frame.size());
  source.ipv6 = ipv6;
  source.client_at = ipv6 ? BENCH_CLIENT6 : BENCH_CLIENT4;
  source.port_at = ipv6 ? BENCH_PORT6 : BENCH_PORT4;
  std::memcpy(source.header, frame.data(), sizeof source.header);
}

void Stream::turn_round() {
  source.client_at = BENCH_OTHER4;
  source.port_at = BENCH_OTHER_PORT4;
}

void Stream::spread_over(std::uint32_t services, std::uint32_t first) {
  source.vip = first;
  source.vip_mask = services - 1;
}

void Wrapper::Close::operator()(::bench_wrapper* skeleton) const { bench_wrapper__destroy(skeleton); }

Result<Wrapper> Wrapper::load(std::uint32_t ifindex) {
  std::unique_ptr<::bench_wrapper, Close> s(bench_wrapper__open());
  if (!s) return Error{Errc::kSystem, "cannot open the bench's wrapper", errno};
  if (int rc = bench_wrapper__load(s.get()); rc != 0)
    return Error{Errc::kSystem, fmt::format("cannot load the bench's wrapper: {}", std::strerror(-rc)), -rc};
  return Wrapper(std::move(s), ifindex);
}

Result<std::uint32_t> Wrapper::add(int program) {
  if (used_ == BENCH_SLOTS) return Error{Errc::kNoSpace, "the bench's program array is full"};
  const std::uint32_t slot = used_++;
  if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.bench_programs), &slot, &program, BPF_ANY) != 0)
    return Error{Errc::kSystem, fmt::format("cannot add a program to the bench: {}", std::strerror(errno)),
                 errno};
  return slot;
}

Result<double> Wrapper::run(std::uint32_t slot, Stream& stream, std::uint32_t packets,
                            std::uint32_t* last_action) {
  stream.source.slot = slot;
  skeleton_->bss->source = stream.source;
  auto ns = support::repeat_xdp(bpf_program__fd(skeleton_->progs.bench_wrapper), stream.frame, ifindex_,
                                packets, last_action);
  stream.source.next = skeleton_->bss->source.next;
  return ns;
}

}  // namespace xlvs::bench
