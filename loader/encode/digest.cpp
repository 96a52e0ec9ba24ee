// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/digest.h"

#include <algorithm>
#include <map>

#include "encode/convert.h"
#include "encode/table.h"
#include "sched/maglev.h"

namespace xlvs::encode {
namespace {

std::uint64_t digest_of(const TableMemory& memory, const VersionView& view) {
  std::map<std::uint32_t, model::ServerKey> keys;  // by row
  for (const xlvs_record& record : view.records)
    keys.emplace(record.server, server_key(memory.servers[record.server]));
  const auto* words = reinterpret_cast<const __u32*>(&memory.arena[view.first + xlvs_first_slot(view.head->servers)]);
  std::vector<model::ServerKey> slots;
  slots.reserve(view.head->slots);
  for (std::uint32_t i = 0; i < view.head->slots; ++i) slots.push_back(keys[words[i]]);
  return sched::maglev_digest(view.head->state[0], slots);
}

}  // namespace

Result<std::vector<MaglevDigest>> maglev_digests(const Shared& shared) {
  const auto lock = TableLock::take(shared, false);
  if (!lock) return lock.error();
  const TableMemory& memory = shared.memory;
  std::vector<MaglevDigest> digests;
  for (const std::uint32_t row : published_services(memory)) {
    const auto view = view_version(memory, row);
    if (!view) return view.error();
    if ((*view).head->sched == XLVS_SCHED_MAGLEV)
      digests.push_back({to_model(memory.services[row].key), digest_of(memory, *view)});
  }
  std::sort(digests.begin(), digests.end(),
            [](const MaglevDigest& a, const MaglevDigest& b) { return a.service < b.service; });
  return digests;
}

}  // namespace xlvs::encode
