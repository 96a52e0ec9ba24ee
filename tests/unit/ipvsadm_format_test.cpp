// SPDX-License-Identifier: GPL-2.0-or-later
// Rows that need traffic or odd values, the scale of numbers, and the order of listings.
#include <gmock/gmock.h>

#include <cstdlib>
#include <random>

#include "format.h"
#include "support/fixed_names.h"

namespace xlvs::ipvsadm {
namespace {

using ::testing::ElementsAre;

constexpr Style kNumeric{.numeric = true};

model::Address address(const std::string& text) { return *model::Address::parse(text); }

model::Service tcp_service(const std::string& text = "192.0.2.1", std::uint16_t port = 80) {
  model::Service service;
  service.key.protocol = model::Protocol::kTcp;
  service.key.address = address(text);
  service.key.family = service.key.address.family;
  service.key.port = port;
  service.config.netmask = service.key.family == model::Family::kInet6 ? 128 : 0xffffffff;
  return service;
}

model::Server server_at(const std::string& text, std::uint16_t port = 80) {
  model::Server server;
  server.key = {address(text), port};
  return server;
}

std::string service_row(const model::Service& service, const Style& style) {
  xlvs::testing::FixedNames names;
  return service_line(service, style, names);
}
std::string server_row(const model::Server& server, const Style& style) {
  xlvs::testing::FixedNames names;
  return server_line(tcp_service(), server, style, names);
}

// Oracle: the thresholds and widths that ipvsadm 1.31 holds.
TEST(NumberText, ScalesFromAHundredMillionOn) {
  EXPECT_EQ(number_text(0, false), "        0");
  EXPECT_EQ(number_text(99'999'999, false), " 99999999");
  EXPECT_EQ(number_text(100'000'000, false), "  100000K");
  EXPECT_EQ(number_text(999'999'999, false), "  999999K");
  EXPECT_EQ(number_text(1'000'000'000, false), "    1000M");
  EXPECT_EQ(number_text(99'999'999'999, false), "   99999M");
  EXPECT_EQ(number_text(100'000'000'000, false), "     100G");
  EXPECT_EQ(number_text(99'999'999'999'999, false), "   99999G");
  EXPECT_EQ(number_text(100'000'000'000'000, false), "     100T");
  EXPECT_EQ(number_text(~std::uint64_t{0}, false), "18446744T");
}
TEST(NumberText, ExactGrowsItsColumn) {
  EXPECT_EQ(number_text(7, true), "        7");
  EXPECT_EQ(number_text(12'345'678, true), " 12345678");
  EXPECT_EQ(number_text(123'456'789, true), " 123456789");
  EXPECT_EQ(number_text(~std::uint64_t{0}, true), " 18446744073709551615");
}

TEST(ServerLine, ShowsCountsInEveryLayout) {
  model::Server server = server_at("192.0.2.9");
  server.config.weight = 7;
  server.config.upper = 100;
  server.config.lower = 50;
  server.active = 3;
  server.inactive = 4;
  server.persistent = 5;
  server.stats = {1, 2, 3, 4, 123456789012};
  server.rates = {6, 7, 8, 9, 10};
  EXPECT_EQ(server_row(server, kNumeric),
            "  -> 192.0.2.9:80                 Route   7      3          4         \n");
  EXPECT_EQ(server_row(server, {.layout = Layout::kThresholds, .numeric = true}),
            "  -> 192.0.2.9:80                 100        50         3          4         \n");
  EXPECT_EQ(server_row(server, {.layout = Layout::kPersistentConn, .numeric = true}),
            "  -> 192.0.2.9:80                 7         5           3          4         \n");
  EXPECT_EQ(server_row(server, {.layout = Layout::kStats, .numeric = true}),
            "  -> 192.0.2.9:80                        1        2        3        4     123G\n");
  EXPECT_EQ(server_row(server, {.layout = Layout::kRate, .numeric = true}),
            "  -> 192.0.2.9:80                        6        7        8        9       10\n");
  EXPECT_EQ(server_row(server, {.layout = Layout::kTunInfo, .numeric = true}),
            "  -> 192.0.2.9:80                 Route   n/a           7      3          4         \n");
}
TEST(ServerLine, KnowsEveryMethod) {
  model::Server server = server_at("192.0.2.9");
  server.config.forward = model::Forward::kLocal;
  EXPECT_EQ(server_row(server, kNumeric),
            "  -> 192.0.2.9:80                 Local   1      0          0         \n");
  EXPECT_EQ(server_row(server, {.layout = Layout::kSave, .numeric = true}),
            "-a -t 192.0.2.1:80 -r 192.0.2.9:80 -g -w 1\n");
}

/// A resolver with one long name for everything.
class LongNames final : public Names {
 public:
  std::optional<model::Address> host_address(const std::string&) override { return std::nullopt; }
  std::optional<std::string> host_name(const model::Address&) override {
    return "a-server-with-a-name-that-is-longer-than-any-column-and-any-buffer.example";
  }
  std::optional<std::uint16_t> service_port(const std::string&, model::Protocol) override {
    return std::nullopt;
  }
  std::optional<std::string> service_name(std::uint16_t, model::Protocol) override { return "http"; }
};

TEST(Names, AreCutToTheirColumns) {
  LongNames names;
  EXPECT_EQ(service_line(tcp_service(), {}, names), "TCP  a-server-with-a-name-that-is wlc\n");
  EXPECT_EQ(server_line(tcp_service(), server_at("192.0.2.9"), {}, names),
            "  -> a-server-with-a-name-that-is Route   1      0          0         \n");
  EXPECT_EQ(endpoint_text(address("192.0.2.1"), 80, model::Protocol::kTcp, false, names).size(), 59u);
  EXPECT_EQ(service_line(tcp_service(), {.layout = Layout::kSave}, names),
            "-A -t a-server-with-a-name-that-is-longer-than-any-column-and-any -s wlc\n");
}

TEST(ConnectionLine, ShowsTheTimeThatIsLeft) {
  xlvs::testing::FixedNames names;
  model::Connection c;
  c.protocol = model::Protocol::kTcp;
  c.expires_s = 899;
  c.state = "ESTABLISHED";
  c.client = address("198.51.100.7");
  c.client_port = 40000;
  c.virtual_address = address("192.0.2.1");
  c.virtual_port = 80;
  c.destination = address("192.0.2.9");
  c.destination_port = 80;
  EXPECT_EQ(connection_line(c, kNumeric, names),
            "TCP 14:59  ESTABLISHED 198.51.100.7:40000 192.0.2.1:80       192.0.2.9:80\n");
  EXPECT_EQ(connection_line(c, {}, names),
            "TCP 14:59  ESTABLISHED 198.51.100.7:40000 192.0.2.1:http     192.0.2.9:http\n");
  c.pe_name = "sip";
  c.pe_data = "call-1";
  Style style = kNumeric;
  style.persistent_conn = true;
  EXPECT_EQ(connection_line(c, style, names),
            "TCP 14:59  ESTABLISHED 198.51.100.7:40000 192.0.2.1:80       192.0.2.9:80     sip               "
            " call-1\n");
  c.protocol = model::Protocol::kNone;
  c.expires_s = 6000;
  EXPECT_EQ(connection_line(c, kNumeric, names),
            "IP  100:00 ESTABLISHED 198.51.100.7:40000 192.0.2.1:80       192.0.2.9:80\n");
}

std::vector<std::string> sorted(const std::vector<std::string>& newest_first) {
  std::vector<model::Server> servers;
  for (const std::string& text : newest_first) servers.push_back(server_at(text));
  sort_servers(servers);
  std::vector<std::string> order;
  for (const model::Server& server : servers) order.push_back(server.key.address.text());
  return order;
}

TEST(SortServers, GoesByAddressWhereNothingWraps) {
  EXPECT_THAT(sorted({"10.1.0.3", "10.1.0.10", "10.1.0.1", "9.9.9.9"}),
              ElementsAre("9.9.9.9", "10.1.0.1", "10.1.0.3", "10.1.0.10"));
}
// Oracle: the recording of tests/golden/corpus/listings.txt, "order where differences wrap".
TEST(SortServers, WrapsAsTheRealOneDoes) {
  EXPECT_THAT(sorted({"2001:db8::9", "fd00::9", "100.64.0.1", "1.2.3.4", "200.0.0.1", "192.168.1.9",
                      "127.0.0.5", "10.0.0.3", "192.168.1.8", "192.168.1.7", "192.168.1.6", "192.168.1.5",
                      "192.168.1.4", "192.168.1.3", "192.168.1.2", "192.168.1.1"}),
              ElementsAre("192.168.1.1", "192.168.1.2", "192.168.1.3", "192.168.1.4", "192.168.1.5",
                          "192.168.1.6", "192.168.1.7", "192.168.1.8", "192.168.1.9", "200.0.0.1", "fd00::9",
                          "1.2.3.4", "10.0.0.3", "2001:db8::9", "100.64.0.1", "127.0.0.5"));
}

int by_wrapping_difference(const void* a, const void* b) {
  const auto value = [](const void* p) {
    const auto& bytes = static_cast<const model::Server*>(p)->key.address.bytes;
    return std::uint32_t{bytes[0]} << 24 | std::uint32_t{bytes[1]} << 16 | std::uint32_t{bytes[2]} << 8 |
           bytes[3];
  };
  return static_cast<int>(value(a) - value(b));
}

// Oracle: qsort of glibc up to 2.36, which ipvsadm calls; later ones sort otherwise.
TEST(SortServers, EqualsGlibcsQsortOnAnythingAtAll) {
#if !defined(__GLIBC__) || __GLIBC__ > 2 || __GLIBC_MINOR__ > 36
  GTEST_SKIP() << "this C library has no merge sort behind qsort";
#else
  std::mt19937 random(1);
  for (int round = 0; round < 500; ++round) {
    std::vector<model::Server> ours(1 + random() % 70);  // qsort may not be given the null of an empty vector
    std::vector<model::Server*> plain;
    for (model::Server& server : ours) {
      const auto raw = static_cast<std::uint32_t>(random() % 2 == 0 ? random() : random() % 4 << 30);
      for (int i = 0; i < 4; ++i)
        server.key.address.bytes[i] = static_cast<std::uint8_t>(raw >> (24 - 8 * i));
      server.active = static_cast<std::uint32_t>(&server - ours.data());  // tells equal ones apart
    }
    std::vector<model::Server> theirs = ours;
    for (model::Server& server : theirs) plain.push_back(&server);
    std::qsort(plain.data(), plain.size(), sizeof(plain[0]), [](const void* a, const void* b) {
      return by_wrapping_difference(*static_cast<model::Server* const*>(a),
                                    *static_cast<model::Server* const*>(b));
    });
    sort_servers(ours);
    for (std::size_t i = 0; i < ours.size(); ++i)
      ASSERT_EQ(ours[i].active, plain[i]->active) << "round " << round;
  }
#endif
}

TEST(SortServices, GoesByMarkFamilyProtocolAddressPort) {
  std::vector<model::Service> services{tcp_service("192.0.2.2"), tcp_service("192.0.2.1", 81), tcp_service()};
  services.push_back(tcp_service("2001:db8::1"));
  services.push_back(tcp_service("10.0.0.1"));
  services.back().key.protocol = model::Protocol::kUdp;
  services.emplace_back();
  services.back().key.fwmark = 5;
  services.emplace_back();
  services.back().key.fwmark = 0xffffffff;  // negative, so first
  sort_services(services);
  std::string rows;
  for (const model::Service& service : services) rows += service_row(service, kNumeric);
  EXPECT_EQ(rows,
            "FWM  -1 wlc\n"
            "TCP  192.0.2.1:80 wlc\n"
            "TCP  192.0.2.1:81 wlc\n"
            "TCP  192.0.2.2:80 wlc\n"
            "UDP  10.0.0.1:80 wlc\n"
            "TCP  [2001:db8::1]:80 wlc\n"
            "FWM  5 wlc\n");
}

}  // namespace
}  // namespace xlvs::ipvsadm
