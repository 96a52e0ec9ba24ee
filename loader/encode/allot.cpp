// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/allot.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>

#include "encode/convert.h"
#include "encode/rows.h"

namespace xlvs::encode {
namespace {

/// Servers that were deleted and added again within this plan, or that a replaced service has in both lives.
void find_in_old(const TableMemory& memory, Change& change) {
  std::map<model::ServerKey, Entry*> wanted;
  for (Entry& e : change.draft->servers())
    if (e.row == kNone) wanted.emplace(e.key, &e);
  if (wanted.empty()) return;
  for (const xlvs_record& record : change.old->records) {
    const auto found = wanted.find(server_key(memory.servers[record.server]));
    if (found == wanted.end()) continue;
    Entry& e = *found->second;
    e.row = record.server;
    if (!change.continues()) continue;
    e.zero = record.zero;
    e.counted = true;
    e.joined = false;
  }
}

/// With expire_nodest_conn the connections of a deleted server end with it. The sweep takes them within a second;
/// until then they keep the row that they point to, and the server comes back without them in another one.
bool left_connections_to_die(const TableMemory& memory, std::uint32_t row) {
  return memory.control->settings[XLVS_SET_EXPIRE_NODEST_CONN] != 0 && !lingers(memory.servers[row]) &&
         has_connections(memory, row);
}

/// How many it found.
std::uint32_t find_in_trash(const TableMemory& memory, std::span<Change> changes) {
  if (memory.control->trash == 0) return 0;
  struct Wanted {
    Entry* entry;
    bool continues;
  };
  std::map<std::pair<model::ServiceKey, model::ServerKey>, Wanted> wanted;
  for (const Change& change : changes)
    if (change.draft != nullptr)
      for (Entry& e : change.draft->servers())
        if (e.row == kNone) wanted.emplace(std::pair(change.key, e.key), Wanted{&e, change.continues()});
  if (wanted.empty()) return 0;
  std::uint32_t revived = 0;
  for (std::uint32_t row = 0; row < memory.servers.size(); ++row) {
    const xlvs_server& server = memory.servers[row];
    if (!in_trash(server)) continue;
    const auto found = wanted.find({to_model(server.svc), server_key(server)});
    if (found == wanted.end() || left_connections_to_die(memory, row)) continue;
    const auto [entry, continues] = found->second;
    wanted.erase(found);  // an older row of the same server may be there, too
    entry->row = row;
    ++revived;
    if (!continues || (server.flags & XLVS_SERVER_F_KEPT) == 0) continue;
    entry->zero = server.zero;
    entry->counted = true;
  }
  return revived;
}

std::vector<Entry*> entries_without_row(std::span<Change> changes) {
  std::vector<Entry*> entries;
  for (const Change& change : changes)
    if (change.draft != nullptr)
      for (Entry& e : change.draft->servers())
        if (e.row == kNone) entries.push_back(&e);
  return entries;
}

/// Who holds the rows of a table that has none left.
struct Holders {
  std::uint32_t leaving = 0;  ///< in force until the plan is published, and not in it
  std::uint32_t busy = 0;     ///< in the trash, with connections
};

Error full(std::size_t rows, const Holders& holders) {
  std::string what = "the table is full (" + std::to_string(rows) + " real servers)";
  const auto of_them = [&](std::uint32_t n, const char* why) {
    if (n != 0) what += "; " + std::to_string(n) + " of them " + why;
  };
  of_them(holders.busy, "are deleted, but have connections");
  of_them(holders.leaving, "go only when this edit is made");
  return Error{Errc::kNoSpace, std::move(what)};
}

/// As many rows of the trash as are missing, freed; kNoSpace without any.
Result<std::vector<std::uint32_t>> make_room(const Shared& shared, std::span<Change> changes,
                                             std::size_t missing) {
  const TableMemory& memory = shared.memory;
  std::vector<bool> stays(memory.servers.size(), false);
  for (const Change& change : changes)
    if (change.draft != nullptr)
      for (const Entry& e : change.draft->servers())
        if (e.row != kNone) stays[e.row] = true;
  Holders holders;
  for (const Change& change : changes)
    if (change.old)
      for (const xlvs_record& record : change.old->records) holders.leaving += stays[record.server] ? 0 : 1;
  std::vector<std::uint32_t> idle;
  for (std::uint32_t row = 0; row < memory.servers.size(); ++row)
    if (in_trash(memory.servers[row]) && !stays[row]) {
      if (has_connections(memory, row))
        ++holders.busy;
      else
        idle.push_back(row);
    }
  const std::uint32_t now = shared.host.now();
  std::stable_sort(idle.begin(), idle.end(), [&](std::uint32_t a, std::uint32_t b) {
    return now - memory.servers[a].trash_since > now - memory.servers[b].trash_since;
  });
  if (idle.size() < missing) return full(memory.servers.size(), holders);
  auto rows = empty_trash(shared, idle, missing);
  if (rows && (*rows).empty()) return full(memory.servers.size(), holders);
  return rows;
}

}  // namespace

Result<RowsTaken> allot_rows(const Shared& shared, std::span<Change> changes) {
  const TableMemory& memory = shared.memory;
  for (Change& change : changes)
    if (change.draft != nullptr && change.old) find_in_old(memory, change);
  RowsTaken taken;
  taken.revived = find_in_trash(memory, changes);
  const auto n = static_cast<std::uint32_t>(memory.servers.size());
  taken.cursor = memory.control->server_cursor;
  const std::vector<Entry*> wanting = entries_without_row(changes);
  std::size_t i = 0;
  for (std::uint32_t tried = 0; i < wanting.size() && tried < n; ++tried) {
    const std::uint32_t row = taken.cursor < n ? taken.cursor : 0;
    taken.cursor = row + 1;
    if (!used(memory.servers[row])) wanting[i++]->row = row;
  }
  if (i == wanting.size()) return taken;
  const auto rows = make_room(shared, changes, wanting.size() - i);
  if (!rows) return rows.error();
  for (const std::uint32_t row : *rows) wanting[i++]->row = row;
  taken.reused = true;
  return taken;
}

}  // namespace xlvs::encode
