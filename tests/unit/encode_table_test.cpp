// SPDX-License-Identifier: GPL-2.0-or-later
// The commands of ipvsadm on a table in memory: what they do, and how they fail.
#include "encode/table.h"

#include <gmock/gmock.h>

#include <algorithm>

#include "encode/rows.h"
#include "encode_memory.h"

namespace xlvs::encode {
namespace {

TEST_F(TableTest, ListsServersNewestFirst) {
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  for (const int i : {1, 2, 3}) EXPECT_OK(table.add_server(web, rs(i), weighing(i)));
  EXPECT_EQ(listed(web), "3 2 1");
  EXPECT_OK(table.delete_server(web, rs(2)));
  EXPECT_EQ(listed(web), "3 1");
  EXPECT_OK(table.add_server(web, rs(2), weighing(7)));
  EXPECT_EQ(listed(web), "2 3 1");
  EXPECT_EQ((*table.servers(web))[0].config.weight, 7);
}

TEST_F(TableTest, KeepsWhatWasSetForAService) {
  const model::ServiceKey v6 = service_key("2001:db8::1", 443);
  EXPECT_OK(table.add_service(
      v6, {.scheduler = "wrr", .flags = model::kSvcSched2 | model::kSvcHashed, .netmask = 128}));
  const auto service = table.service(v6);
  ASSERT_TRUE(service);
  EXPECT_EQ((*service).key, v6);
  EXPECT_EQ((*service).config.scheduler, "wrr");
  EXPECT_EQ((*service).config.flags, model::kSvcSched2);
  EXPECT_EQ((*service).config.netmask, 128u);
  EXPECT_OK(table.edit_service(v6, {.scheduler = "wlc", .netmask = 64}));
  EXPECT_EQ((*table.service(v6)).config.scheduler, "wlc");
  EXPECT_EQ((*table.service(v6)).config.netmask, 64u);
}

TEST_F(TableTest, KeepsWhatWasSetForAServer) {
  EXPECT_OK(table.add_service(web, scheduled("wlc")));
  const model::ServerConfig config{
      .forward = model::Forward::kMasq, .weight = 2147483647, .upper = 9, .lower = 5};
  EXPECT_OK(table.add_server(web, rs(1, 8080), config));
  const model::Server server = (*table.servers(web))[0];
  EXPECT_EQ(server.key, rs(1, 8080));
  EXPECT_EQ(server.config.forward, model::Forward::kMasq);
  EXPECT_EQ(server.config.weight, 2147483647);
  EXPECT_EQ(server.config.upper, 9u);
  EXPECT_EQ(server.config.lower, 5u);
  EXPECT_EQ(memory.loads[row_of(1)].upper, 9u);
  EXPECT_EQ(memory.servers[row_of(1)].forward, XLVS_FORWARD_NAT);
}

TEST_F(TableTest, FailsAsKernelIpvsDoes) {
  EXPECT_ERRC(table.edit_service(web, scheduled("rr")), Errc::kNoService);
  EXPECT_ERRC(table.delete_service(web), Errc::kNoService);
  EXPECT_ERRC(table.zero(&web), Errc::kNoService);
  EXPECT_ERRC(table.service(web), Errc::kNoService);
  EXPECT_ERRC(table.servers(web), Errc::kNoService);
  EXPECT_ERRC(table.add_server(web, rs(1), {}), Errc::kNoService);
  EXPECT_ERRC(table.add_service(web, scheduled("nosuch")), Errc::kNotFound);
  EXPECT_ERRC(table.add_service(web, {.pe_name = "nosuch"}), Errc::kNotFound);
  EXPECT_ERRC(table.add_service(service_key("2001:db8::1", 80), {.netmask = 129}), Errc::kInvalidArgument);

  EXPECT_OK(table.add_service(web, scheduled("rr")));
  EXPECT_ERRC(table.add_service(web, scheduled("nosuch")), Errc::kExists);  // looked for before the scheduler
  EXPECT_ERRC(table.edit_service(web, scheduled("nosuch")), Errc::kNotFound);
  EXPECT_OK(table.add_server(web, rs(1), {}));
  EXPECT_ERRC(table.add_server(web, rs(1), {}), Errc::kExists);
  EXPECT_ERRC(table.edit_server(web, rs(2), {}), Errc::kNotFound);
  EXPECT_ERRC(table.delete_server(web, rs(2)), Errc::kNotFound);
  EXPECT_ERRC(table.add_server(web, rs(1), weighing(-1)), Errc::kRange);  // before "exists"
  EXPECT_ERRC(table.add_server(web, rs(2), {.upper = 1, .lower = 2}), Errc::kRange);
  EXPECT_ERRC(table.edit_server(web, rs(1), {.lower = 2}), Errc::kRange);
  for (const char* address : {"224.0.0.1", "255.255.255.255", "0.0.0.0"})
    EXPECT_ERRC(table.add_server(web, server_key(address, 80), {}), Errc::kInvalidArgument);
  EXPECT_EQ(listed(web), "1");
}

TEST_F(TableTest, OnlyTunnelsCrossAddressFamilies) {
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  const model::ServerKey v6 = server_key("2001:db8::5", 80);
  EXPECT_ERRC(table.add_server(web, v6, {}), Errc::kInvalidArgument);
  EXPECT_ERRC(table.add_server(web, v6, nat()), Errc::kInvalidArgument);
  EXPECT_OK(table.add_server(web, v6, {.forward = model::Forward::kTunnel}));
  EXPECT_EQ((*table.servers(web))[0].key, v6);
}

TEST_F(TableTest, DirectRoutingAndTunnelsTakeTheServicesPort) {
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  EXPECT_OK(table.add_service(mark_key(7), scheduled("rr")));
  EXPECT_OK(table.add_server(web, rs(1, 8080), {}));
  EXPECT_ERRC(table.add_server(web, rs(1, 9090), {.forward = model::Forward::kTunnel}), Errc::kExists);
  EXPECT_OK(table.add_server(web, rs(1, 8080), nat()));
  EXPECT_OK(table.add_server(mark_key(7), rs(1, 8080), {}));
  EXPECT_EQ((*table.servers(web))[1].key.port, 80);
  EXPECT_EQ((*table.servers(mark_key(7)))[0].key.port, 8080);
}

TEST_F(TableTest, ATunnelKnowsItsSourceAddress) {
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  EXPECT_OK(table.add_server(web, rs(1), {.forward = model::Forward::kTunnel}));
  EXPECT_OK(table.add_server(web, rs(2), {.forward = model::Forward::kDirect}));
  std::vector<bool> has_source;
  for (const xlvs_server& row : memory.servers)
    if ((row.flags & XLVS_SERVER_F_USED) != 0) {
      has_source.push_back(row.tun_src.word[0] == (row.addr.word[0] ^ 1));
    }
  EXPECT_THAT(has_source, testing::UnorderedElementsAre(true, false));
  EXPECT_OK(table.edit_server(web, rs(2), {.forward = model::Forward::kTunnel}));
  for (const xlvs_server& row : memory.servers)
    if ((row.flags & XLVS_SERVER_F_USED) != 0) {
      EXPECT_EQ(row.tun_src.word[0], row.addr.word[0] ^ 1);
    }
}

TEST_F(TableTest, RefusesWhatXdpCannotServe) {
  const auto refused = [&](const model::ServiceKey& key, const model::ServiceConfig& config) {
    EXPECT_ERRC(table.add_service(key, config), Errc::kUnsupported);
  };
  refused(dns, {.pe_name = "sip"});
  refused(service_key("192.0.2.10", 21), {});
  EXPECT_OK(table.add_service(service_key("192.0.2.10", 21, model::Protocol::kUdp), {}));
  EXPECT_OK(table.add_service(service_key("192.0.2.10", 21, model::Protocol::kSctp), {}));
  EXPECT_OK(table.add_service(web, {}));
  EXPECT_ERRC(table.edit_service(web, {.pe_name = "sip"}), Errc::kUnsupported);
  EXPECT_ERRC(table.add_server(web, rs(1), {.forward = model::Forward::kBypass}), Errc::kUnsupported);
  EXPECT_ERRC(
      table.add_server(web, rs(1), {.forward = model::Forward::kTunnel, .tun_type = model::TunnelType::kGue}),
      Errc::kInvalidArgument);
}

TEST_F(TableTest, AFirewallMarkIsAKeyByItself) {
  model::ServiceKey odd = mark_key(9);
  odd.protocol = model::Protocol::kTcp;  // as ipvsadm sends it
  EXPECT_OK(table.add_service(odd, scheduled("rr")));
  EXPECT_ERRC(table.add_service(mark_key(9), scheduled("rr")), Errc::kExists);
  model::ServiceKey v6 = mark_key(9);
  v6.family = model::Family::kInet6;
  EXPECT_OK(table.add_service(v6, {.scheduler = "rr", .netmask = 128}));
  EXPECT_EQ((*table.services()).size(), 2u);
  EXPECT_EQ(memory.control.any_port, 0u);
}

// As kernel IPVS, which ends them at the deletion; the sweep is at most a second behind.
TEST_F(TableTest, WithExpireNodestConnAServerComesBackWithoutItsConnections) {
  const model::ServerKey server = server_key("192.168.1.10", 80);
  EXPECT_OK(table.add_service(web, {}));
  EXPECT_OK(table.add_server(web, server, {}));
  const auto old = static_cast<std::size_t>(
      std::find_if(memory.servers.begin(), memory.servers.end(), [](const xlvs_server& s) { return used(s); }) -
      memory.servers.begin());
  memory.loads[old].active = 3;
  EXPECT_OK(table.delete_server(web, server));
  EXPECT_OK(table.add_server(web, server, {}));
  EXPECT_EQ((*table.servers(web))[0].active, 3u) << "without the setting they come back";
  memory.control.settings[XLVS_SET_EXPIRE_NODEST_CONN] = 1;
  EXPECT_OK(table.delete_server(web, server));
  EXPECT_OK(table.add_server(web, server, {}));
  EXPECT_EQ((*table.servers(web))[0].active, 0u);
  EXPECT_EQ(memory.loads[old].active, 3u) << "of whose entries each still counts there";
  memory.loads[old].active = 0;  // swept
  EXPECT_OK(table.delete_server(web, server));
  EXPECT_OK(table.add_server(web, server, {}));
  EXPECT_EQ(memory.control.trash, 1u) << "one row of two came back";
}

TEST_F(TableTest, CountsServicesForThePackets) {
  const model::ServiceKey any = service_key("192.0.2.10", 0), six = service_key("2001:db8::10", 80);
  EXPECT_OK(table.add_service(web, {}));
  EXPECT_OK(table.add_service(any, {}));
  EXPECT_EQ(memory.control.services, 2 | XLVS_SERVICES_IPV4);
  EXPECT_EQ(memory.control.any_port, 1u);
  EXPECT_OK(table.add_service(six, {.netmask = 128}));
  EXPECT_EQ(memory.control.services, 3 | XLVS_SERVICES_IPV4 | XLVS_SERVICES_IPV6);
  EXPECT_OK(table.delete_service(any));
  EXPECT_OK(table.delete_service(web));
  EXPECT_EQ(memory.control.services, 1 | XLVS_SERVICES_IPV6);
  EXPECT_OK(table.add_service(web, {}));
  EXPECT_OK(table.delete_service(six));
  EXPECT_EQ(memory.control.services, 1 | XLVS_SERVICES_IPV4);
  EXPECT_EQ(memory.control.any_port, 0u);
  EXPECT_OK(table.flush());
  EXPECT_EQ(memory.control.services, 0u);
  EXPECT_EQ((*table.services()).size(), 0u);
}

TEST_F(TableTest, HasKernelIpvssDefaultTimeouts) {
  const auto before = table.timeouts();
  ASSERT_TRUE(before);
  EXPECT_EQ((*before).tcp_s, 900u);
  EXPECT_EQ((*before).tcp_fin_s, 120u);
  EXPECT_EQ((*before).udp_s, 300u);
  EXPECT_OK(table.set_timeouts({.tcp_s = 0, .tcp_fin_s = 30, .udp_s = 0}));
  EXPECT_EQ((*table.timeouts()).tcp_s, 900u);
  EXPECT_EQ((*table.timeouts()).tcp_fin_s, 30u);
  EXPECT_EQ(memory.control.timeouts[XLVS_TIMEOUT_TCP][XLVS_TCP_FIN_WAIT], xlvs_seconds_to_ticks(30));
  EXPECT_EQ(memory.control.timeouts_s[XLVS_TIMEOUT_TCP][XLVS_TCP_SYN_RECV], 60u);
}

TEST_F(TableTest, RefusesATableOfAnotherVersion) {
  memory.control.abi = XLVS_ABI_VERSION + 1;
  EXPECT_ERRC(table.services(), Errc::kUnsupported);
  EXPECT_ERRC(table.add_service(web, {}), Errc::kUnsupported);
  EXPECT_FALSE(host.locked);
}

TEST_F(TableTest, SaysWhatIsFull) {
  EXPECT_OK(table.add_service(web, scheduled("wrr")));
  for (int i = 1; i <= 128; ++i) EXPECT_OK(table.add_server(web, rs(i), weighing(1)));
  const Status s = table.add_server(web, rs(129), weighing(1));
  EXPECT_ERRC(s, Errc::kNoSpace);
  EXPECT_EQ(s.error().what,
            "cannot add real server 198.51.100.129:80 of TCP 192.0.2.10:80: the table is full (128 real servers)");
}

}  // namespace
}  // namespace xlvs::encode
