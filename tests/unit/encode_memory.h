// SPDX-License-Identifier: GPL-2.0-or-later
// A table in ordinary memory, and a host that the tests set: counters, clock, lock.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "encode/table.h"

namespace xlvs::encode {

struct Sizes {
  std::size_t services = 64, index_buckets = 16, servers = 128, blocks = 1024, buckets4 = 8, buckets6 = 8;
};

class FakeHost : public TableHost {
 public:
  explicit FakeHost(std::size_t servers) : lines(servers) {}
  Result<std::vector<xlvs_counters>> counters(std::span<const std::uint32_t> rows) override {
    std::vector<xlvs_counters> result;
    for (const std::uint32_t row : rows) result.push_back(lines.at(row));
    return result;
  }
  void wait_for_packets() override {
    if (while_waiting) while_waiting();
  }
  Status forget(std::span<const std::uint32_t> rows) override {
    for (const std::uint32_t row : rows) lines.at(row) = {};
    return ok();
  }
  std::uint32_t now() override { return ticks; }
  xlvs_addr source_for(const xlvs_addr& to, unsigned) override {
    xlvs_addr source = to;  // distinct for each server, so that a test sees whose it is
    source.word[0] ^= 1;
    return source;
  }
  Status lock(bool exclusive) override {
    EXPECT_FALSE(locked) << "locked twice";
    locked = true;
    exclusive_locks += exclusive ? 1 : 0;
    return ok();
  }
  void unlock() override {
    EXPECT_TRUE(locked);
    locked = false;
  }

  std::vector<xlvs_counters> lines;
  std::uint32_t ticks = 1000;
  std::function<void()> while_waiting{};  ///< what packets do before wait_for_packets() returns
  bool locked = false;
  int exclusive_locks = 0;
};

/// Owns the memory of one formatted table. Copies are snapshots.
struct OwnedMemory {
  explicit OwnedMemory(const Sizes& sizes = {})
      : index(2 * sizes.index_buckets),
        services(2 * sizes.services),
        arena(sizes.blocks),
        servers(sizes.servers),
        loads(sizes.servers),
        changes(xlvs_changes_rows(static_cast<std::uint32_t>(sizes.servers))),
        conns4(sizes.buckets4),
        conns6(sizes.buckets6),
        rates(sizes.servers + 2 * sizes.services) {
    EXPECT_TRUE(Table::format(view(), {.seed = 0x5eed5eed5eed5eedull, .netns_cookie = 1, .max_conns = 24}));
  }
  TableMemory view() { return {&control, &filter, index, services, arena, servers, loads, changes, conns4, conns6, rates}; }

  xlvs_control control{};
  xlvs_filter filter{};
  std::vector<xlvs_index_bucket> index;
  std::vector<xlvs_service> services;
  std::vector<Block> arena;
  std::vector<xlvs_server> servers;
  std::vector<xlvs_load> loads;
  std::vector<xlvs_changes> changes;
  std::vector<xlvs_bucket4> conns4;
  std::vector<xlvs_bucket6> conns6;
  std::vector<xlvs_rate> rates;
};

inline model::ServiceKey service_key(const std::string& address, std::uint16_t port,
                                     model::Protocol protocol = model::Protocol::kTcp) {
  const model::Address a = model::Address::parse(address).value();
  return {.family = a.family, .protocol = protocol, .address = a, .port = port};
}
inline model::ServiceKey mark_key(std::uint32_t mark) { return {.fwmark = mark}; }
inline model::ServerKey server_key(const std::string& address, std::uint16_t port) {
  return {.address = model::Address::parse(address).value(), .port = port};
}
inline model::ServiceConfig scheduled(const std::string& scheduler) { return {.scheduler = scheduler}; }
inline model::ServerConfig weighing(std::int32_t weight) { return {.weight = weight}; }
inline model::ServerConfig nat(std::int32_t weight = 1) {
  return {.forward = model::Forward::kMasq, .weight = weight};
}

/// A table with its memory and host, as one process sees it.
struct TableTest : ::testing::Test {
  OwnedMemory memory;
  FakeHost host{Sizes{}.servers};
  Table table{memory.view(), host};

  const model::ServiceKey web = service_key("192.0.2.10", 80);
  const model::ServiceKey dns = service_key("192.0.2.10", 53, model::Protocol::kUdp);

  /// Real servers' last octets in list order.
  std::string listed(const model::ServiceKey& key) {
    const auto servers = table.servers(key);
    if (!servers) return servers.error().what;
    std::string text;
    for (const model::Server& s : *servers)
      text += (text.empty() ? "" : " ") + std::to_string(s.key.address.bytes[3]);
    return text;
  }
  static model::ServerKey rs(int n, std::uint16_t port = 80) {
    return server_key("198.51.100." + std::to_string(n), port);
  }
  /// The row of a server, found by its identity.
  std::uint32_t row_of(int n) {
    for (std::uint32_t row = 0; row < memory.servers.size(); ++row) {
      const auto* octets = reinterpret_cast<const std::uint8_t*>(memory.servers[row].addr.word);
      if ((memory.servers[row].flags & XLVS_SERVER_F_USED) != 0 && octets[3] == n) return row;
    }
    ADD_FAILURE() << "server " << n << " has no row";
    return 0;
  }
};

/// Expects success, and says why not.
#define EXPECT_OK(expression)                                      \
  do {                                                             \
    const auto& status_ = (expression);                            \
    EXPECT_TRUE(status_) << (status_ ? "" : status_.error().what); \
  } while (false)
#define EXPECT_ERRC(expression, errc)                              \
  do {                                                             \
    const auto& status_ = (expression);                            \
    ASSERT_FALSE(status_) << "succeeded";                          \
    EXPECT_EQ(status_.error().code, errc) << status_.error().what; \
  } while (false)

}  // namespace xlvs::encode
