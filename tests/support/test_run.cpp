// SPDX-License-Identifier: GPL-2.0-or-later
// BPF_PROG_TEST_RUN for XDP and TC.
#include "support/test_run.h"

#include <bpf/bpf.h>
#include <fmt/format.h>
#include <cstring>
#include <ctime>

namespace xlvs::support {
namespace {

double cpu_ns() {
  timespec t{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

}  // namespace

Result<Outcome> run_xdp(int program, std::span<const std::uint8_t> frame, std::uint32_t ifindex) {
  Bytes out(4096);
  xdp_md in{}, after{};
  in.data_end = static_cast<std::uint32_t>(frame.size());
  in.ingress_ifindex = ifindex;
  LIBBPF_OPTS(bpf_test_run_opts, opts);
  opts.data_in = frame.data();
  opts.data_size_in = static_cast<std::uint32_t>(frame.size());
  opts.data_out = out.data();
  opts.data_size_out = static_cast<std::uint32_t>(out.size());
  opts.ctx_in = &in;
  opts.ctx_size_in = sizeof in;
  opts.ctx_out = &after;
  opts.ctx_size_out = sizeof after;
  if (int rc = bpf_prog_test_run_opts(program, &opts); rc < 0)
    return Error{Errc::kSystem, fmt::format("test run of {} bytes: {}", frame.size(), std::strerror(-rc)),
                 -rc};
  out.resize(opts.data_size_out);
  Outcome o{.action = opts.retval, .out = {}, .meta = {}};
  const auto meta = static_cast<std::ptrdiff_t>(after.data);  // from the start of the metadata
  o.meta.assign(out.begin(), out.begin() + meta);
  o.out.assign(out.begin() + meta, out.end());
  return o;
}

Result<Outcome> run_tc(int program, std::span<const std::uint8_t> frame, const __sk_buff& in) {
  Bytes out(8192);
  __sk_buff skb = in;
  LIBBPF_OPTS(bpf_test_run_opts, opts);
  opts.data_in = frame.data();
  opts.data_size_in = static_cast<std::uint32_t>(frame.size());
  opts.data_out = out.data();
  opts.data_size_out = static_cast<std::uint32_t>(out.size());
  opts.ctx_in = &skb;
  opts.ctx_size_in = sizeof skb;
  if (int rc = bpf_prog_test_run_opts(program, &opts); rc < 0)
    return Error{Errc::kSystem, fmt::format("test run of {} bytes: {}", frame.size(), std::strerror(-rc)), -rc};
  out.resize(opts.data_size_out);
  return Outcome{.action = opts.retval, .out = std::move(out), .meta = {}};
}

Result<double> repeat_xdp(int program, std::span<const std::uint8_t> frame, std::uint32_t ifindex,
                          std::uint32_t repeat, std::uint32_t* last_action) {
  xdp_md in{};
  in.data_end = static_cast<std::uint32_t>(frame.size());
  in.ingress_ifindex = ifindex;
  LIBBPF_OPTS(bpf_test_run_opts, opts);
  opts.data_in = frame.data();
  opts.data_size_in = static_cast<std::uint32_t>(frame.size());
  opts.ctx_in = &in;
  opts.ctx_size_in = sizeof in;
  opts.repeat = static_cast<int>(repeat);
  const double before = cpu_ns();
  if (int rc = bpf_prog_test_run_opts(program, &opts); rc < 0)
    return Error{Errc::kSystem, fmt::format("test run: {}", std::strerror(-rc)), -rc};
  if (last_action) *last_action = opts.retval;
  return (cpu_ns() - before) / repeat;
}

}  // namespace xlvs::support
