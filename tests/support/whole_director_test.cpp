// SPDX-License-Identifier: GPL-2.0-or-later
// Compares the slow path with the reference forwarder, frame by frame.
#include "support/whole_director_test.h"

#include <fmt/format.h>
#include <linux/pkt_cls.h>

#include <algorithm>

#include "support/rewrite.h"

namespace xlvs::support {
namespace {

constexpr const char* kReasons[] = {
#define X(name, verdict, text) #name,
    XLVS_REASONS(X)
#undef X
};

std::string names(const std::vector<xlvs_reason>& reasons) {
  std::string all;
  for (const xlvs_reason r : reasons) all += fmt::format("{} ", kReasons[r]);
  return all;
}

/// An IPv4 packet's frame without what tells its pieces apart: length, id, place, checksum.
const std::vector<std::size_t> kOfPieces{0, 2, 4, 6, 8, 10, 16, 18, 20, 24};

/// Pieces of one IPv4 packet as they left, put together; empty if there is a gap.
Bytes joined(std::vector<Bytes> pieces) {
  std::sort(pieces.begin(), pieces.end(),
            [](const Bytes& a, const Bytes& b) { return (word(a, 20) & 0x1fff) < (word(b, 20) & 0x1fff); });
  const std::size_t first = word(pieces.front(), 20) & 0x1fff;
  Bytes whole(pieces.front().begin(), pieces.front().begin() + 34);
  for (const Bytes& piece : pieces) {
    const std::size_t at = ((word(piece, 20) & 0x1fff) - first) * 8;
    if (at + 34 != whole.size() || piece.size() < 14u + word(piece, 16)) return {};
    whole.insert(whole.end(), piece.begin() + 34, piece.begin() + 14 + word(piece, 16));
  }
  return whole;
}

}  // namespace

std::unique_ptr<Slowpath> WholeDirectorTest::slowpath_;

void WholeDirectorTest::SetUp() {
  DirectorTest::SetUp();
  const Network& network = director().network();
  if (!slowpath_) {
    auto loaded = Slowpath::load(director());
    ASSERT_TRUE(loaded) << loaded.error().what;
    slowpath_ = std::move(*loaded);
    for (const std::uint32_t ifindex : {network.client, network.server}) ASSERT_TRUE(slowpath_->attach(ifindex));
  }
  slowpath_->forget();
  if (wires_.empty())
    for (const auto& [ifindex, peer] : {std::pair{network.client, "client-peer"}, {network.server, "server-peer"},
                                        {network.narrow, "narrow-peer"}})
      wires_[ifindex] = std::make_unique<Wire>(peer);
}

Wire& WholeDirectorTest::wire(std::uint32_t ifindex) { return *wires_.at(ifindex); }

Outcome WholeDirectorTest::agree(const Bytes& frame, std::uint32_t ifindex) {
  Outcome got = DirectorTest::agree(frame, ifindex);
  if (want_.again && got.action == XDP_PASS && !HasFailure())
    agree_again(frame, ifindex ? ifindex : director().network().client);
  return got;
}

void WholeDirectorTest::expect_way(const Route& want) {
  const auto order = slowpath_->order();
  ASSERT_TRUE(order) << order.error().what;
  const auto* at = reinterpret_cast<const std::uint8_t*>(order->nexthop);
  const Bytes hop(at, at + want.gateway.size());
  EXPECT_EQ(order->kind, XLVS_META_NEIGHBOUR);
  EXPECT_EQ(order->ifindex, want.ifindex);
  EXPECT_EQ(order->family, hop.size() == 4 ? 2u : 10u);
  EXPECT_EQ(hop, want.gateway);
}

/// All pieces but the last have left by themselves; together they are the packet.
void WholeDirectorTest::expect_pieces(const Bytes& last, const SlowExpected& want) {
  std::vector<Bytes> pieces{last};
  const std::size_t wanted = want.out.size();
  for (std::size_t size = last.size() - 34; size + 34 < 14u + word(want.out, 16);) {
    Bytes piece = wire(want.route->ifindex).next([&](const Bytes& f) { return f.size() > 34 && f[12] == 8; });
    if (piece.empty()) break;
    size += piece.size() - 34;
    pieces.push_back(std::move(piece));
  }
  for (const Bytes& piece : pieces) {
    EXPECT_LE(word(piece, 16), want.cut);
    EXPECT_EQ(internet_checksum({piece.data() + 14, 20}), 0) << hexdump(piece);
  }
  const Bytes whole = joined(pieces);
  ASSERT_GE(wanted, whole.size());
  Bytes expected = want.out;
  expected.resize(14u + word(want.out, 16));  // padding is no part of it
  std::vector<std::size_t> any = kOfPieces;
  any.insert(any.end(), want.free.begin(), want.free.end());
  EXPECT_TRUE(same_bytes(without(whole, any), without(expected, any)));
}

/// A fragment that has waited: where it went.
void WholeDirectorTest::expect_received_anew(const SlowExpected& want) {
  if (!want.route || want.route->kind != Route::Kind::kForward || want.cut) return;
  const Bytes expected = rest_of(without(want.out, want.free), 12).bytes;
  Bytes got = wire(want.route->ifindex).next([&](const Bytes& f) {
    return rest_of(without(f, want.free), 12).bytes == expected;
  });
  EXPECT_FALSE(got.empty()) << "a fragment that waited has not left:" << hexdump(want.out);
}

void WholeDirectorTest::agree_again(const Bytes& frame, std::uint32_t ifindex) {
  const SlowExpected want = reference_->again(frame, ifindex);
  std::vector<xlvs_reason> reasons;
  if (want.reason) reasons.push_back(*want.reason);
  std::vector<SlowExpected> anew;
  for (const Bytes& waited : want.anew) {
    anew.push_back(reference_->again(waited, ifindex));
    if (anew.back().reason) reasons.push_back(*anew.back().reason);
  }
  for (auto& [number, wire] : wires_) wire->arrived();
  const std::vector<std::uint64_t> before = director().reasons();
  const auto got = slowpath_->again(frame, ifindex);
  ASSERT_TRUE(got) << got.error().what;
  const std::vector<std::uint64_t> after = director().reasons();
  const auto action = static_cast<int>(got->action);
  ++again_[action];
  std::vector<xlvs_reason> counted;
  for (std::size_t i = 0; i < after.size(); ++i)
    counted.insert(counted.end(), after[i] - before[i], static_cast<xlvs_reason>(i));
  std::sort(reasons.begin(), reasons.end());
  SCOPED_TRACE(fmt::format("slow path: reference says {} {}; sent{}", want.action,
                           want.reason ? kReasons[*want.reason] : "", hexdump(frame)));
  EXPECT_EQ(names(counted), names(reasons));
  if (want.error && action == TC_ACT_SHOT) return;
  ASSERT_EQ(action, want.action);
  if (want.told) {
    ++want.told->stats.out_pkts;
    want.told->stats.out_bytes += got->out.size() - 14;
  }
  if (action == TC_ACT_SHOT) return;
  if (want.cut) {
    expect_pieces(got->out, want);
  } else {
    EXPECT_TRUE(same_bytes(without(got->out, want.free), without(want.out, want.free)));
    if (!want.free.empty() && !wrong_checksum(frame)) {
      EXPECT_EQ(wrong_checksum(got->out), std::nullopt) << hexdump(got->out);
    }
  }
  if (want.route && !want.error && want.anew.empty()) expect_way(*want.route);
  for (const SlowExpected& waited : anew) expect_received_anew(waited);
}

}  // namespace xlvs::support
