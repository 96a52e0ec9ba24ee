// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/rows.h"

#include <arpa/inet.h>

#include <cstddef>

#include "encode/convert.h"
#include "encode/filter.h"

namespace xlvs::encode {

static_assert(offsetof(xlvs_server, port) % 8 == 0 &&
                  offsetof(xlvs_server, tun_port) == offsetof(xlvs_server, port) + 6,
              "mirror() stores the edited fields as one word");
static_assert(offsetof(xlvs_load, upper) % 8 == 0 &&
                  offsetof(xlvs_load, lower) == offsetof(xlvs_load, upper) + 4,
              "mirror() stores both thresholds as one word");

void occupy(const Shared& shared, std::uint32_t row, const model::ServiceKey& service, const Entry& entry) {
  const xlvs_load unloaded{};
  shared.writer.copy(&shared.memory.loads[row], &unloaded, sizeof unloaded);
  const xlvs_rate idle{};
  shared.writer.copy(&shared.memory.rates[row], &idle, sizeof idle);
  xlvs_server server{};
  server.addr = to_abi(entry.key.address);
  server.port = htons(entry.key.port);
  server.nat_port = any_port(to_abi(service)) ? 0 : server.port;
  server.family = static_cast<__u8>(entry.key.address.family);
  server.svc = to_abi(service);
  shared.writer.copy(&shared.memory.servers[row], &server, sizeof server);
  if (shared.memory.control->server_end <= row) shared.writer.set(shared.memory.control->server_end, row + 1);
  shared.writer.set(shared.memory.servers[row].flags, XLVS_SERVER_F_USED);
}

namespace {

/// Where the FIB does not tell the data plane (before Linux 6.7), this is where a tunnel's source comes from.
void set_tunnel_source(const Shared& shared, std::uint32_t row) {
  xlvs_server& server = shared.memory.servers[row];
  const xlvs_addr source = shared.host.source_for(server.addr, server.family);
  const __be32* w = source.word;
  if ((w[0] | w[1] | w[2] | w[3]) != 0) shared.writer.copy(&server.tun_src, &source, sizeof source);
}

}  // namespace

void note_change(const Shared& shared, std::uint32_t row) {
  shared.writer.add(shared.memory.changes[row / XLVS_GROUP_ROWS].count, 1);
}

void mirror(const Shared& shared, std::uint32_t row, const model::ServerConfig& config, bool relieved) {
  const xlvs_record record = to_abi(config);
  xlvs_server server = shared.memory.servers[row];
  server.forward = record.forward;
  server.tun_type = record.tun_type;
  server.tun_flags = record.tun_flags;
  server.tun_port = record.tun_port;
  shared.writer.copy(&shared.memory.servers[row].port, &server.port, sizeof(__u64));
  if (config.forward == model::Forward::kTunnel) set_tunnel_source(shared, row);

  xlvs_load& there = shared.memory.loads[row];
  relieved = relieved || record.upper == 0 || record.upper > there.upper;
  if (relieved && (load(there.flags) & XLVS_LOAD_F_OVERLOAD) != 0) {
    shared.writer.clear_bits(there.flags, XLVS_LOAD_F_OVERLOAD);
    note_change(shared, row);
  }
  const __u32 thresholds[2] = {record.upper, record.lower};
  shared.writer.copy(&there.upper, thresholds, sizeof thresholds);
  if (there.weight != record.weight) shared.writer.set(there.weight, record.weight);
}

void count_for(const Shared& shared, std::uint32_t row, std::uint32_t service) {
  __u32& there = shared.memory.servers[row].service;
  if (there != service) shared.writer.set(there, service);
}

void forget_rate(const Shared& shared, xlvs_rate& rate) {
  const xlvs_counters none{};
  shared.writer.copy(&rate.average, &none, sizeof none);
}

void revive(const Shared& shared, std::uint32_t row) {
  xlvs_server& server = shared.memory.servers[row];
  // KEPT and LINGERS stay until the server is published: whoever dies before that leaves it in the trash as
  // it was
  shared.writer.set(server.flags, server.flags | XLVS_SERVER_F_AVAILABLE);
}

void leave_set(const Shared& shared, std::uint32_t row) {
  __u32& joined = shared.memory.loads[row].joined;
  if (load(joined) != 0) shared.writer.set(joined, 0);
}

void forget_totals(const Shared& shared, std::uint32_t row) {
  xlvs_server& server = shared.memory.servers[row];
  if ((server.flags & XLVS_SERVER_F_KEPT) != 0)
    shared.writer.set(server.flags, server.flags & ~__u32{XLVS_SERVER_F_KEPT});
}

void note_nat(const Shared& shared, std::uint32_t row) {
  xlvs_server& server = shared.memory.servers[row];
  if ((server.flags & XLVS_SERVER_F_NAT) == 0)
    shared.writer.set(server.flags, server.flags | XLVS_SERVER_F_NAT);
  admit_nat_server(shared, server.addr, server.family);
}

void discard(const Shared& shared, std::uint32_t row, const xlvs_counters* zero, bool lingers) {
  xlvs_server& server = shared.memory.servers[row];
  if (zero != nullptr)
    shared.writer.copy(&server.zero, zero, sizeof *zero);
  else
    leave_set(shared, row);
  shared.writer.set(server.trash_since, shared.host.now());
  shared.writer.set(server.flags, (server.flags & XLVS_SERVER_F_NAT) | XLVS_SERVER_F_USED |
                                      (zero != nullptr ? XLVS_SERVER_F_KEPT : 0) |
                                      (lingers ? XLVS_SERVER_F_LINGERS : 0));
}

void set_lingers(const Shared& shared, std::uint32_t row, bool lingers) {
  __u32& flags = shared.memory.servers[row].flags;
  const __u32 wanted = lingers ? flags | XLVS_SERVER_F_LINGERS : flags & ~__u32{XLVS_SERVER_F_LINGERS};
  if (flags != wanted) shared.writer.set(flags, wanted);
}

__u32 recount_lingering(const Shared& shared) {
  __u32& there = shared.memory.control->lingering;
  if (there == 0) return 0;
  __u32 n = 0, families = 0;
  for (const xlvs_server& server : shared.memory.servers)
    if (lingers(server)) {
      ++n;
      families |= server.svc.family == XLVS_AF_INET ? XLVS_SERVICES_IPV4 : XLVS_SERVICES_IPV6;
    }
  if (there != n) shared.writer.set(there, n);
  return families;
}

bool has_connections(const TableMemory& memory, std::uint32_t row) {
  const xlvs_load& l = memory.loads[row];
  return load(l.active) != 0 || load(l.inactive) != 0 || load(l.persistent) != 0;
}

bool collect_trash(const Shared& shared) {
  const TableMemory& memory = shared.memory;
  if (memory.control->trash == 0) return false;
  const std::uint32_t now = shared.host.now();
  std::uint32_t left = 0;
  bool freed = false;
  for (std::uint32_t row = 0; row < memory.servers.size(); ++row) {
    xlvs_server& server = memory.servers[row];
    if (!in_trash(server)) continue;
    if (!has_connections(memory, row) && now - server.trash_since >= xlvs_seconds_to_ticks(kTrashPeriod_s)) {
      shared.writer.set(server.flags, 0);
      freed = true;
    } else {
      ++left;
    }
  }
  if (freed) shared.writer.set(memory.control->trash, left);
  return freed;
}

Result<std::vector<std::uint32_t>> empty_trash(const Shared& shared, std::span<const std::uint32_t> idle,
                                               std::size_t wanted) {
  const TableMemory& memory = shared.memory;
  shared.host
      .wait_for_packets();  // one that saw an old version may be opening a connection to a deleted server
  std::vector<std::uint32_t> rows;
  for (const std::uint32_t row : idle)
    if (rows.size() < wanted && !has_connections(memory, row)) rows.push_back(row);
  if (rows.size() < wanted) return std::vector<std::uint32_t>{};
  // its totals first: whoever dies in between leaves a server that comes back with none
  for (const std::uint32_t row : rows) forget_totals(shared, row);
  if (Status s = shared.host.forget(rows); !s) return s.error();
  for (const std::uint32_t row : rows) shared.writer.set(memory.servers[row].flags, 0);
  shared.writer.set(memory.control->trash, memory.control->trash - static_cast<__u32>(rows.size()));
  return rows;
}

}  // namespace xlvs::encode
