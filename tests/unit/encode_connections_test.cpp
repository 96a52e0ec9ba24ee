// SPDX-License-Identifier: GPL-2.0-or-later
// The listing of connections, against entries as the data plane writes them.
#include "encode/connections.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "encode_memory.h"

namespace xlvs::encode {
namespace {

struct ConnectionsTest : TableTest {
  void SetUp() override {
    EXPECT_OK(table.add_service(web, {}));
    EXPECT_OK(table.add_server(web, rs(1), {}));
    EXPECT_OK(table.add_service(mark_key(3), {}));
    EXPECT_OK(table.add_server(mark_key(3), rs(2, 0), nat()));
  }
  std::vector<model::Connection> all() {
    std::vector<model::Connection> result;
    EXPECT_OK(table.connections([&](const model::Connection& c) { result.push_back(c); }));
    return result;
  }
  static __be32 ip(const char* text) { return inet_addr(text); }
  xlvs_conn4 entry(__u32 proto, __u32 state, std::uint32_t server, std::uint32_t left_ticks) {
    xlvs_conn4 e{};
    e.c.meta = proto | state << 8 | XLVS_FORWARD_DIRECT << 13 | XLVS_CONN_F_LIVE;
    e.c.expires = host.ticks + left_ticks;
    e.c.server = server;
    e.caddr = ip("203.0.113.9");
    e.cport = htons(40000);
    e.vaddr = ip("192.0.2.10");
    e.vport = htons(80);
    return e;
  }
};

TEST_F(ConnectionsTest, ShowsWhatKernelIpvsShows) {
  memory.conns4[3].way[2] = entry(6, XLVS_TCP_FIN_WAIT, row_of(1), xlvs_seconds_to_ticks(90) + 1);
  memory.conns4[4].way[0] = entry(17, XLVS_UDP_NORMAL, row_of(2), xlvs_seconds_to_ticks(300));
  xlvs_conn6 six{};
  six.c = entry(6, XLVS_TCP_SYN_RECV, row_of(1), 10).c;
  six.caddr.word[0] = htonl(0x20010db8);
  six.vaddr.word[3] = htonl(1);
  memory.conns6[7].way[3] = six;
  const auto list = all();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_EQ(list[0].protocol, model::Protocol::kTcp);
  EXPECT_EQ(list[0].state, "FIN_WAIT");
  EXPECT_EQ(list[0].expires_s, 90u);
  EXPECT_EQ(list[0].client.text(), "203.0.113.9");
  EXPECT_EQ(list[0].client_port, 40000);
  EXPECT_EQ(list[0].virtual_address.text(), "192.0.2.10");
  EXPECT_EQ(list[0].virtual_port, 80);
  EXPECT_EQ(list[0].destination.text(), "198.51.100.1");
  EXPECT_EQ(list[0].destination_port, 80);
  EXPECT_FALSE(list[0].is_template);
  EXPECT_EQ(list[1].state, "UDP");
  EXPECT_EQ(list[1].destination_port, 80) << "port 0: the one the client addressed";
  EXPECT_EQ(list[2].client.text(), "2001:db8::");
  EXPECT_EQ(list[2].virtual_address.text(), "::1");
  EXPECT_EQ(list[2].state, "SYN_RECV");
}

TEST_F(ConnectionsTest, LeavesOutWhatIsNotAConnectionNow) {
  xlvs_conn4 busy = entry(6, XLVS_TCP_ESTABLISHED, row_of(1), 100);
  busy.c.meta |= XLVS_CONN_F_BUSY;
  xlvs_conn4 dead = entry(6, XLVS_TCP_ESTABLISHED, row_of(1), 100);
  dead.c.meta &= ~XLVS_CONN_F_LIVE;
  xlvs_conn4 expired = entry(6, XLVS_TCP_ESTABLISHED, row_of(1), 0);
  expired.c.expires = host.ticks - 1;
  xlvs_conn4 astray = entry(6, XLVS_TCP_ESTABLISHED, 1u << 30, 100);
  memory.conns4[0] = {{busy, dead, expired, astray}};
  EXPECT_EQ(all().size(), 0u);
}

TEST_F(ConnectionsTest, NamesTemplatesByTheirOwnStates) {
  for (const __u32 state : {0u, 1u}) {
    xlvs_conn4 e = entry(0, state, row_of(1), 100);
    e.c.meta |= XLVS_CONN_F_TEMPLATE;
    memory.conns4[1].way[state] = e;
  }
  const auto list = all();
  ASSERT_EQ(list.size(), 2u);
  EXPECT_TRUE(list[0].is_template);
  EXPECT_EQ(list[0].state, "NONE");
  EXPECT_EQ(list[1].state, "ASSURED");
}

// One writer replaces an entry as the data plane does; no listing may show a client of one and a port of
// another.
TEST_F(ConnectionsTest, NeverShowsHalvesOfTwoConnections) {
  xlvs_conn4& slot = memory.conns4[2].way[1];
  slot = entry(6, XLVS_TCP_ESTABLISHED, row_of(1), 1000);
  slot.caddr = htonl(1);
  slot.cport = htons(1);
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    for (std::uint32_t n = 2; !stop; n = n % 60000 + 1) {
      std::atomic_ref<__u32> meta(slot.c.meta);
      meta.store((slot.c.meta | XLVS_CONN_F_BUSY) + XLVS_CONN_SEQ_STEP, std::memory_order_seq_cst);
      std::atomic_ref<__be32>(slot.caddr).store(htonl(n), std::memory_order_release);
      std::atomic_ref<__be16>(slot.cport)
          .store(htons(static_cast<std::uint16_t>(n)), std::memory_order_release);
      meta.store(slot.c.meta & ~XLVS_CONN_F_BUSY, std::memory_order_release);
    }
  });
  int shown = 0;
  for (int i = 0; i < 20000; ++i)
    for (const model::Connection& c : all()) {
      ++shown;
      ASSERT_EQ(c.client.bytes[2] << 8 | c.client.bytes[3], c.client_port);
    }
  stop = true;
  writer.join();
  EXPECT_GT(shown, 0);
}

}  // namespace
}  // namespace xlvs::encode
