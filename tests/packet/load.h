// SPDX-License-Identifier: GPL-2.0-or-later
// A small table behind a packet source in the kernel, for the tests of loads and floods.
#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sched.h>

#include <cstring>
#include <map>
#include <vector>

#include "packet/flood.h"  // before the skeleton, which uses it
//
#include "flood.skel.h"
#include "support/director.h"
#include "support/director_test.h"
#include "support/packet.h"
#include "sweep_once.skel.h"

namespace xlvs::support {

inline constexpr std::uint32_t kConns = 32768;  // as `xlvs attach --conns` takes it; there are twice as many slots
inline constexpr std::uint32_t kEstablished = 20000;

inline std::uint32_t effort(std::uint32_t packets) { return std::getenv("XLVS_LONG") ? packets * 20 : packets; }

/// CPUs that this process may use.
inline std::vector<int> cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> all;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(static_cast<std::size_t>(i), &set)) all.push_back(i);
  return all;
}

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
  void serve(const char* protocol, const char* scheduler, model::Forward forward = model::Forward::kDirect,
             std::uint32_t persistent_s = 0) {
    service_ = service_key(protocol, "192.0.2.10", 80);
    model::ServiceConfig config;
    config.scheduler = scheduler;
    if (persistent_s != 0) config.flags = model::kSvcPersistent;
    config.timeout_s = persistent_s;
    ASSERT_TRUE(director_->table().add_service(service_, config));
    for (int i = 0; i < 3; ++i)
      ASSERT_TRUE(director_->table().add_server(service_, server(i), forwarded(forward)));
  }

  static model::ServerKey server(int i) { return server_key(fmt::format("192.168.1.{}", 10 + i), 80); }

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

  /// ActiveConn, InActConn and PersistConn of every server are what the table holds.
  void expect_exact_counts(const std::string& when) const {
    const auto& memory = director_->memory();
    std::vector<std::uint32_t> active(memory.loads.size()), inactive(memory.loads.size()),
        persistent(memory.loads.size());
    for_each_live([&](const xlvs_conn4& e) {
      auto& counts = e.c.meta & XLVS_CONN_F_TEMPLATE   ? persistent
                     : e.c.meta & XLVS_CONN_F_INACTIVE ? inactive
                                                       : active;
      ++counts[e.c.server];
    });
    for (std::size_t row = 0; row < memory.loads.size(); ++row) {
      EXPECT_EQ(memory.loads[row].active, active[row]) << when << ", row " << row;
      EXPECT_EQ(memory.loads[row].inactive, inactive[row]) << when << ", row " << row;
      EXPECT_EQ(memory.loads[row].persistent, persistent[row]) << when << ", row " << row;
    }
  }

  /// As if so much time had gone by for all that is in the table.
  void age(std::uint32_t seconds) {
    for (auto& bucket : director_->memory().conns4)
      for (auto& way : bucket.way) way.c.expires -= xlvs_seconds_to_ticks(seconds);
  }
  /// What the timer in the kernel does once a second.
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

/// Every flow of `before` is still in the table, with its server.
inline void expect_nothing_lost(const auto& before, const auto& after) {
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

}  // namespace xlvs::support
