// SPDX-License-Identifier: GPL-2.0-or-later
// Rows of real servers: taking one, the fields that mirror the published records, and the trash.
//
// A deleted server keeps its row, with its connection counts, in the trash: its connections still point
// there, and if it is added to the same service again, it gets the row back. Kernel IPVS does the same.
#pragma once

#include <span>
#include <vector>

#include "encode/draft.h"
#include "encode/shared.h"

namespace xlvs::encode {

inline bool used(const xlvs_server& row) { return (row.flags & XLVS_SERVER_F_USED) != 0; }
inline bool available(const xlvs_server& row) { return (row.flags & XLVS_SERVER_F_AVAILABLE) != 0; }
inline bool in_trash(const xlvs_server& row) { return used(row) && !available(row); }
inline bool lingers(const xlvs_server& row) { return (row.flags & XLVS_SERVER_F_LINGERS) != 0; }

/// The row in xlvs_rates of the service in `row`.
inline xlvs_rate& service_rate(const TableMemory& memory, std::uint32_t row) {
  return memory.rates[memory.servers.size() + row];
}

/// Gives a free row its identity, without connections. It takes no packets before revive().
void occupy(const Shared& shared, std::uint32_t row, const model::ServiceKey& service, const Entry& entry);
/// Dynamic schedulers shall look anew at the load of the server in `row`.
void note_change(const Shared& shared, std::uint32_t row);
/// Says whose rates the server in `row` counts for: the service in row `service`.
void count_for(const Shared& shared, std::uint32_t row, std::uint32_t service);
/// Rates begin at 0; what was seen is kept, for the counters go on. The timer may be at work on them at this
/// very moment, and then keeps what it makes of the old ones: they fade within seconds.
void forget_rate(const Shared& shared, xlvs_rate& rate);
/// Sets the fields that mirror the record of the server in `row`, each by one store, where they differ.
/// `relieved`: it is not overloaded any more, whatever its thresholds were.
void mirror(const Shared& shared, std::uint32_t row, const model::ServerConfig& config, bool relieved = false);
/// Lets the server in `row` take packets: call it after mirror() and before publishing.
void revive(const Shared& shared, std::uint32_t row);
/// Notes that the server will be, or is, NAT: replies may come from it until its row is free.
void note_nat(const Shared& shared, std::uint32_t row);
/// Takes packets from the server in `row`. `zero`: its record's zero point, to be kept for its return; null
/// if its service went too. `lingers`: it keeps those of the connections that it has; control.lingering counts
/// it already.
void discard(const Shared& shared, std::uint32_t row, const xlvs_counters* zero, bool lingers = false);
/// Connections to the server in `row`, which is in the trash, go on or do not. Before one that does,
/// control.lingering must count it.
void set_lingers(const Shared& shared, std::uint32_t row, bool lingers);
/// Sets control.lingering, if it is not 0, to how many linger.
/// @return  the families of their services, as bits of control.services.
__u32 recount_lingering(const Shared& shared);
/// Forgets what discard() kept, when the server is back in a list or its service is gone.
void forget_totals(const Shared& shared, std::uint32_t row);
/// Whether connections count at the server in `row`, whatever became of it.
bool has_connections(const TableMemory& memory, std::uint32_t row);
/// Forgets that lblcr took the server in `row` into a set: its service ends or begins.
void leave_set(const Shared& shared, std::uint32_t row);
/// Frees rows in the trash that have no connections and had their time. Sets control.trash.
/// @return whether it freed one.
bool collect_trash(const Shared& shared);
/// Frees `wanted` of the rows `idle`, the first ones, before their time; if connections came to so many of
/// them meanwhile that too few are left, none. Sets control.trash.
/// @return the rows freed.
Result<std::vector<std::uint32_t>> empty_trash(const Shared& shared, std::span<const std::uint32_t> idle,
                                               std::size_t wanted);
/// Forgets kept totals of servers in the trash whose service `gone(key)`.
template <typename Predicate>
void forget_totals_if(const Shared& shared, Predicate gone) {
  const auto servers = shared.memory.servers;
  for (std::uint32_t row = 0; row < servers.size(); ++row)
    if (in_trash(servers[row]) && gone(servers[row].svc)) {
      forget_totals(shared, row);
      leave_set(shared, row);
    }
}

}  // namespace xlvs::encode
