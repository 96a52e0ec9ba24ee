// SPDX-License-Identifier: GPL-2.0-or-later
// VLAN tags: taken off on the way in, put on the way out, and back on what passes. This kernel need not have VLANs: rows of
// the table make the interfaces "server" and "narrow" VLANs on "client".
#include <arpa/inet.h>
#include <bpf/bpf.h>

#include "abi/port.h"
#include "support/director_test.h"

namespace xlvs::support {
namespace {

using model::Forward;

const Ipv4 kToVip{.src = "198.51.100.7", .dst = "192.0.2.10"};
const Ipv6 kToVip6{.src = "2001:db8:1::7", .dst = "2001:db8::10"};
constexpr std::uint32_t kTag5 = 0x81000005, kService6 = 0x88a80006, kTag7 = 0x81000007;

class VlanTest : public DirectorTest {
 protected:
  void SetUp() override {
    DirectorTest::SetUp();
    serve("192.0.2.10", 80, "192.168.1.10");
    serve("192.0.2.10", 81, "192.168.1.99");  // its neighbour is unknown
    serve("2001:db8::10", 80, "fd00:1::10");
    vlan(network().server, kServerMac, {kTag5});
    lead(network().client, kTag5, network().server);
  }
  static const Network& network() { return director().network(); }
  void serve(const std::string& vip, std::uint16_t port, const std::string& rip) {
    add_service(service_key("TCP", vip, port));
    add_server(service_key("TCP", vip, port), server_key(rip, port), forwarded(Forward::kDirect));
  }
  static void vlan(std::uint32_t ifindex, const Mac& mac, const std::vector<std::uint32_t>& tags) {
    xlvs_port port{};
    port.ifindex = ifindex;
    port.link = network().client;
    port.flags = XLVS_PORT_F_VLAN | XLVS_PORT_F_OUT;
    std::memcpy(port.mac, mac.data(), sizeof port.mac);
    for (std::size_t i = 0; i < tags.size(); ++i) port.tag[i] = htonl(tags[i]);
    const std::uint32_t row = ifindex % XLVS_PORTS;
    ASSERT_EQ(::bpf_map_update_elem(director().map("xlvs_ports"), &row, &port, BPF_ANY), 0);
  }
  static void lead(std::uint32_t below, std::uint32_t tag, std::uint32_t ifindex) {
    const xlvs_vlan_key key{.ifindex = below, .tag = htonl(tag)};
    ASSERT_EQ(::bpf_map_update_elem(director().map("xlvs_vlans"), &key, &ifindex, BPF_ANY), 0);
  }
  void TearDown() override {
    for (const auto& [below, tag] : {std::pair{network().client, kTag5}, {network().client, kService6},
                                     {network().narrow, kTag7}}) {
      const xlvs_vlan_key key{.ifindex = below, .tag = htonl(tag)};
      (void)::bpf_map_delete_elem(director().map("xlvs_vlans"), &key);
    }
  }
};

const Eth kIn{.dst = kServerMac}, kOut{.dst = neighbour_mac(1, 10), .src = kServerMac};
Ipv4 less(Ipv4 ip) { --ip.ttl; return ip; }
Ipv6 less(Ipv6 ip) { --ip.hop_limit; return ip; }

TEST_F(VlanTest, IsKeptOnTheWayOutOfTheSameVlan) {
  const Outcome r = send(kIn / Vlan{.id = 5} / kToVip / Tcp{});
  EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_TX));
  EXPECT_TRUE(same_bytes(r.out, kOut / Vlan{.id = 5} / less(kToVip) / Tcp{}));
  const Outcome r6 = send(kIn / Vlan{.id = 5} / kToVip6 / Tcp{});
  EXPECT_TRUE(same_bytes(r6.out, kOut / Vlan{.id = 5} / less(kToVip6) / Tcp{}));
}

TEST_F(VlanTest, IsPutOnForAnUntaggedClient) {
  for (int packet = 0; packet < 2; ++packet) {  // the second by the remembered next hop
    const Outcome r = send(Eth{} / kToVip / Tcp{});
    EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_TX));
    EXPECT_TRUE(same_bytes(r.out, kOut / Vlan{.id = 5} / less(kToVip) / Tcp{}));
  }
}

TEST_F(VlanTest, TwoTagsAreOneInterface) {
  vlan(network().server, kServerMac, {kService6, kTag7});
  lead(network().client, kService6, network().narrow);
  lead(network().narrow, kTag7, network().server);
  const Outcome r = send(Eth{.dst = kServerMac, .type = 0x88a8} / Vlan{.id = 6, .tpid = 0x88a8} / Vlan{.id = 7} / kToVip / Tcp{});
  EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_TX));
  EXPECT_TRUE(same_bytes(r.out, kOut / Vlan{.id = 6, .tpid = 0x88a8} / Vlan{.id = 7} / less(kToVip) / Tcp{}));
}

TEST_F(VlanTest, PassesAsItCame) {
  const Ipv4 stranger{.src = "198.51.100.7", .dst = "203.0.113.77"};
  const Bytes unknown = kIn / Vlan{.id = 9} / kToVip / Tcp{}, other = kIn / Vlan{.id = 5} / stranger / Tcp{};
  EXPECT_TRUE(same_bytes(send(unknown).out, unknown));
  EXPECT_EQ(director().reasons()[XLVS_REASON_VLAN], 1u);
  EXPECT_TRUE(same_bytes(send(other).out, other));
  EXPECT_EQ(director().reasons()[XLVS_REASON_NOT_OURS], 1u);
}

// The VLAN's own filter finds the order in front of it: the tags are back on.
TEST_F(VlanTest, GoesToTheSlowPathWithItsTags) {
  const Outcome r = send(kIn / Vlan{.id = 5} / kToVip / Tcp{.dport = 81});
  EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_PASS));
  EXPECT_EQ(r.meta.size(), sizeof(xlvs_meta));
  ASSERT_GT(r.out.size(), 18u);
  EXPECT_EQ((std::vector<std::uint8_t>(r.out.begin() + 12, r.out.begin() + 18)),
            (std::vector<std::uint8_t>{0x81, 0x00, 0x00, 0x05, 0x08, 0x00}));
}

TEST_F(VlanTest, APriorityAloneIsTheInterfaceBelow) {
  const Outcome r = send(Eth{} / Vlan{.id = 0xe000} / kToVip / Tcp{});
  EXPECT_EQ(r.action, static_cast<std::uint32_t>(XDP_TX));
  EXPECT_TRUE(same_bytes(r.out, kOut / Vlan{.id = 5} / less(kToVip) / Tcp{}));
}

TEST_F(VlanTest, OtherHostsFramesPassInAVlanToo) {
  const Bytes frame = Eth{.dst = {0x02, 9, 9, 9, 9, 9}} / Vlan{.id = 5} / kToVip / Tcp{};
  EXPECT_TRUE(same_bytes(send(frame).out, frame));
  EXPECT_EQ(director().reasons()[XLVS_REASON_OTHER_HOST], 1u);
}

}  // namespace
}  // namespace xlvs::support
