// SPDX-License-Identifier: GPL-2.0-or-later
// SIGKILL at every store of a command: packets and the next command see the whole old or the whole new table.
#include <gmock/gmock.h>

#include <algorithm>

#include "encode/rows.h"
#include "encode_ops.h"
#include "encode_seen.h"

namespace xlvs::encode {
namespace {

struct Killed {};

constexpr Sizes kSmall{
    .services = 8, .index_buckets = 4, .servers = 48, .blocks = 512, .buckets4 = 1, .buckets6 = 1};

/// A table as a command lists it, totals and counts of connections included.
std::string listing(Table& table) {
  std::map<std::string, std::string> services;
  const auto all = table.services();
  EXPECT_OK(all);
  for (const model::Service& s : *all) {
    std::string& text = services[model::describe(s.key)];
    text =
        s.config.scheduler + " " + std::to_string(s.config.flags) + " total " + std::to_string(s.stats.conns);
    const auto servers = table.servers(s.key);
    EXPECT_OK(servers);
    for (const model::Server& r : *servers)
      text += "\n  " + model::describe(r.key) + " w " + std::to_string(r.config.weight) + " forward " +
              std::to_string(static_cast<int>(r.config.forward)) + " active " + std::to_string(r.active) +
              " total " + std::to_string(r.stats.conns);
  }
  std::string text;
  for (const auto& [key, rest] : services) text += key + " " + rest + "\n";
  return text;
}

struct State {
  Seen seen;
  std::string listed;
};

State state_of(OwnedMemory& memory, FakeHost& host) {
  Table reader(memory.view(), host);
  return {PacketView(memory).read(), listing(reader)};
}

/// What repair() must have made true again.
void expect_settled(const OwnedMemory& memory, const Seen& seen) {
  const PacketView view(memory);
  EXPECT_EQ(memory.control.dirty, 0u);
  std::vector<bool> listed(memory.servers.size(), false);
  std::uint32_t any_port = 0, ipv4 = 0;
  for (const std::uint32_t service : published_services(OwnedMemory(memory).view())) {
    const xlvs_service_key& key = memory.services[service].key;
    any_port += key.fwmark == 0 && key.port == 0 ? 1 : 0;
    ipv4 += key.family == XLVS_AF_INET ? 1 : 0;
    for (std::uint32_t at = 0; at < view.version(service).servers; ++at) {
      const xlvs_record& record = view.record(service, at);
      const xlvs_server& server = memory.servers[record.server];
      listed[record.server] = true;
      EXPECT_EQ(server.forward, record.forward) << "mirror";
      EXPECT_EQ(memory.loads[record.server].upper, record.upper) << "mirror";
      EXPECT_EQ(memory.loads[record.server].lower, record.lower) << "mirror";
    }
  }
  EXPECT_EQ(memory.control.any_port, any_port);
  __u32 services = services_word(ipv4, static_cast<std::uint32_t>(seen.size()) - ipv4);
  for (const xlvs_server& server : memory.servers)
    if (lingers(server))
      services |= server.svc.family == XLVS_AF_INET ? XLVS_SERVICES_IPV4 : XLVS_SERVICES_IPV6;
  EXPECT_EQ(memory.control.services, services);
  std::uint32_t trash = 0;
  for (std::size_t row = 0; row < memory.servers.size(); ++row) {
    const __u32 flags = memory.servers[row].flags;
    EXPECT_EQ((flags & XLVS_SERVER_F_AVAILABLE) != 0, listed[row]) << "row " << row;
    trash += (flags & XLVS_SERVER_F_USED) != 0 && !listed[row] ? 1 : 0;
  }
  EXPECT_EQ(memory.control.trash, trash);
  const auto lingering = std::count_if(memory.servers.begin(), memory.servers.end(), lingers);
  EXPECT_EQ(memory.control.lingering, static_cast<__u32>(lingering));
}

/// Connections keep their server: a row in use before stays that server's, with its counts.
void expect_connections_kept(const OwnedMemory& before, const OwnedMemory& after) {
  for (std::size_t row = 0; row < before.servers.size(); ++row) {
    if (before.loads[row].active == 0) continue;
    EXPECT_EQ(std::memcmp(&before.servers[row].addr, &after.servers[row].addr, sizeof(xlvs_addr)), 0);
    EXPECT_EQ(std::memcmp(&before.servers[row].svc, &after.servers[row].svc, sizeof(xlvs_service_key)), 0);
    EXPECT_EQ(before.loads[row].active, after.loads[row].active);
    EXPECT_TRUE((after.servers[row].flags & XLVS_SERVER_F_USED) != 0);
  }
}

class KillTest : public ::testing::Test {
 protected:
  /// Runs `op` on copies of `start`, killed before its 1st, 2nd, ... store. @return how many stores it has.
  int kill_everywhere(const OwnedMemory& start, const FakeHost& host_at_start, const Op& op) {
    OwnedMemory memory = start;
    FakeHost host = host_at_start;
    int stores = 0;
    const State before = state_of(memory, host);
    Table whole(memory.view(), host, [&] { ++stores; });
    (void)apply(whole, op);
    const State after = state_of(memory, host);
    for (int k = 1; k <= stores && !HasFailure(); ++k) {
      SCOPED_TRACE("killed before store " + std::to_string(k) + " of " + std::to_string(stores) + " of " +
                   op.text());
      kill_at(k, start, host_at_start, op, before, after);
    }
    return stores;
  }

 private:
  void kill_at(int k, const OwnedMemory& start, const FakeHost& host_at_start, const Op& op,
               const State& before, const State& after) {
    OwnedMemory memory = start;
    FakeHost host = host_at_start;
    int stores = 0;
    const auto killer = [&] {
      if (++stores == k) throw Killed{};
    };
    EXPECT_THROW((void)apply(*std::make_unique<Table>(memory.view(), host, killer), op), Killed);

    const State now = state_of(memory, host);
    const bool is_old = now.seen == before.seen && now.listed == before.listed;
    const bool is_new = now.seen == after.seen && now.listed == after.listed;
    EXPECT_TRUE(is_old || is_new) << "half an edit:\n"
                                  << now.listed << "\nbefore:\n"
                                  << before.listed << "\nafter:\n"
                                  << after.listed;
    Table next(memory.view(), host);
    EXPECT_OK(next.set_timeouts({}));  // any writer repairs first
    const State repaired = state_of(memory, host);
    EXPECT_EQ(repaired.seen, now.seen) << "repair changed what packets see";
    EXPECT_EQ(repaired.listed, now.listed);
    expect_settled(memory, repaired.seen);
    expect_connections_kept(start, memory);
    if (is_old && !is_new) {  // who runs the command again gets what it should have made
      (void)apply(next, op);
      EXPECT_EQ(listing(next), after.listed);
    }
  }
};

TEST_F(KillTest, LeavesTheWholeOldOrTheWholeNewTable) {
  int commands = 0, stores = 0, lingered = 0;
  for (unsigned seed = 1; seed <= 12 && !HasFailure(); ++seed) {
    RandomOps ops(seed);
    OwnedMemory memory(kSmall);
    FakeHost host(kSmall.servers);
    Table table(memory.view(), host);
    for (int step = 0; step < 40; ++step) (void)apply(table, ops.next());
    for (int step = 0; step < 60 && !HasFailure(); ++step) {
      const Op op = ops.chance(15) ? ops.of_owners() : ops.next();
      const int of_this = kill_everywhere(memory, host, op);
      stores += of_this;
      commands += of_this > 0 ? 1 : 0;
      (void)apply(table, op);
      lingered += memory.control.lingering != 0 ? 1 : 0;
      for (std::size_t row = 0; row < memory.servers.size(); ++row)
        if ((memory.servers[row].flags & XLVS_SERVER_F_AVAILABLE) != 0) {
          host.lines[row].conns += static_cast<std::uint64_t>(ops.upto(9));
          memory.loads[row].active = static_cast<__u32>(ops.upto(3));
        }
      for (const std::uint32_t row : published_services(memory.view()))
        PacketView(memory).version(row, memory).ticket += static_cast<std::uint64_t>(ops.upto(5));
      if (ops.chance(20)) host.ticks += xlvs_seconds_to_ticks(60);
    }
  }
  EXPECT_GT(lingered, 20) << "connections of services that moved are hardly tried";
  std::printf("killed %d commands at each of their stores, %d in all\n", commands, stores);
}

}  // namespace
}  // namespace xlvs::encode
