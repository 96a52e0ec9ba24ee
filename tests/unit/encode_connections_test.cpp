// SPDX-License-Identifier: GPL-2.0-or-later
// The listing of connections, against entries as the data plane writes them.
#include "encode/connections.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <sys/time.h>

#include <atomic>
#include <chrono>
#include <csignal>

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
  for (const __u32 state : {0u, __u32{XLVS_TEMPLATE_ASSURED}, __u32{XLVS_TEMPLATE_INVALID}}) {
    xlvs_conn4 e = entry(0, state, row_of(1), 100);
    e.c.meta |= XLVS_CONN_F_TEMPLATE;
    memory.conns4[1].way[state] = e;
  }
  const auto list = all();
  ASSERT_EQ(list.size(), 3u);
  EXPECT_TRUE(list[0].is_template);
  EXPECT_EQ(list[0].state, "NONE");
  EXPECT_EQ(list[1].state, "ASSURED");
  EXPECT_EQ(list[2].virtual_port, 0xffff) << "set aside, as the kernel lists it";
  EXPECT_EQ(list[2].destination_port, 0xffff);
}

xlvs_conn6* replaced = nullptr;

/// Puts another connection into the slot, as a packet on another core may at any instruction of a listing.
void replace_connection(int) {
  static std::uint32_t number = 0;
  ++number;
  std::atomic_ref<__u32>(replaced->c.meta).fetch_add(XLVS_CONN_SEQ_STEP);
  std::atomic_ref<__be32>(replaced->caddr.word[0]).store(number);
  std::atomic_ref<__be32>(replaced->vaddr.word[3]).store(number);
}

// A timer's signal stands for the other core: it hits between two loads of the copy also where cores are few.
TEST_F(ConnectionsTest, NeverShowsHalvesOfTwoConnections) {
  replaced = &memory.conns6[2].way[1];
  replaced->c = entry(6, XLVS_TCP_ESTABLISHED, row_of(1), 1000).c;
  struct sigaction action {};
  action.sa_handler = replace_connection;
  ASSERT_EQ(sigaction(SIGALRM, &action, nullptr), 0);
  const itimerval often{{0, 20}, {0, 20}};
  ASSERT_EQ(setitimer(ITIMER_REAL, &often, nullptr), 0);
  int shown = 0;
  const auto each = [&](const model::Connection& c) {
    ++shown;
    EXPECT_TRUE(
        std::equal(c.client.bytes.begin(), c.client.bytes.begin() + 4, c.virtual_address.bytes.begin() + 12));
  };
  TableMemory one = memory.view();
  one.conns4 = {};
  one.conns6 = one.conns6.subspan(2, 1);
  const auto end = std::chrono::steady_clock::now() + std::chrono::milliseconds(300);
  while (std::chrono::steady_clock::now() < end)
    for (int i = 0; i < 1000; ++i) walk_connections(one, host.now(), each);
  const itimerval never{};
  ASSERT_EQ(setitimer(ITIMER_REAL, &never, nullptr), 0);
  EXPECT_GT(shown, 0);
}

}  // namespace
}  // namespace xlvs::encode
