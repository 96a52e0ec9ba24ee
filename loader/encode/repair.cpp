// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/repair.h"

#include <vector>

#include "encode/convert.h"
#include "encode/filter.h"
#include "encode/rows.h"
#include "encode/version.h"

namespace xlvs::encode {

void repair(const Shared& shared) {
  const TableMemory& memory = shared.memory;
  xlvs_control& control = *memory.control;
  std::vector<bool> listed(memory.servers.size(), false);
  const Census census = take_census(memory);
  for (const std::uint32_t row : census.services) {
    const auto view = view_version(memory, row);
    if (!view) continue;
    admit_service(shared, memory.services[row].key);
    for (const xlvs_record& record : (*view).records) {
      listed[record.server] = true;
      if (record.forward == XLVS_FORWARD_NAT) note_nat(shared, record.server);
      mirror(shared, record.server, to_model(record));
      note_change(shared, record.server);  // whoever died may have ended an overload
      count_for(shared, record.server, row);
      if (!available(memory.servers[record.server])) revive(shared, record.server);
      forget_totals(shared, record.server);
      set_lingers(shared, record.server, false);
    }
  }
  std::uint32_t trash = 0;
  for (std::uint32_t row = 0; row < memory.servers.size(); ++row) {
    if (!used(memory.servers[row]) || listed[row]) continue;
    const bool kept = (memory.servers[row].flags & XLVS_SERVER_F_KEPT) != 0;
    if (available(memory.servers[row]))
      discard(shared, row, kept ? &memory.servers[row].zero : nullptr, lingers(memory.servers[row]));
    ++trash;
  }
  forget_totals_if(shared, [&](const xlvs_service_key& key) { return find_service(memory, key) == kNone; });
  shared.writer.set(control.services, services_word(census) | recount_lingering(shared));
  shared.writer.set(control.any_port, census.any_port);
  shared.writer.set(control.trash, trash);
  rebuild_filter(shared);
  for (std::size_t row = 0; row < XLVS_TIMEOUT_ROWS; ++row)
    for (std::size_t state = 0; state < XLVS_TIMEOUT_STATES; ++state)
      shared.writer.set(control.timeouts[row][state], xlvs_seconds_to_ticks(control.timeouts_s[row][state]));
  shared.writer.set(control.dirty, 0);
}

}  // namespace xlvs::encode
