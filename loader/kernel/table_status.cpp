// SPDX-License-Identifier: GPL-2.0-or-later
// Reads control, counters and hooks of the table.
#include "kernel/table_status.h"

#include <array>

#include "abi/verdict.h"
#include "kernel/opened_table.h"
#include "kernel/ports.h"
#include "kernel/probe.h"
#include "kernel/sweep.h"
#include "kernel/tc_hook.h"

namespace xlvs::kernel {
namespace {

constexpr std::array kReasons{
#define X(name, verdict, text) ReasonCount{#name, #verdict, text, 0},
    XLVS_REASONS(X)
#undef X
};

Result<std::vector<VlanStatus>> vlans_of(const std::string& folder, const std::vector<Attachment>& interfaces) {
  const auto ports = Ports::open(folder);
  if (!ports) return ports.error();
  std::vector<VlanStatus> found;
  for (const Attachment& a : interfaces) {
    const auto rows = ports->standing_on(a.interface);
    if (!rows) return rows.error();
    for (const xlvs_port& row : *rows) {
      const Interface interface = interface_by_number(row.ifindex);
      if ((row.flags & XLVS_PORT_F_VLAN) == 0 || interface.name.empty()) continue;
      const auto filter = tc_program(interface);
      found.push_back({interface, a.interface, filter && *filter != 0});
    }
  }
  return found;
}

}  // namespace

Result<TableStatus> table_status() {
  const auto opened = OpenedTable::open();
  if (!opened) return opened.error();
  OpenedTable& table = **opened;
  TableStatus status;
  status.folder = table.dir().path;
  status.abi = table.memory().control->abi;
  status.capacity = table.capacity();
  status.memory_bytes = memory_bytes(status.capacity, possible_cpus());
  status.services = table.memory().control->services;
  auto digests = encode::maglev_digests({table.memory(), table, encode::Writer{}});
  if (!digests) return digests.error();
  status.maglev = std::move(*digests);
  const std::string folder = fd_path(table.dir().folder);
  status.sweep_timer = has_sweep_timer(folder);
  const auto id = table_id(folder);
  if (!id) return id.error();
  auto interfaces = attachments(*id);
  if (!interfaces) return interfaces.error();
  status.interfaces = std::move(*interfaces);
  auto vlans = vlans_of(folder, status.interfaces);
  if (!vlans) return vlans.error();
  status.vlans = std::move(*vlans);
  const auto counts = table.reasons();
  if (!counts) return counts.error();
  for (std::size_t i = 0; i < kReasons.size(); ++i) {
    if (i == XLVS_REASON_FORWARDED) continue;
    status.reasons.push_back(kReasons[i]);
    status.reasons.back().packets = (*counts)[i];
  }
  return status;
}

Result<std::vector<Attachment>> directors_without_table() { return attachments(std::nullopt); }

}  // namespace xlvs::kernel
