// SPDX-License-Identifier: GPL-2.0-or-later
// From words to requests: what the golden transcripts cannot see, namely the values that reach an engine.
#include <gmock/gmock.h>

#include <cstring>

#include "endpoint.h"
#include "parse.h"
#include "support/fixed_names.h"

namespace xlvs::ipvsadm {
namespace {

using ::testing::HasSubstr;

std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words{"ipvsadm"};
  for (std::size_t from = 0; from < line.size();) {
    const std::size_t end = std::min(line.find(' ', from), line.size());
    words.push_back(line.substr(from, end - from));
    from = end + 1;
  }
  return words;
}

Request request(const std::string& line) {
  xlvs::testing::FixedNames names;
  const auto parsed = parse(words_of(line), names);
  if (const Stop* stop = std::get_if<Stop>(&parsed)) {
    ADD_FAILURE() << line << ": " << stop->error;
    return {};
  }
  return std::get<Request>(parsed);
}

Stop stop(const std::string& line) {
  xlvs::testing::FixedNames names;
  const auto parsed = parse(words_of(line), names);
  if (const Stop* stopped = std::get_if<Stop>(&parsed)) return *stopped;
  ADD_FAILURE() << line << " is accepted";
  return {};
}

model::Address address(const char* text) { return *model::Address::parse(text); }

std::uint32_t netmask(std::array<std::uint8_t, 4> bytes) {
  std::uint32_t mask;
  std::memcpy(&mask, bytes.data(), sizeof(mask));
  return mask;
}

TEST(Parse, ServiceHasTheDefaultsOfIpvsadm) {
  const Request r = request("-A -t 192.0.2.1:80");
  EXPECT_EQ(r.command, Command::kAddService);
  EXPECT_EQ(r.service.address, address("192.0.2.1"));
  EXPECT_EQ(r.service.port, 80);
  EXPECT_EQ(r.service.protocol, model::Protocol::kTcp);
  EXPECT_EQ(r.service_config.scheduler, "wlc");
  EXPECT_EQ(r.service_config.flags, 0u);
  EXPECT_EQ(r.service_config.netmask, 0xffffffffu);
}
TEST(Parse, PersistenceWithoutAValueIsSixMinutes) {
  const Request r = request("-A -t 192.0.2.1:80 -p -M 255.255.255.0");
  EXPECT_EQ(r.service_config.flags, std::uint32_t{model::kSvcPersistent});
  EXPECT_EQ(r.service_config.timeout_s, 360u);
  EXPECT_EQ(r.service_config.netmask, netmask({255, 255, 255, 0}));
}
TEST(Parse, AnIpv6AddressAfterTheMaskResetsIt) {
  EXPECT_EQ(request("-A -M 255.0.0.0 -t [2001:db8::1]:80").service_config.netmask, 128u);
  EXPECT_EQ(request("-A -t [2001:db8::1]:80 -M 64").service_config.netmask, 64u);
}
TEST(Parse, MarksHaveNeitherProtocolNorAddress) {
  const Request r = request("-A -f 7 -6");
  EXPECT_EQ(r.service.fwmark, 7u);
  EXPECT_EQ(r.service.family, model::Family::kInet6);
  EXPECT_EQ(r.service.protocol, model::Protocol::kNone);
  EXPECT_EQ(r.service.port, 0);
}
TEST(Parse, SchedulerFlagsJoinTheOthers) {
  const Request r = request("-A -u 192.0.2.1:53 -o -s sh -b sh-port,sh-fallback");
  EXPECT_EQ(r.service_config.flags,
            std::uint32_t{model::kSvcOnePacket} | model::kSvcSched1 | model::kSvcSched2);
}
TEST(Parse, LongNamesAreCutAsTheirFieldsAre) {
  EXPECT_EQ(request("-A -t 192.0.2.1:80 -s 0123456789abcdefXYZ").service_config.scheduler, "0123456789abcde");
  EXPECT_EQ(request("-A -t 192.0.2.1:80 --pe 0123456789abcdefXYZ").service_config.pe_name,
            "0123456789abcdef");
}
TEST(Parse, RoutedAndTunnelledServersTakeTheServicesPort) {
  EXPECT_EQ(request("-a -t 192.0.2.1:80 -r 192.0.2.9:99").server.port, 80);
  EXPECT_EQ(request("-a -t 192.0.2.1:80 -r 192.0.2.9:99 -i").server.port, 80);
  EXPECT_EQ(request("-a -t 192.0.2.1:80 -r 192.0.2.9:99 -m").server.port, 99);
  EXPECT_EQ(request("-a -f 1 -r 192.0.2.9:99").server.port, 99);
}
TEST(Parse, AServerBeforeItsServiceHasNoPortToTake) {
  EXPECT_EQ(request("-a -r 192.0.2.9 -t 192.0.2.1:80 -m").server.port, 0);
  EXPECT_EQ(request("-a -t 192.0.2.1:80 -r 192.0.2.9 -m").server.port, 80);
}
TEST(Parse, ServerHasTheDefaultsOfIpvsadm) {
  const Request r = request("-a -t 192.0.2.1:80 -r 192.0.2.9");
  EXPECT_EQ(r.server_config.forward, model::Forward::kDirect);
  EXPECT_EQ(r.server_config.weight, 1);
  EXPECT_EQ(r.server_config.upper, 0u);
  EXPECT_EQ(r.server_config.lower, 0u);
}
TEST(Parse, TunnelOptionsReachTheServer) {
  const Request r =
      request("-a -t 192.0.2.1:80 -r 192.0.2.9 -i --tun-type gue --tun-port 6080 --tun-remcsum");
  EXPECT_EQ(r.server_config.tun_type, model::TunnelType::kGue);
  EXPECT_EQ(r.server_config.tun_port, 6080);
  EXPECT_EQ(r.server_config.tun_flags, model::kTunRemCsum);
}
TEST(Parse, DaemonOptionsReachTheDaemon) {
  const Request r = request(
      "--start-daemon backup --mcast-interface e1 --syncid 5 --sync-maxlen 900 --mcast-group ff02::5 "
      "--mcast-port 7 "
      "--mcast-ttl 3");
  EXPECT_EQ(r.daemon.state, model::DaemonState::kBackup);
  EXPECT_EQ(r.daemon.interface, "e1");
  EXPECT_EQ(r.daemon.sync_id, 5u);
  EXPECT_EQ(r.daemon.max_len, 900);
  EXPECT_EQ(r.daemon.group, address("ff02::5"));
  EXPECT_EQ(r.daemon.port, 7);
  EXPECT_EQ(r.daemon.ttl, 3);
  EXPECT_EQ(request("--start-daemon master").daemon.interface, "eth0");
  EXPECT_EQ(request("--stop-daemon master").daemon.interface, "");
}
TEST(Parse, TimeoutsComeFromTheWordsBesideTheOptions) {
  const Request r = request("7 --set 0 8");
  EXPECT_EQ(r.timeouts.tcp_s, 7u);
  EXPECT_EQ(r.timeouts.tcp_fin_s, 0u);
  EXPECT_EQ(r.timeouts.udp_s, 8u);
}
TEST(Parse, FaultsEndTheProcessButABadWordOnlyItsLine) {
  EXPECT_EQ(stop("-A -n").status, 2);
  EXPECT_TRUE(stop("-A -n").final);
  EXPECT_EQ(stop("-A --foo").status, 255);
  EXPECT_FALSE(stop("-A --foo").final);
  EXPECT_EQ(stop("foo").status, 255);
  EXPECT_TRUE(stop("foo").final);
}
TEST(Parse, CommasAloneAreNoSchedulerFlags) {  // ipvsadm 1.31 crashes on these
  EXPECT_EQ(stop("-A -t 192.0.2.1:80 -b ,").status, 2);
  EXPECT_THAT(stop("-A -t 192.0.2.1:80 -b ,").error, HasSubstr("invalid scheduler flag"));
}
TEST(Parse, HelpGoesToStdout) {
  EXPECT_EQ(stop("-h").status, 0);
  EXPECT_THAT(stop("-h").out, HasSubstr("  ipvsadm --set tcp tcpfin udp\n"));
  EXPECT_EQ(stop("-h").error, "");
}

TEST(ReadEndpoint, TakesEveryFormOfIpvsadm) {
  xlvs::testing::FixedNames names;
  const auto read = [&names](const char* text) { return read_endpoint(text, model::Protocol::kTcp, names); };
  EXPECT_EQ(read("192.0.2.1:http")->port, 80);
  EXPECT_EQ(read("192.0.2.1")->port, std::nullopt);
  EXPECT_EQ(read("localhost:1")->address, address("127.0.0.1"));
  EXPECT_EQ(read("2001:db8::1")->address, address("2001:db8::1"));
  EXPECT_EQ(read("[2001:db8::1]:443")->port, 443);
  EXPECT_EQ(read("1.2:3")->address, address("1.0.0.2"));
  EXPECT_EQ(read("[192.0.2.1]:80")->port, std::nullopt);
  for (const char* bad : {"", "80", "[2001:db8::1]", "[2001:db8::1", "192.0.2.1:", "192.0.2.1:65536",
                          "192.0.2.1:x", "nowhere:80", ":80", "[]:80"})
    EXPECT_FALSE(read(bad)) << bad;
}
TEST(ReadNumber, IsAsStrictAsIpvsadm) {
  EXPECT_EQ(read_number("010", 0, 100), 10);
  EXPECT_EQ(read_number(" +7", 0, 100), 7);
  for (const char* bad : {"", "x", "7x", "7 ", "-1", "101", "99999999999999999999"})
    EXPECT_FALSE(read_number(bad, 0, 100)) << bad;
}

}  // namespace
}  // namespace xlvs::ipvsadm
