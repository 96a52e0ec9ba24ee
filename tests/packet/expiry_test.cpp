// SPDX-License-Identifier: GPL-2.0-or-later
// The sweep's timer: what expires leaves the counts within a second, although the sweep does not look everywhere.
#include "packet/load.h"

#include <chrono>
#include <optional>
#include <thread>

#include "support/sweeper.h"

namespace xlvs::support {
namespace {

using std::chrono::milliseconds;

class SweepTest : public DirectorTest {
 protected:
  void SetUp() override {
    DirectorTest::SetUp();
    auto sweeper = Sweeper::start(director());
    ASSERT_TRUE(sweeper) << sweeper.error().what;
    sweeper_ = std::move(*sweeper);
    wait_for_round();
  }

  /// Until the timer has looked at every region once more, which takes half a second.
  void wait_for_round() const {
    const auto begin = sweeper_->state();
    ASSERT_TRUE(begin);
    while (sweeper_->state()->step < begin->step + 130) std::this_thread::sleep_for(milliseconds(10));
  }

  static void serve(const model::ServiceKey& service, std::uint32_t persistent_s = 0) {
    model::ServiceConfig config;
    config.scheduler = "rr";
    if (persistent_s != 0) {
      config.flags = model::kSvcPersistent;
      config.timeout_s = persistent_s;
    }
    ASSERT_TRUE(table().add_service(service, config));
    ASSERT_TRUE(table().add_server(service, server_key("192.168.1.10", service.port), forwarded(model::Forward::kDirect)));
  }

  static std::uint64_t listed(const model::ServiceKey& service) {
    const auto servers = table().servers(service);
    std::uint64_t n = 0;
    if (servers)
      for (const auto& s : *servers) n += s.active + s.inactive + s.persistent;
    return n;
  }

  /// A client's first packet.
  static Bytes first(std::uint32_t client, Layer l4) {
    return (Eth{} / Ipv4{.src = "10.1." + std::to_string(client / 250) + "." + std::to_string(1 + client % 250), .dst = "192.0.2.10"} /
            std::move(l4))
        .bytes();
  }

  static std::uint32_t& timeout(unsigned row, unsigned state) { return director().memory().control->timeouts[row][state]; }

  /// Counts are at 0 within `s` seconds and a second.
  static void expect_gone(const model::ServiceKey& service, int s) {
    const auto begin = std::chrono::steady_clock::now();
    const auto passed = [&] { return std::chrono::steady_clock::now() - begin; };
    while (listed(service) != 0 && passed() < std::chrono::seconds(s + 5)) std::this_thread::sleep_for(milliseconds(20));
    EXPECT_EQ(listed(service), 0u);
    EXPECT_GE(passed(), std::chrono::seconds(s) - milliseconds(200));
    EXPECT_LE(passed(), std::chrono::seconds(s) + milliseconds(1500)) << "late";
  }

  std::optional<Sweeper> sweeper_;
};

TEST_F(SweepTest, FollowsATimeoutThatIsLowered) {
  const auto service = service_key("UDP", "192.0.2.10", 53);
  serve(service);
  timeout(XLVS_TIMEOUT_UDP, XLVS_UDP_NORMAL) = xlvs_seconds_to_ticks(2);
  for (std::uint32_t client = 0; client < 500; ++client) send(first(client, Udp{.dport = 53}));
  EXPECT_EQ(listed(service), 500u);
  expect_gone(service, 2);
}

// A template may live for less than any connection.
TEST_F(SweepTest, TakesShortLivedTemplates) {
  const auto service = service_key("TCP", "192.0.2.10", 80);
  serve(service, 2);
  timeout(XLVS_TIMEOUT_TCP, XLVS_TCP_SYN_RECV) = xlvs_seconds_to_ticks(1);
  for (std::uint32_t client = 0; client < 200; ++client) send(first(client, Tcp{.dport = 80}));
  EXPECT_EQ(listed(service), 400u);
  std::this_thread::sleep_for(milliseconds(1500));
  // back, before the templates are due: from now on the sweep expects nothing for ten seconds
  timeout(XLVS_TIMEOUT_TCP, XLVS_TCP_SYN_RECV) = xlvs_seconds_to_ticks(60);
  expect_gone(service, 0);
}

TEST_F(SweepTest, KnowsOfSctp) {
  const auto service = service_key("SCTP", "192.0.2.10", 36412);
  serve(service);
  std::this_thread::sleep_for(milliseconds(2200));  // the rates' round has seen it
  for (std::uint32_t client = 0; client < 100; ++client)
    send(first(client, Sctp{.dport = 36412}));
  EXPECT_EQ(listed(service), 0u);  // nothing but a header
  for (std::uint32_t client = 0; client < 100; ++client)
    send((Frame{{Eth{}}} / Ipv4{.src = "10.2.0." + std::to_string(1 + client), .dst = "192.0.2.10"} / Sctp{.dport = 36412} /
          Chunk{.type = kInit, .flags = 0, .body = Bytes(16)})
             .bytes());
  EXPECT_EQ(listed(service), 100u);
  expect_gone(service, 4);  // INIT1
}

// Nothing is looked at twice in ten seconds that has nothing due.
TEST_F(SweepTest, RestsWhereNothingIsDue) {
  const auto service = service_key("TCP", "192.0.2.10", 80);
  serve(service);
  for (std::uint32_t client = 0; client < 500; ++client) send(first(client, Tcp{.dport = 80}));
  wait_for_round();
  const auto begin = sweeper_->state();
  wait_for_round();
  const auto end = sweeper_->state();
  EXPECT_LT((end->busy_ns - begin->busy_ns) / (end->steps - begin->steps), 100000u);
  EXPECT_EQ(listed(service), 500u);
}

// A connection that makes room for another moves to a region of the table of which the sweep expects nothing soon.
TEST_F(LoadTest, TheSweepFindsConnectionsThatHaveMoved) {
  serve("UDP", "rr");
  auto sweeper = Sweeper::start(*director_);
  ASSERT_TRUE(sweeper) << sweeper.error().what;
  constexpr std::uint32_t kShort = 64, kLife_s = 4;
  __u32& timeout = director_->memory().control->timeouts[XLVS_TIMEOUT_UDP][XLVS_UDP_NORMAL];
  const __u32 usual = timeout;
  timeout = xlvs_seconds_to_ticks(kLife_s);
  const auto begin = std::chrono::steady_clock::now();
  establish(kShort);
  timeout = usual;  // so that the sweep goes by ten seconds again, TCP's shortest
  using Places = std::map<std::pair<std::uint32_t, std::uint16_t>, std::size_t>;
  const auto places = [&](const Places& of) {
    Places all;
    const auto& conns = director_->memory().conns4;
    for (std::size_t bucket = 0; bucket < conns.size(); ++bucket)
      for (const auto& way : conns[bucket].way)
        if (const std::pair key{way.caddr, way.cport};
            (way.c.meta & XLVS_CONN_F_LIVE) != 0 && (of.empty() || of.contains(key)))
          all[key] = bucket;
    return all;
  };
  const Places before = places({});
  ASSERT_EQ(before.size(), kShort);
  std::this_thread::sleep_for(std::chrono::milliseconds(700));  // a round of the sweep
  Flood others(*director_, udp(), 1);
  for (std::uint32_t done = kTogether; done < 2 * kConns; done += kTogether) {
    others.state().first = done;
    for (int i = 0; i < 3; ++i) others.run(FLOOD_INORDER, kTogether, kTogether);
  }
  std::uint32_t moved = 0;
  for (const auto& [flow, bucket] : places(before)) moved += before.at(flow) != bucket ? 1 : 0;
  EXPECT_GT(moved, 0u);
  const auto passed = std::chrono::steady_clock::now() - begin;
  ASSERT_LT(passed, std::chrono::seconds(kLife_s)) << "too slow to tell";
  std::this_thread::sleep_for(std::chrono::milliseconds(kLife_s * 1000 + 1500) - passed);
  EXPECT_EQ(places(before).size(), 0u) << "of " << moved << " that moved, and others";
}

}  // namespace
}  // namespace xlvs::support
