// SPDX-License-Identifier: GPL-2.0-or-later
// The ring's own tools against frames and sums from elsewhere.
#include "support/director_test.h"

namespace xlvs::support {
namespace {

// Oracle: the worked example of RFC 1071, section 3, whose sum is ddf2.
TEST(InternetChecksum, MatchesTheExampleOfRfc1071) {
  EXPECT_EQ(internet_checksum(Bytes{0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7}), 0xffff - 0xddf2);
}
TEST(InternetChecksum, PadsAnOddByteBehind) { EXPECT_EQ(internet_checksum(Bytes{0x12}), 0xffff - 0x1200); }

// Oracle: 4500 0073 0000 4000 4011 b861 c0a8 0001 c0a8 00c7, the header that textbooks compute.
TEST(Compose, FillsTheIpv4HeaderChecksum) {
  const Bytes ip =
      Ipv4{.src = "192.168.0.1", .dst = "192.168.0.199", .id = 0, .protocol = 17, .length = 0x73} / Raw{};
  EXPECT_EQ(Bytes(ip.begin() + 10, ip.begin() + 12), (Bytes{0xb8, 0x61}));
}

TEST(Compose, FillsTypesLengthsAndChecksums) {
  const Ipv4 v4{.src = "198.51.100.7", .dst = "192.0.2.10"};
  const Ipv6 v6{.src = "2001:db8::1", .dst = "2001:db8::2"};
  const Frame chains[] = {Eth{} / v4 / Tcp{} / payload(5), Eth{} / Vlan{} / v6 / Udp{} / payload(7),
                          Eth{} / v6 / v4 / Icmp{} / payload(2), Eth{} / v6 / Icmp{.type = 128} / payload(3)};
  for (const Frame& f : chains) EXPECT_EQ(wrong_checksum(f.bytes()), std::nullopt) << hexdump(f.bytes());
}

TEST(Compose, ChecksEachChecksum) {
  const Bytes good = Eth{} / Ipv4{.src = "198.51.100.7", .dst = "192.0.2.10"} / Tcp{} / payload(5);
  for (const std::size_t at : {16u, 26u, 34u, 58u}) {  // length, address, port, payload
    Bytes bad = good;
    bad[at] ^= 0x01;
    EXPECT_NE(wrong_checksum(bad), std::nullopt) << "byte " << at;
  }
}

}  // namespace
}  // namespace xlvs::support
