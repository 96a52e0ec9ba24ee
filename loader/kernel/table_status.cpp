// SPDX-License-Identifier: GPL-2.0-or-later
// Reads control, counters and hooks of the table.
#include "kernel/table_status.h"

#include <array>

#include "abi/verdict.h"
#include "kernel/opened_table.h"
#include "kernel/probe.h"
#include "kernel/sweep.h"

namespace xlvs::kernel {
namespace {

constexpr std::array kReasons{
#define X(name, verdict, text) ReasonCount{#name, #verdict, text, 0},
    XLVS_REASONS(X)
#undef X
};

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
