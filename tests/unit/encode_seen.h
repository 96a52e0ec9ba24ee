// SPDX-License-Identifier: GPL-2.0-or-later
// The table as packets see it: index -> service -> version, read by the words of bpf/abi/service.h alone.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "encode_memory.h"

namespace xlvs::encode {

/// A service in text, so that two states compare and print.
struct SeenService {
  std::string head;                  ///< how it picks, and its settings
  std::vector<std::string> servers;  ///< list order
  std::vector<std::uint32_t> rows;   ///< of these servers
  std::vector<std::uint32_t> slots;  ///< positions in `servers`

  friend bool operator==(const SeenService& a, const SeenService& b) {
    return a.head == b.head && a.servers == b.servers && a.rows == b.rows && a.slots == b.slots;
  }
};
using Seen = std::map<std::string, SeenService>;

template <typename T>
std::string hex(const T& value) {
  std::string text;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    char digits[3];
    std::snprintf(digits, sizeof digits, "%02x", reinterpret_cast<const unsigned char*>(&value)[i]);
    text += digits;
  }
  return text;
}

class PacketView {
 public:
  explicit PacketView(const OwnedMemory& memory) : m_(memory) {}

  /// All services. Everything that a packet relies on is expected to hold on the way.
  Seen read() const {
    Seen seen;
    const std::size_t n = m_.control.index_buckets, base = m_.control.half != 0 ? n : 0;
    for (std::size_t bucket = 0; bucket < n; ++bucket)
      for (const __u64 slot : m_.index[base + bucket].slot) {
        if (slot == 0) continue;
        const auto row = static_cast<std::uint32_t>(slot) - 1;
        const xlvs_service_key& key = m_.services.at(row).key;
        EXPECT_EQ(lookup(key), row);
        EXPECT_TRUE(m_.control.services & (key.family == XLVS_AF_INET ? XLVS_SERVICES_IPV4 : XLVS_SERVICES_IPV6))
            << "packets would find the table off";
        EXPECT_TRUE(seen.emplace(hex(key), service(row)).second) << "two slots for one key";
      }
    EXPECT_GE(m_.control.services & XLVS_SERVICES_COUNT, seen.size());
    return seen;
  }

  /// The row of a key by its hash, as a packet finds it; -1 if there is none.
  std::uint32_t lookup(const xlvs_service_key& key) const {
    const __u64 hash = xlvs_hash_service(&key, m_.control.seed);
    const __u32 n = m_.control.index_buckets;
    for (const __u32 bucket : {xlvs_index_first(hash, n), xlvs_index_second(hash, n)})
      for (const __u64 slot : m_.index[(m_.control.half != 0 ? n : 0) + bucket].slot) {
        const auto row = static_cast<std::uint32_t>(slot) - 1;
        if (slot != 0 && slot >> 32 == hash >> 32 &&
            std::memcmp(&m_.services.at(row).key, &key, sizeof key) == 0)
          return row;
      }
    return ~0u;
  }

  /// The version of a service's row.
  const xlvs_version& version(std::uint32_t row) const {
    const auto& v = *reinterpret_cast<const xlvs_version*>(&m_.arena.at(m_.services.at(row).version));
    EXPECT_EQ(v.service, row);
    return v;
  }
  xlvs_version& version(std::uint32_t row, OwnedMemory& writable) const {
    return *reinterpret_cast<xlvs_version*>(&writable.arena.at(m_.services.at(row).version));
  }
  const xlvs_record& record(std::uint32_t row, std::uint32_t at) const {
    const std::uint32_t first = m_.services.at(row).version;
    return *reinterpret_cast<const xlvs_record*>(
        &m_.arena.at(first + xlvs_first_record(version(row).servers) + at));
  }
  /// Takes a turn: the row that a packet of a rr or wrr service goes to; -1 if there is none.
  std::uint32_t turn(std::uint32_t row, OwnedMemory& writable) const {
    xlvs_version& v = version(row, writable);
    return v.slots == 0 ? ~0u : slot(row, static_cast<std::uint32_t>(v.ticket++ % v.slots));
  }
  bool admits_vip(const xlvs_addr& a, int family) const { return bit(m_.filter.vip, a, family); }
  bool admits_nat(const xlvs_addr& a, int family) const { return bit(m_.filter.nat, a, family); }

 private:
  bool bit(const __u64* words, const xlvs_addr& a, int family) const {
    const __u32 b = xlvs_filter_bit(&a, family, m_.control.seed);
    return (words[b / 64] >> (b % 64) & 1) != 0;
  }
  std::uint32_t slot(std::uint32_t row, std::uint32_t at) const {
    const std::uint32_t first = m_.services.at(row).version + xlvs_first_slot(version(row).servers);
    return reinterpret_cast<const xlvs_slot_block*>(&m_.arena.at(first + at / XLVS_SLOTS_PER_BLOCK))
        ->server[at % XLVS_SLOTS_PER_BLOCK];
  }
  SeenService service(std::uint32_t row) const {
    const xlvs_version& v = version(row);
    const xlvs_service_key& key = m_.services[row].key;
    SeenService seen;
    seen.head = std::string(v.scheduler) + " sched " + std::to_string(v.sched) + " flags " +
                std::to_string(v.flags) + " netmask " + std::to_string(v.netmask) + " timeout " +
                std::to_string(v.timeout_s);
    EXPECT_TRUE(key.fwmark != 0 || admits_vip(key.addr, key.family)) << "the filter hides a service";
    EXPECT_TRUE(key.fwmark != 0 || key.port != 0 || m_.control.any_port >= 1);
    EXPECT_GE(v.blocks, xlvs_version_blocks(v.servers, v.slots));
    for (std::uint32_t at = 0; at < v.servers; ++at) {
      const xlvs_record& r = record(row, at);
      const xlvs_server& s = m_.servers.at(r.server);
      EXPECT_TRUE((s.flags & XLVS_SERVER_F_USED) != 0 && (s.flags & XLVS_SERVER_F_AVAILABLE) != 0);
      EXPECT_EQ(std::memcmp(&s.svc, &key, sizeof key), 0) << "a row of another service";
      EXPECT_TRUE(r.forward != XLVS_FORWARD_NAT || admits_nat(s.addr, s.family))
          << "the filter hides replies";
      const auto* picks =
          reinterpret_cast<const xlvs_pick*>(&m_.arena.at(m_.services[row].version + XLVS_FIRST_PICK));
      EXPECT_EQ(picks[at].server, r.server);
      EXPECT_EQ(picks[at].weight, r.weight);
      seen.rows.push_back(r.server);
      seen.servers.push_back(hex(s.addr) + ":" + std::to_string(s.port) + " w " + std::to_string(r.weight) +
                             " x " + std::to_string(r.upper) + " y " + std::to_string(r.lower) + " forward " +
                             std::to_string(r.forward) + " tunnel " + std::to_string(r.tun_type));
    }
    if (v.sched >= XLVS_SCHED_LC && v.sched <= XLVS_SCHED_LBLCR) {
      expect_groups(row, seen.rows);
      return seen;
    }
    for (std::uint32_t at = 0; at < v.slots; ++at) {
      std::uint32_t position = 0;
      while (position < seen.rows.size() && seen.rows[position] != slot(row, at)) ++position;
      EXPECT_LT(position, seen.rows.size()) << "a slot leads out of the list";
      seen.slots.push_back(position);
    }
    return seen;
  }
  /// Each server of the list is in one group, that of its row, with its place and weight.
  void expect_groups(std::uint32_t row, const std::vector<std::uint32_t>& rows) const {
    const xlvs_version& v = version(row);
    const Block* first = &m_.arena.at(m_.services[row].version + xlvs_first_slot(v.servers));
    const std::span groups(reinterpret_cast<const xlvs_group*>(first), v.state[1]);
    const auto* picks = reinterpret_cast<const xlvs_group_pick*>(first + xlvs_first_group_pick(v.state[1]));
    EXPECT_LE(groups.size(), std::size_t{XLVS_MAX_GROUPS});
    std::vector<bool> seen(rows.size(), false);
    std::uint32_t next = 0;
    for (const xlvs_group& g : groups) {
      EXPECT_EQ(g.first, next);
      EXPECT_TRUE(g.picks > 0 && g.picks <= XLVS_GROUP_ROWS);
      next += g.picks;
      for (std::uint32_t at = g.first; at < next; ++at) {
        const xlvs_group_pick& p = picks[at];
        ASSERT_TRUE(p.place < rows.size() && !seen[p.place]);
        seen[p.place] = true;
        EXPECT_EQ(p.server, rows[p.place]);
        EXPECT_EQ(p.weight, record(row, p.place).weight);
        EXPECT_TRUE(g.rows == XLVS_NO_ROWS || g.rows == p.server / XLVS_GROUP_ROWS);
      }
    }
    EXPECT_EQ(next, rows.size());
  }
  const OwnedMemory& m_;
};

}  // namespace xlvs::encode
