// SPDX-License-Identifier: GPL-2.0-or-later
// Persistence: who follows a template, what templates count, and what becomes of them in a full table.
#include <fmt/format.h>

#include <map>

#include "support/director_test.h"

namespace xlvs::support {
namespace {

using model::Forward;

const model::ServiceKey kWeb = service_key("TCP", "192.0.2.10", 80);
const model::ServiceKey kWeb6 = service_key("TCP", "2001:db8::10", 80);
const Eth kFrame;
constexpr std::uint32_t kLong_s = 3600;

Ipv4 client(int n) { return {.src = fmt::format("198.51.{}.{}", n / 256, n % 256), .dst = "192.0.2.10"}; }
Bytes packet(const Ipv4& ip, int port, std::uint8_t flags = kSyn) {
  return kFrame / ip / Tcp{.sport = static_cast<std::uint16_t>(port), .flags = flags};
}

class PersistenceTest : public DirectorTest {
 protected:
  /// Servers 192.168.1.10, .11 ..., added in this order; the reference does not know this service.
  static void serve(int servers, std::uint32_t netmask = 0xffffffff, std::uint32_t timeout_s = kLong_s) {
    ASSERT_TRUE(table().add_service(
        kWeb,
        {.scheduler = "rr", .flags = model::kSvcPersistent, .timeout_s = timeout_s, .netmask = netmask}));
    for (int i = 0; i < servers; ++i)
      ASSERT_TRUE(table().add_server(kWeb, server(i), forwarded(Forward::kDirect)));
  }
  static model::ServerKey server(int i) { return server_key(fmt::format("192.168.1.{}", 10 + i), 80); }
  int picked(const Bytes& frame) {
    const Outcome r = send(frame);
    return r.action == XDP_REDIRECT ? r.out[5] - 10 : -1;
  }
  static std::vector<model::Server> listed() { return *table().servers(kWeb); }
  static std::uint32_t persistent_of(const model::ServiceKey& service) {
    const auto servers = table().servers(service);  // kept: the loop would outlive a temporary
    std::uint32_t n = 0;
    for (const model::Server& s : *servers) n += s.persistent;
    return n;
  }
  static std::vector<const xlvs_conn4*> entries(std::uint32_t flags) {
    std::vector<const xlvs_conn4*> all;
    for (const auto& bucket : director().memory().conns4)
      for (const auto& way : bucket.way)
        if ((way.c.meta & (XLVS_CONN_F_LIVE | XLVS_CONN_F_TEMPLATE)) == flags) all.push_back(&way);
    return all;
  }
  /// As if that time went by for all that is in the table.
  static void let_pass(std::uint32_t seconds) {
    for (auto& bucket : director().memory().conns4)
      for (auto& way : bucket.way) way.c.expires -= xlvs_seconds_to_ticks(seconds);
  }
  static auto templates() { return entries(XLVS_CONN_F_LIVE | XLVS_CONN_F_TEMPLATE); }
  static auto connections() { return entries(XLVS_CONN_F_LIVE); }
};

TEST_F(PersistenceTest, AClientStaysWithItsServer) {
  serve(3);
  std::map<int, int> first;
  for (int n = 1; n <= 30; ++n) first[n] = picked(packet(client(n), 1000));
  for (int n = 1; n <= 30; ++n)
    for (int port = 1001; port < 1005; ++port) ASSERT_EQ(picked(packet(client(n), port)), first[n]);
  std::uint32_t persistent = 0;
  for (const model::Server& s : listed()) {
    EXPECT_EQ(s.active, 50u);
    persistent += s.persistent;
  }
  EXPECT_EQ(persistent, 30u);
  for (const xlvs_conn4* t : templates()) EXPECT_EQ(t->c.control, 5u);
}

TEST_F(PersistenceTest, TheMaskMakesOneClientOfANetwork) {
  serve(2, 0x00ffffff);  // 255.255.255.0 in network order
  const int first = picked(packet(client(1), 1000));
  for (int n = 2; n < 100; ++n) ASSERT_EQ(picked(packet(client(n), 1000)), first);
  EXPECT_NE(picked(packet(client(256), 1000)), first);
  EXPECT_EQ(templates().size(), 2u);
}

TEST_F(PersistenceTest, AConnectionThatGoesLeavesItsTemplate) {
  serve(1);
  picked(packet(client(1), 1000));
  picked(packet(client(1), 1000, kAck));
  picked(packet(client(1), 1000, kRst));  // CLOSE
  picked(packet(client(1), 1000, kSyn));  // reused: the old one goes, a new one comes
  ASSERT_EQ(templates().size(), 1u);
  ASSERT_EQ(connections().size(), 1u);
  EXPECT_EQ(templates()[0]->c.control, 1u);
  EXPECT_EQ(listed()[0].persistent, 1u);
  EXPECT_EQ(listed()[0].active + listed()[0].inactive, 1u);
}

// Lookup alone: no sweep runs here. What is due and controls nothing is as good as gone; what controls is
// kept.
TEST_F(PersistenceTest, ADueTemplateIsKeptWhileItControls) {
  serve(2, 0xffffffff, 1);
  const int first = picked(packet(client(1), 1000));
  let_pass(2);
  EXPECT_EQ(picked(packet(client(1), 1001)), first);
  ASSERT_EQ(templates().size(), 1u);
  EXPECT_EQ(templates()[0]->c.packets, xlvs_seconds_to_ticks(60));
  EXPECT_EQ(templates()[0]->c.control, 2u);
  for (auto& bucket : director().memory().conns4)
    for (auto& way : bucket.way)
      if ((way.c.meta & XLVS_CONN_F_TEMPLATE) != 0) way.c.control = 0;
  let_pass(70);
  EXPECT_NE(picked(packet(client(1), 1002)), first) << "scheduled anew";
}

TEST_F(PersistenceTest, ADeletedServersTemplateIsSetAside) {
  serve(2);
  const int first = picked(packet(client(1), 1000));
  ASSERT_TRUE(table().delete_server(kWeb, server(first)));
  EXPECT_EQ(picked(packet(client(1), 1001)), 1 - first);
  ASSERT_TRUE(table().add_server(kWeb, server(first), forwarded(Forward::kDirect)));
  EXPECT_EQ(picked(packet(client(1), 1002)), 1 - first);
  EXPECT_EQ(templates().size(), 2u);
  EXPECT_EQ(listed()[0].persistent + listed()[1].persistent, 2u);
}

// A flood of new clients fills the table: known clients stay with their servers. Every count is that of the
// table.
TEST_F(PersistenceTest, AFloodTakesNoTemplate) {
  serve(3);
  constexpr int kKnown = 500, kFlood = 60000;
  std::map<int, int> first;
  for (int n = 0; n < kKnown; ++n) {
    first[n] = picked(packet(client(n), 1000));
    picked(packet(client(n), 1000, kAck));
  }
  for (int n = kKnown; n < kKnown + kFlood; ++n) {
    ASSERT_GE(picked(packet(client(n), 1000)), 0);
    if (n % 10000 == 0) let_pass(2);  // templates used within a second are spared
  }
  for (int n = 0; n < kKnown; ++n) {
    ASSERT_EQ(picked(packet(client(n), 1000, kAck)), first[n]);
    ASSERT_EQ(picked(packet(client(n), 1001)), first[n]);
  }
  std::uint64_t persistent = 0, counted = 0, controlled = 0;
  for (const model::Server& s : listed()) persistent += s.persistent, counted += s.active + s.inactive;
  for (const xlvs_conn4* t : templates()) controlled += t->c.control;
  std::uint64_t with_template = 0;
  for (const xlvs_conn4* c : connections()) with_template += c->c.control != 0;
  EXPECT_EQ(persistent, templates().size());
  EXPECT_EQ(counted, connections().size());
  EXPECT_EQ(controlled, with_template);
}

TEST_F(PersistenceTest, AnIpv6PrefixMakesOneClientOfANetwork) {
  ASSERT_TRUE(table().add_service(
      kWeb6, {.scheduler = "rr", .flags = model::kSvcPersistent, .timeout_s = kLong_s, .netmask = 61}));
  for (int i = 0; i < 2; ++i)
    ASSERT_TRUE(table().add_server(kWeb6, server_key(fmt::format("2001:db8:1::{}", 10 + i), 80),
                                   forwarded(Forward::kDirect)));
  const auto sent = [&](int network, int host) {
    const Ipv6 ip{.src = fmt::format("2001:db8:5:{:x}::{}", network, host), .dst = "2001:db8::10"};
    (void)send(kFrame / ip / Tcp{.sport = 1000});
  };
  for (int network = 0; network < 8; ++network) sent(network, 1);
  EXPECT_EQ(persistent_of(kWeb6), 1u);
  sent(8, 1);
  EXPECT_EQ(persistent_of(kWeb6), 2u);
}

}  // namespace
}  // namespace xlvs::support
