// SPDX-License-Identifier: GPL-2.0-or-later
// The programs of one path: made, attached in the namespaces they belong to, and set off.
#include "bench/system/path.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <sstream>
#include <utility>
#include <vector>

#include "base/unique_fd.h"
#include "bench_system.skel.h"
#include "support/checksum.h"

namespace xlvs::bench {
namespace {

constexpr std::uint32_t kBatch = 64;  // frames in flight: a quarter of veth's ring
constexpr double kLeastArrived = 0.99;

Error failed(const std::string& doing, int error) {
  return Error{error == EPERM ? Errc::kPermission : Errc::kSystem, doing + ": " + std::strerror(error),
               error};
}

Result<Mac> read_mac(const std::string& word) {
  Mac m{};
  unsigned b[ETH_ALEN];
  if (std::sscanf(word.c_str(), "%x:%x:%x:%x:%x:%x", &b[0], &b[1], &b[2], &b[3], &b[4], &b[5]) != ETH_ALEN)
    return Error{Errc::kInvalidArgument, "not an Ethernet address: " + word};
  for (std::size_t i = 0; i < m.size(); ++i) m[i] = static_cast<std::uint8_t>(b[i]);
  return m;
}

std::uint16_t check_of(const shot& s) {
  iphdr ip{};
  ip.version = 4;
  ip.ihl = 5;
  ip.ttl = 64;
  ip.protocol = IPPROTO_UDP;
  ip.tot_len = htons(sizeof ip + 8 + SHOT_PAYLOAD);
  ip.saddr = s.saddr;
  ip.daddr = s.daddr;
  std::uint32_t sum = 0;
  std::uint16_t words[sizeof ip / 2];
  std::memcpy(words, &ip, sizeof ip);
  for (const std::uint16_t w : words) sum += w;
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint16_t>(~sum);
}

/// While it lives this thread is in another network namespace.
class Visit {
 public:
  static Result<Visit> to(const std::string& netns) {
    UniqueFd home(::open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC));
    UniqueFd there(::open(("/run/netns/" + netns).c_str(), O_RDONLY | O_CLOEXEC));
    if (!home || !there || ::setns(there.get(), CLONE_NEWNET) != 0)
      return failed("cannot enter the network namespace " + netns, errno);
    return Visit(std::move(home));
  }
  Visit(Visit&&) noexcept = default;
  ~Visit() {
    if (home_) (void)::setns(home_.get(), CLONE_NEWNET);
  }

 private:
  explicit Visit(UniqueFd home) : home_(std::move(home)) {}
  UniqueFd home_;
};

Status attach_xdp(const char* device, const bpf_program* program) {
  const auto ifindex = static_cast<int>(::if_nametoindex(device));
  const int rc = bpf_xdp_attach(ifindex, bpf_program__fd(program), XDP_FLAGS_DRV_MODE, nullptr);
  if (rc != 0) return failed(fmt::format("cannot attach to {}", device), -rc);
  return ok();
}

Status attach_tc(const char* device, const bpf_program* program) {
  DECLARE_LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = static_cast<int>(::if_nametoindex(device)),
                      .attach_point = BPF_TC_INGRESS);
  DECLARE_LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = bpf_program__fd(program));
  int rc = bpf_tc_hook_create(&hook);
  if (rc == 0) rc = bpf_tc_attach(&hook, &opts);
  if (rc != 0) return failed(fmt::format("cannot attach to {}", device), -rc);
  return ok();
}

}  // namespace

Result<PathPlan> read_plan(const std::string& line) {
  std::istringstream in(line);
  PathPlan p;
  std::string macs[4], kind;
  if (!(in >> p.name >> p.device >> macs[0] >> macs[1] >> p.client >> p.address >> p.port >> p.sink_netns >>
        kind >> p.relay_netns >> macs[2] >> macs[3]))
    return Error{Errc::kInvalidArgument, "a path needs twelve words: " + line};
  p.through_stack = kind == "stack";
  for (auto [mac, word] : {std::pair{&p.source_mac, &macs[0]},
                           {&p.director_mac, &macs[1]},
                           {&p.relay_mac, &macs[2]},
                           {&p.sink_mac, &macs[3]}}) {
    auto m = read_mac(*word);
    if (!m) return m.error();
    *mac = *m;
  }
  return p;
}

void Path::Close::operator()(::bench_system* skeleton) const { bench_system__destroy(skeleton); }

Path::Path(std::string name, std::unique_ptr<::bench_system, Close> skeleton)
    : name_(std::move(name)), skeleton_(std::move(skeleton)) {}
Path::Path(Path&&) noexcept = default;
Path& Path::operator=(Path&&) noexcept = default;
Path::~Path() = default;

Result<Path> Path::open(const PathPlan& plan, std::uint32_t flows) {
  Path path(plan.name, std::unique_ptr<::bench_system, Close>(bench_system__open_and_load()));
  if (!path.skeleton_) return failed("cannot load the bench's programs", errno);
  shot& s = path.skeleton_->bss->shot;
  std::memcpy(s.dmac, plan.director_mac.data(), sizeof s.dmac);
  std::memcpy(s.smac, plan.source_mac.data(), sizeof s.smac);
  if (::inet_pton(AF_INET, plan.client.c_str(), &s.saddr) != 1 ||
      ::inet_pton(AF_INET, plan.address.c_str(), &s.daddr) != 1)
    return Error{Errc::kInvalidArgument, "not IPv4 addresses: " + plan.client + " " + plan.address};
  s.dport = htons(plan.port);
  s.flows = flows;
  s.ifindex = ::if_nametoindex(plan.device.c_str());
  s.ip_check = check_of(s);
  if (Status st = path.attach(plan); !st) return st.error();
  return path;
}

Status Path::attach(const PathPlan& plan) {
  {
    auto visit = Visit::to(plan.sink_netns);
    if (!visit) return visit.error();
    const auto& progs = skeleton_->progs;
    if (Status s = plan.through_stack ? attach_tc("eth0", progs.sink_tc) : attach_xdp("eth0", progs.sink_xdp);
        !s)
      return s;
  }
  if (plan.relay_netns == "-") return ok();
  auto visit = Visit::to(plan.relay_netns);
  if (!visit) return visit.error();
  relay& r = skeleton_->bss->relay;
  std::memcpy(r.dmac, plan.sink_mac.data(), sizeof r.dmac);
  std::memcpy(r.smac, plan.relay_mac.data(), sizeof r.smac);
  r.ifindex = ::if_nametoindex("eth1");
  return attach_xdp("eth0", skeleton_->progs.relay_on);
}

std::uint64_t Path::arrived() const {
  const volatile auto* n = skeleton_->bss->arrived;
  return n[0] + n[1];
}

Result<double> Path::fire(std::uint32_t packets) {
  std::vector<std::uint8_t> frame(sizeof(ether_header) + sizeof(iphdr) + 8 + SHOT_PAYLOAD);
  const std::uint64_t before = arrived();
  DECLARE_LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame.data(),
                      .data_size_in = static_cast<std::uint32_t>(frame.size()),
                      .repeat = static_cast<int>(packets), .flags = BPF_F_TEST_XDP_LIVE_FRAMES,
                      .batch_size = kBatch);
  if (int rc = bpf_prog_test_run_opts(bpf_program__fd(skeleton_->progs.fire), &opts); rc != 0)
    return failed("cannot send packets", -rc);
  const auto n = static_cast<double>(arrived() - before);
  if (n < kLeastArrived * packets)
    return Error{Errc::kSystem, fmt::format("{} of {} packets arrived", n, packets)};
  // the kernel's own measure: our clock would include a wait for RCU, milliseconds long
  return static_cast<double>(opts.duration) * packets / n;
}

}  // namespace xlvs::bench
