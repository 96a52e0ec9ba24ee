// SPDX-License-Identifier: GPL-2.0-or-later
// The fixture of the packet ring.
#include "support/director_test.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace xlvs::support {
namespace {

constexpr const char* kReasons[] = {
#define X(name, verdict, text) #name,
    XLVS_REASONS(X)
#undef X
};

/// Small enough that a table can be filled, large enough that no other test fills it.
kernel::Capacity capacity() {
  kernel::CapacityRequest r;
  r.conns = 16384;
  r.conns6 = 16384;
  r.services = 64;
  r.servers = 512;
  return *kernel::capacity_for(r);
}

std::unique_ptr<Director> load() {
  auto network = enter_network();
  if (!network) {
    fmt::print(stderr, "{}\n", network.error().what);
    std::exit(1);
  }
  auto d = Director::load(capacity(), *network);
  if (!d) {
    fmt::print(stderr, "{}\n", d.error().what);
    std::exit(1);
  }
  return std::move(*d);
}

void expect_ok(const Status& s) { ASSERT_TRUE(s) << s.error().what; }

/// The slow path's metadata, as the reference expects it.
testing::AssertionResult same_meta(const Bytes& got, const Route& want, std::uint32_t flags) {
  xlvs_meta m{};
  if (got.size() != sizeof m) return testing::AssertionFailure() << got.size() << " bytes of metadata";
  std::memcpy(&m, got.data(), sizeof m);
  Bytes hop(want.gateway.size());
  std::memcpy(hop.data(), m.nexthop, hop.size());
  if (m.magic != XLVS_META_MAGIC || m.kind != XLVS_META_NEIGHBOUR || m.ifindex != want.ifindex ||
      m.flags != flags || m.family != (hop.size() == 4 ? 2u : 10u) || hop != want.gateway)
    return testing::AssertionFailure() << "metadata names another way:" << hexdump(got);
  return testing::AssertionSuccess();
}

testing::AssertionResult same_meta(const Bytes& got, const OwedError& want, const Bytes& frame) {
  xlvs_meta m{};
  if (got.size() != sizeof m) return testing::AssertionFailure() << got.size() << " bytes of metadata";
  std::memcpy(&m, got.data(), sizeof m);
  if (m.magic != XLVS_META_MAGIC || m.kind != XLVS_META_ERROR || m.family != (frame[12] == 0x86 ? 10 : 2) ||
      m.type_code != want.type_code || m.info != want.info)
    return testing::AssertionFailure() << "metadata asks for another error:" << hexdump(got);
  return testing::AssertionSuccess();
}

/// Is the frame marked for the slow path to look at once more?
testing::AssertionResult marked_again(const Bytes& got, const Bytes& frame) {
  xlvs_meta m{};
  if (got.size() != sizeof m) return testing::AssertionFailure() << got.size() << " bytes of metadata";
  std::memcpy(&m, got.data(), sizeof m);
  if (m.magic != XLVS_META_MAGIC || m.kind != XLVS_META_AGAIN || m.family != (frame[12] == 0x86 ? 10 : 2))
    return testing::AssertionFailure() << "metadata says something else:" << hexdump(got);
  return testing::AssertionSuccess();
}

/// 0: no metadata of ours.
int kind_of(const Bytes& got) {
  xlvs_meta m{};
  if (got.size() != sizeof m) return 0;
  std::memcpy(&m, got.data(), sizeof m);
  return m.magic == XLVS_META_MAGIC ? m.kind : 0;
}

/// How much a reason's count rose. A stranger's address may share its bits in the address filter with one of
/// ours: such a packet goes on to a later stage, and passes there.
std::uint64_t counted_as(xlvs_reason reason, const std::vector<std::uint64_t>& before,
                         const std::vector<std::uint64_t>& after) {
  std::uint64_t n = after[reason] - before[reason];
  if (reason != XLVS_REASON_NOT_OURS) return n;
  for (const xlvs_reason later :
       {XLVS_REASON_NO_CONNECTION, XLVS_REASON_PROTOCOL, XLVS_REASON_TRUNCATED, XLVS_REASON_IP_OPTIONS,
        XLVS_REASON_FRAGMENT, XLVS_REASON_ICMP, XLVS_REASON_OTHER_HOST})
    n += after[later] - before[later];
  return n;
}

}  // namespace

model::ServiceKey service_key(const std::string& protocol, const std::string& address, std::uint16_t port) {
  model::ServiceKey k;
  k.address = *model::Address::parse(address);
  k.family = k.address.family;
  k.protocol = protocol == "TCP"    ? model::Protocol::kTcp
               : protocol == "SCTP" ? model::Protocol::kSctp
                                    : model::Protocol::kUdp;
  k.port = port;
  return k;
}

model::ServerKey server_key(const std::string& address, std::uint16_t port) {
  model::ServerKey k;
  k.address = *model::Address::parse(address);
  k.port = port;
  return k;
}

model::ServerConfig forwarded(model::Forward forward, int weight) {
  model::ServerConfig c;
  c.forward = forward;
  c.weight = weight;
  return c;
}

Bytes without(Bytes frame, const std::vector<std::size_t>& words) {
  for (const std::size_t at : words)
    if (at + 2 <= frame.size()) frame[at] = frame[at + 1] = 0;
  return frame;
}

testing::AssertionResult same_bytes(const Bytes& got, const Bytes& want) {
  if (got == want) return testing::AssertionSuccess();
  const auto at = std::mismatch(got.begin(), got.end(), want.begin(), want.end()).first - got.begin();
  return testing::AssertionFailure() << "frames differ from byte " << at << " on; got" << hexdump(got)
                                     << "\nwanted" << hexdump(want);
}

Director& DirectorTest::director() {
  static std::unique_ptr<Director> d = load();
  return *d;
}

void DirectorTest::SetUp() {
  if (Status s = director().reset(); !s) FAIL() << s.error().what;
  for (auto& row : director().memory().control->timeouts)  // the reference knows no time
    for (auto& ticks : row) ticks = xlvs_seconds_to_ticks(1000000);
  reference_ = std::make_unique<Reference>(director().network());
  reasons_ = director().reasons();
}

void DirectorTest::add_service(const model::ServiceKey& key, const std::string& scheduler) {
  model::ServiceConfig c;
  c.scheduler = scheduler;
  if (key.family == model::Family::kInet6) c.netmask = 128;
  expect_ok(table().add_service(key, c));
  reference_->add_service(key, scheduler);
}

void DirectorTest::add_server(const model::ServiceKey& service, const model::ServerKey& server,
                              const model::ServerConfig& config) {
  expect_ok(table().add_server(service, server, config));
  reference_->add_server(service, server, config);
}

void DirectorTest::edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                               const model::ServerConfig& config) {
  expect_ok(table().edit_server(service, server, config));
  reference_->edit_server(service, server, config);
}

void DirectorTest::delete_server(const model::ServiceKey& service, const model::ServerKey& server) {
  expect_ok(table().delete_server(service, server));
  reference_->delete_server(service, server);
}

Outcome DirectorTest::send(const Bytes& frame, std::uint32_t ifindex) {
  auto r = director().send(frame, ifindex);
  if (!r) {
    ADD_FAILURE() << r.error().what;
    return {};
  }
  EXPECT_NE(r->action, static_cast<std::uint32_t>(XDP_ABORTED)) << "on" << hexdump(frame);
  return std::move(*r);
}

std::uint64_t DirectorTest::counted(xlvs_reason reason) {
  const auto now = director().reasons();
  const std::uint64_t n = now[reason] - reasons_[reason];
  reasons_[reason] = now[reason];
  return n;
}

Outcome DirectorTest::agree(const Bytes& frame, std::uint32_t ifindex) {
  if (!ifindex) ifindex = director().network().client;
  want_ = reference_->forward(frame, ifindex);
  const Expected& want = want_;
  const std::vector<std::uint64_t> before = director().reasons();
  const Outcome got = send(frame, ifindex);
  const std::vector<std::uint64_t> after = director().reasons();
  SCOPED_TRACE(
      fmt::format("reference says {} {}; sent{}", want.action, kReasons[want.reason], hexdump(frame)));
  if (!(want.error && got.action == XDP_DROP)) {
    EXPECT_EQ(got.action, want.action);
    if (want.action != XDP_DROP) {
      EXPECT_TRUE(same_bytes(without(got.out, want.free), without(want.out, want.free)));
      if (!want.free.empty() && !want.slow_flags && !wrong_checksum(frame)) {
        EXPECT_EQ(wrong_checksum(got.out), std::nullopt) << hexdump(got.out);
      }
    }
  }
  if (want.slow) {
    EXPECT_TRUE(same_meta(got.meta, *want.slow, want.slow_flags));
  } else if (want.error && got.action == XDP_PASS) {
    EXPECT_TRUE(same_meta(got.meta, *want.error, frame));
  } else if (want.again || (want.reason == XLVS_REASON_NOT_OURS && !got.meta.empty())) {
    // a stranger's too, when its address has a twin in the filter
    if (kind_of(got.meta) != XLVS_META_ADDRESSEE || want.reason != XLVS_REASON_NOT_OURS) {
      EXPECT_TRUE(marked_again(got.meta, frame));
    }
  } else if (want.addressee) {
    EXPECT_EQ(kind_of(got.meta), XLVS_META_ADDRESSEE);
  } else {
    EXPECT_TRUE(got.meta.empty());
  }
  if (want.reason != XLVS_REASON_FORWARDED) {
    std::string instead;
    for (std::size_t i = 0; i < after.size(); ++i)
      if (after[i] != before[i]) instead += fmt::format(" {}", kReasons[i]);
    EXPECT_EQ(counted_as(want.reason, before, after), 1u)
        << "not counted as " << kReasons[want.reason] << " but as" << instead;
  }
  return got;
}

void DirectorTest::expect_equal_connections() {
  std::vector<std::string> got;
  const Status s = table().connections([&](const model::Connection& c) {
    got.push_back(fmt::format("{} {} {} -> {} {} -> {}", c.state, c.client.text(), c.client_port,
                              c.virtual_address.text(), c.virtual_port, c.destination.text()));
  });
  ASSERT_TRUE(s) << s.error().what;
  std::vector<std::string> want = reference_->connections();
  std::sort(got.begin(), got.end());
  std::sort(want.begin(), want.end());
  std::vector<std::string> only_got, only_want;
  std::set_difference(got.begin(), got.end(), want.begin(), want.end(), std::back_inserter(only_got));
  std::set_difference(want.begin(), want.end(), got.begin(), got.end(), std::back_inserter(only_want));
  EXPECT_TRUE(only_got.empty()) << only_got.size() << " connections are the director's alone, first "
                                << only_got.front();
  EXPECT_TRUE(only_want.empty()) << only_want.size() << " connections are the reference's alone, first "
                                 << only_want.front();
}

void DirectorTest::expect_equal_counts(const model::ServiceKey& service) {
  const auto got = table().servers(service);
  ASSERT_TRUE(got) << got.error().what;
  const auto want = reference_->servers(service);
  ASSERT_EQ(got->size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    const model::Server& g = (*got)[i];
    const ReferenceServer& w = *want[i];
    SCOPED_TRACE(fmt::format("real server {} of the list, {}:{}", i, w.key.address.text(), w.key.port));
    EXPECT_EQ(g.key.address, w.key.address);
    EXPECT_EQ(g.active, w.active);
    EXPECT_EQ(g.inactive, w.inactive);
    EXPECT_EQ(g.stats.conns, w.stats.conns);
    EXPECT_EQ(g.stats.in_pkts, w.stats.in_pkts);
    EXPECT_EQ(g.stats.in_bytes, w.stats.in_bytes);
    EXPECT_EQ(g.stats.out_pkts, w.stats.out_pkts);
    EXPECT_EQ(g.stats.out_bytes, w.stats.out_bytes);
  }
}

}  // namespace xlvs::support
