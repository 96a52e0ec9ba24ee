// SPDX-License-Identifier: GPL-2.0-or-later
// Loads: counts that stay exact on several cores, and floods that cost no established flow.
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>

#include <chrono>
#include <cstring>
#include <map>
#include <thread>

#include "packet/flood.h"  // before the skeleton, which uses it
//
#include "flood.skel.h"
#include "support/director.h"
#include "support/director_test.h"
#include "support/packet.h"
#include "sweep_once.skel.h"

namespace xlvs::support {
namespace {

constexpr std::uint32_t kConns = 32768;  // as `xlvs attach --conns` takes it; there are twice as many slots
constexpr std::uint32_t kEstablished = 20000;

std::uint32_t effort(std::uint32_t packets) { return std::getenv("XLVS_LONG") ? packets * 20 : packets; }

/// CPUs that this process may use.
std::vector<int> cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> all;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(static_cast<std::size_t>(i), &set)) all.push_back(i);
  return all;
}

/// Keeps this thread on the CPU where it is, as long as it lives: what the director remembers in per-CPU maps,
/// the next hop too, another CPU does not know.
class OnOneCpu {
 public:
  OnOneCpu() {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof one, &one);
  }
  OnOneCpu(const OnOneCpu&) = delete;
  OnOneCpu& operator=(const OnOneCpu&) = delete;
  ~OnOneCpu() { ::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_{};
};

/// A packet source in the kernel in front of the director.
class Flood {
 public:
  Flood(const Director& director, const Bytes& frame, std::uint64_t seed)
      : skeleton_(flood__open_and_load(), flood__destroy), ifindex_(director.network().client) {
    const std::uint32_t slot = 0;
    const int program = director.program();
    if (!skeleton_ ||
        bpf_map_update_elem(bpf_map__fd(skeleton_->maps.flood_target), &slot, &program, BPF_ANY) != 0)
      ADD_FAILURE() << "cannot load the packet source: " << std::strerror(errno);
    frame_ = frame;
    frame_.resize(FLOOD_HEADER_LEN);
    std::memcpy(state().header, frame_.data(), FLOOD_HEADER_LEN);
    state().random = seed;
  }

  flood_state& state() { return skeleton_->bss->state; }
  /// Sets off `packets` packets; returns nanoseconds of CPU time for each.
  double run(flood_kind kind, std::uint32_t known, std::uint32_t packets) {
    state().kind = kind;
    state().known = known;
    state().next = 0;
    auto ns = repeat_xdp(bpf_program__fd(skeleton_->progs.flood_one), frame_, ifindex_, packets);
    if (!ns) {
      ADD_FAILURE() << ns.error().what;
      return 0;
    }
    EXPECT_EQ(state().next, packets);
    return *ns;
  }

 private:
  std::unique_ptr<::flood, void (*)(::flood*)> skeleton_;
  std::uint32_t ifindex_;
  Bytes frame_;
};

class LoadTest : public testing::Test {
 protected:
  void SetUp() override { load(0); }
  void load(std::uint32_t confirm) {
    auto network = enter_network();
    ASSERT_TRUE(network) << network.error().what;
    kernel::CapacityRequest request;
    request.conns = kConns;
    request.conns6 = 1024;
    request.services = 16;
    request.servers = 64;
    auto capacity = kernel::capacity_for(request);
    ASSERT_TRUE(capacity);
    auto loaded = Director::load(*capacity, *network, confirm);
    ASSERT_TRUE(loaded) << loaded.error().what;
    director_ = std::move(*loaded);
  }

  /// 192.0.2.10:80 on three real servers.
  void serve(const char* protocol, const char* scheduler, model::Forward forward = model::Forward::kDirect) {
    service_ = service_key(protocol, "192.0.2.10", 80);
    model::ServiceConfig config;
    config.scheduler = scheduler;
    ASSERT_TRUE(director_->table().add_service(service_, config));
    for (int i = 0; i < 3; ++i)
      ASSERT_TRUE(director_->table().add_server(service_, server_key(fmt::format("192.168.1.{}", 10 + i), 80),
                                                forwarded(forward)));
  }

  static Bytes tcp(std::uint8_t flags) {
    return (Eth{} / Ipv4{.src = "10.0.0.1", .dst = "192.0.2.10"} / Tcp{.dport = 80, .flags = flags}).bytes();
  }
  static Bytes udp() {
    return (Eth{} / Ipv4{.src = "10.0.0.1", .dst = "192.0.2.10"} / Udp{.dport = 80}).bytes();
  }

  /// Flows 0 to n - 1, each by its SYN and then its ACK; or by datagrams enough to count as established.
  void establish(std::uint32_t n) {
    const bool is_tcp = service_.protocol == model::Protocol::kTcp;
    Flood first(*director_, is_tcp ? tcp(kSyn) : udp(), 1), then(*director_, is_tcp ? tcp(kAck) : udp(), 1);
    for (std::uint32_t done = 0; done < n;
         done += kTogether) {  // few at a time: none is evicted before its ACK
      const std::uint32_t end = std::min(n, done + kTogether);
      first.state().first = then.state().first = done;
      first.run(FLOOD_INORDER, end - done, end - done);
      for (int i = 0; i < 3; ++i) then.run(FLOOD_INORDER, end - done, end - done);
    }
    ASSERT_EQ(live(), n);
  }

  [[nodiscard]] std::uint64_t reason(xlvs_reason r) { return director_->reasons()[r]; }

  template <typename F>
  void for_each_live(F f) const {
    for (const auto& bucket : director_->memory().conns4)
      for (const auto& way : bucket.way)
        if (way.c.meta & XLVS_CONN_F_LIVE) f(way);
  }
  [[nodiscard]] std::uint32_t live() const {
    std::uint32_t n = 0;
    for_each_live([&](const xlvs_conn4&) { ++n; });
    return n;
  }
  /// Clients that have closed were heard of last four seconds ago, or before.
  void fall_silent() {
    std::vector<std::uint32_t*> closed;
    for (auto& bucket : director_->memory().conns4)
      for (auto& way : bucket.way)
        if ((way.c.meta & XLVS_CONN_F_LIVE) != 0 && XLVS_CONN_STATE(way.c.meta) == XLVS_TCP_FIN_WAIT)
          closed.push_back(&way.c.expires);
    std::uint32_t latest = 0;
    for (const auto* expires : closed) latest = std::max(latest, *expires);
    for (auto* expires : closed) *expires = std::min(*expires, latest - xlvs_seconds_to_ticks(4));
  }
  /// Each established flow's real server, by client address and port.
  [[nodiscard]] std::map<std::pair<std::uint32_t, std::uint16_t>, std::uint32_t> homes() const {
    std::map<std::pair<std::uint32_t, std::uint16_t>, std::uint32_t> all;
    for_each_live([&](const xlvs_conn4& e) {
      if (XLVS_CONN_STATE(e.c.meta) == XLVS_TCP_ESTABLISHED || XLVS_CONN_PROTO(e.c.meta) == IPPROTO_UDP)
        all[{e.caddr, e.cport}] = e.c.server;
    });
    return all;
  }

  /// ActiveConn and InActConn of every server are what the table holds.
  void expect_exact_counts(const std::string& when) const {
    const auto& memory = director_->memory();
    std::vector<std::uint32_t> active(memory.loads.size()), inactive(memory.loads.size());
    for_each_live(
        [&](const xlvs_conn4& e) { ++(e.c.meta & XLVS_CONN_F_INACTIVE ? inactive : active)[e.c.server]; });
    for (std::size_t row = 0; row < memory.loads.size(); ++row) {
      EXPECT_EQ(memory.loads[row].active, active[row]) << when << ", row " << row;
      EXPECT_EQ(memory.loads[row].inactive, inactive[row]) << when << ", row " << row;
    }
  }

  /// Every connection leaves by the sweep, as if its time were over.
  void sweep() {
    std::unique_ptr<::sweep_once, void (*)(::sweep_once*)> s(sweep_once__open(), sweep_once__destroy);
    ASSERT_TRUE(s);
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, s->obj) {
      const int fd = director_->map(bpf_map__name(map));
      ASSERT_TRUE(fd < 0 || bpf_map__reuse_fd(map, fd) == 0) << bpf_map__name(map);
    }
    ASSERT_EQ(sweep_once__load(s.get()), 0);
    for (std::uint32_t from = 0; from < director_->memory().control->buckets4; from += 512) {
      std::uint8_t frame[64] = {};
      __sk_buff skb{};
      skb.cb[0] = from;
      LIBBPF_OPTS(bpf_test_run_opts, opts, .data_in = frame, .data_size_in = sizeof frame, .ctx_in = &skb,
                  .ctx_size_in = sizeof skb);
      ASSERT_EQ(bpf_prog_test_run_opts(bpf_program__fd(s->progs.xlvs_sweep_once), &opts), 0);
    }
  }

  static constexpr std::uint32_t kTogether = 10000;
  std::unique_ptr<Director> director_;
  model::ServiceKey service_;
};

// Every core opens, closes, resets and lets expire the same flows as the others, in a table that is too small
// for all of them: whatever happens to a connection happens once.
TEST_F(LoadTest, CountsAreExactOnSeveralCores) {
  for (const model::Forward forward : {model::Forward::kDirect, model::Forward::kMasq}) {
    ASSERT_TRUE(director_->reset());
    serve("TCP", "wlc", forward);
    xlvs_control& control = *director_->memory().control;
    for (auto& ticks : control.timeouts[XLVS_TIMEOUT_TCP]) ticks = 2;  // about an eighth of a second
    std::vector<std::thread> threads;
    std::uint64_t seed = 88172645463325252ull;
    for (const int cpu : cpus())
      threads.emplace_back([this, cpu, seed = ++seed] {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(static_cast<std::size_t>(cpu), &set);
        ::sched_setaffinity(0, sizeof set, &set);
        Flood source(*director_, tcp(kSyn), seed);
        source.run(FLOOD_CHURN, 100000, effort(1000000));
      });
    for (auto& t : threads) t.join();
    expect_exact_counts("after the storm");
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    sweep();
    EXPECT_EQ(live(), 0u);
    expect_exact_counts("after the sweep");
    std::uint64_t opened = 0;
    const auto servers = director_->table().servers(service_);
    for (const auto& server : *servers) opened += server.stats.conns;
    fmt::print("{} connections, {} of them evicted; {} forwarded by hash\n", opened,
               reason(XLVS_REASON_EVICTED), reason(XLVS_REASON_STATELESS));
  }
}

/// Every flow of `before` is still in the table, with its server.
void expect_nothing_lost(const auto& before, const auto& after) {
  std::uint32_t lost = 0, moved = 0;
  for (const auto& [flow, server] : before) {
    const auto found = after.find(flow);
    if (found == after.end())
      ++lost;
    else if (found->second != server)
      ++moved;
  }
  EXPECT_EQ(lost, 0u) << "of " << before.size();
  EXPECT_EQ(moved, 0u);
}

// Ten times as many packets from random sources as the table has slots, while 20,000 established flows are
// touched once per ten packets.
TEST_F(LoadTest, AFloodOfSynsLosesNoEstablishedFlow) {
  serve("TCP", "rr");
  establish(kEstablished);
  const auto before = homes();
  ASSERT_EQ(before.size(), kEstablished);
  Flood flood(*director_, tcp(kAck), 7);
  flood.state().attack_flags = kSyn;
  const double ns = flood.run(FLOOD_ATTACK, kEstablished, effort(10 * 2 * kConns));
  expect_nothing_lost(before, homes());
  EXPECT_EQ(reason(XLVS_REASON_NO_CONNECTION), 0u);  // each ACK found its connection
  EXPECT_GT(reason(XLVS_REASON_EVICTED), 0u);        // the table was full indeed
  EXPECT_EQ(reason(XLVS_REASON_NO_SERVER) + reason(XLVS_REASON_TABLE_BUSY), 0u);
  expect_exact_counts("after the flood");
  fmt::print("{:.0f} ns per packet\n", ns);
}

TEST_F(LoadTest, AFloodWithoutSynsEntersNothing) {
  serve("TCP", "rr");
  establish(kEstablished);
  const auto before = homes();
  for (const std::uint8_t flags : {kAck, kRst, std::uint8_t(kFin | kAck)}) {
    Flood flood(*director_, tcp(kAck), 9);
    flood.state().attack_flags = flags;
    flood.run(FLOOD_ATTACK, kEstablished, effort(5 * 2 * kConns));
  }
  EXPECT_EQ(live(), kEstablished);
  expect_nothing_lost(before, homes());
  expect_exact_counts("after the flood");
}

TEST_F(LoadTest, AFloodOfDatagramsLosesNoEstablishedFlow) {
  serve("UDP", "rr");
  establish(kEstablished);
  const auto before = homes();
  Flood flood(*director_, udp(), 11);
  // a datagram has no flags, but its checksum stands where they would: any value will do
  flood.run(FLOOD_ATTACK, kEstablished, effort(10 * 2 * kConns));
  expect_nothing_lost(before, homes());
  EXPECT_GT(reason(XLVS_REASON_EVICTED), 0u);
  EXPECT_EQ(reason(XLVS_REASON_NO_SERVER) + reason(XLVS_REASON_TABLE_BUSY), 0u);
  expect_exact_counts("after the flood");
}

// Nothing but established flows in (nearly) every slot.
TEST_F(LoadTest, AFullTableForwardsNewFlowsByHash) {
  serve("TCP", "rr");
  Flood first(*director_, tcp(kSyn), 1), then(*director_, tcp(kAck), 1);
  for (std::uint32_t done = 0; done < 4 * 2 * kConns; done += kTogether) {  // until no slot is left
    first.state().first = then.state().first = done;
    first.run(FLOOD_INORDER, kTogether, kTogether);
    then.run(FLOOD_INORDER, kTogether, kTogether);
  }
  ASSERT_GT(live(), 2 * kConns * 99 / 100);
  const auto before = homes();
  const std::uint64_t stateless = reason(XLVS_REASON_STATELESS);
  Flood late(*director_, tcp(kSyn), 3);
  late.state().first = 100 * 2 * kConns;
  late.run(FLOOD_INORDER, 10000, 10000);
  expect_nothing_lost(before, homes());
  EXPECT_GT(reason(XLVS_REASON_STATELESS) - stateless, 9000u);
  EXPECT_EQ(reason(XLVS_REASON_NO_SERVER) + reason(XLVS_REASON_TABLE_BUSY), 0u);
  expect_exact_counts("full");
}

// Short connections one after another, more than the table has room for within their waiting times.
TEST_F(LoadTest, ClosedConnectionsGiveWay) {
  serve("TCP", "rr");
  for (std::uint32_t first = 0; first < 4 * 2 * kConns; first += kTogether)
    for (const std::uint8_t flags : {kSyn, kAck, std::uint8_t(kFin | kAck), kAck}) {
      Flood flood(*director_, tcp(flags), 1);
      flood.state().first = first;
      flood.run(FLOOD_INORDER, kTogether, kTogether);
      fall_silent();
    }
  EXPECT_EQ(reason(XLVS_REASON_STATELESS), 0u);
  EXPECT_EQ(reason(XLVS_REASON_NO_CONNECTION), 0u);
  EXPECT_GT(reason(XLVS_REASON_EVICTED), 0u);
  expect_exact_counts("after all");
}

// Replies of a NAT server find their way by the connection's entry alone.
TEST_F(LoadTest, AFullTableRefusesNatByName) {
  serve("TCP", "rr", model::Forward::kMasq);
  for (std::uint32_t first = 0; first < 4 * 2 * kConns; first += kTogether)
    for (const std::uint8_t flags : {kSyn, kAck}) {
      Flood flood(*director_, tcp(flags), 1);
      flood.state().first = first;
      flood.run(FLOOD_INORDER, kTogether, kTogether);
    }
  const std::uint64_t refused = reason(XLVS_REASON_NO_ROOM);
  Flood late(*director_, tcp(kSyn), 3);
  late.state().first = 100 * 2 * kConns;
  late.run(FLOOD_INORDER, 10000, 10000);
  EXPECT_GT(reason(XLVS_REASON_NO_ROOM) - refused, 9000u);
}

// The kernel looks after a neighbour only while the stack sends to it.
TEST_F(LoadTest, NowAndThenAPacketHasTheKernelLookAfterTheNeighbour) {
  const OnOneCpu here;
  load(3);
  serve("TCP", "rr");
  const auto action = [&] { return director_->send(tcp(kAck))->action; };
  ASSERT_EQ(director_->send(tcp(kSyn))->action, static_cast<std::uint32_t>(XDP_REDIRECT));
  std::this_thread::sleep_for(std::chrono::milliseconds(900));  // the next hop is asked for twice a second
  EXPECT_EQ(action(), static_cast<std::uint32_t>(XDP_PASS));
  EXPECT_EQ(reason(XLVS_REASON_NEIGHBOUR), 1u);
  bool redirected = false;  // at once, unless this machine takes half a second between two packets
  for (int i = 0; i < 10 && !redirected; ++i) redirected = action() == XDP_REDIRECT;
  EXPECT_TRUE(redirected);
}

}  // namespace
}  // namespace xlvs::support
