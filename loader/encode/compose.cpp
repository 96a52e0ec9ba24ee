// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/compose.h"

#include <algorithm>
#include <cstring>

#include "encode/convert.h"
#include "sched/ladder.h"
#include "sched/maglev.h"
#include "sched/wrr.h"

namespace xlvs::encode {
namespace {

static_assert(sched::kMaxSlots <= XLVS_MAX_SLOTS && sched::kMaglevSlots <= XLVS_MAX_SLOTS);

xlvs_sched how(sched::Pick pick) {
  switch (pick) {
    case sched::Pick::kNone:
      return XLVS_SCHED_NONE;
    case sched::Pick::kTurn:
      return XLVS_SCHED_TURN;
    case sched::Pick::kLc:
      return XLVS_SCHED_LC;
    case sched::Pick::kWlc:
      return XLVS_SCHED_WLC;
    case sched::Pick::kSed:
      return XLVS_SCHED_SED;
    case sched::Pick::kNq:
      return XLVS_SCHED_NQ;
    case sched::Pick::kFo:
      return XLVS_SCHED_FO;
    case sched::Pick::kOvf:
      return XLVS_SCHED_OVF;
    case sched::Pick::kTwos:
      return XLVS_SCHED_TWOS;
    case sched::Pick::kLblc:
      return XLVS_SCHED_LBLC;
    case sched::Pick::kLblcr:
      return XLVS_SCHED_LBLCR;
    case sched::Pick::kDh:
      return XLVS_SCHED_DH;
    case sched::Pick::kSh:
      return XLVS_SCHED_SH;
    case sched::Pick::kMh:
      return XLVS_SCHED_MH;
    case sched::Pick::kMaglev:
      return XLVS_SCHED_MAGLEV;
  }
  return XLVS_SCHED_NONE;
}

/// A turn that nobody can take: where the data plane goes on from. Ladders know it themselves.
void tell_what_failing_does(const Change& change, xlvs_version_zero& zero) {
  const Draft& draft = *change.draft;
  zero.restarts = XLVS_NEVER_RESTARTS;
  if (change.slots() == 0 || draft.scheduler().turns != &sched::kWeightedRoundRobin) return;
  zero.restarts = 0;
  if (!change.ladder.empty()) return;
  const std::vector<sched::Weight> weights = draft.weights();
  const auto lowest = weights.size() - static_cast<std::size_t>(std::count(weights.begin(), weights.end(), 0u));
  zero.start = static_cast<__u16>(sched::Ladder(weights).number_after(draft.position()));
  zero.restarts = static_cast<__u16>(change.slots() - lowest);
}

}  // namespace

std::vector<Block> version_blocks(const Change& change, std::uint32_t now) {
  const Draft& draft = *change.draft;
  const auto servers = static_cast<__u32>(draft.servers().size());
  const __u32 slots = change.slots();
  std::vector<Block> blocks(xlvs_version_blocks(servers, slots));
  xlvs_version head{};
  head.service = change.row;
  head.blocks = static_cast<__u32>(blocks.size());
  head.sched = draft.schedules() ? how(draft.scheduler().pick) : XLVS_SCHED_NONE;
  if (!change.ladder.empty()) head.sched = XLVS_SCHED_LADDER;
  head.flags = draft.config().flags;
  head.timeout_s = draft.config().timeout_s;
  head.netmask = draft.config().netmask;
  head.servers = servers;
  head.slots = slots;
  if (draft.scheduler().turns != nullptr) {
    head.state[0] = draft.position().threshold;
    head.state[1] = draft.position().last;
  } else if (draft.scheduler().pick == sched::Pick::kMaglev) {
    head.state[0] = change.maglev_seed;
  } else {
    head.state[0] = change.remembers() ? change.old->head->state[0] : now;
    head.state[1] = change.groups.count;
  }
  draft.config().scheduler.copy(head.scheduler, sizeof head.scheduler - 1);
  xlvs_version_zero zero{};
  zero.zero = change.zero;
  draft.config().pe_name.copy(zero.pe_name, sizeof zero.pe_name - 1);
  tell_what_failing_does(change, zero);
  std::memcpy(&blocks[0], &head, sizeof head);
  std::memcpy(&blocks[1], &zero, sizeof zero);

  auto* picks = reinterpret_cast<xlvs_pick*>(&blocks[XLVS_FIRST_PICK]);
  std::size_t at = xlvs_first_record(servers);
  for (const Entry& e : draft.servers()) {
    xlvs_record record = to_abi(e.config);
    record.server = e.row;
    record.last_weight = e.last_weight;
    record.zero = e.zero;
    *picks++ = {e.row, record.weight};
    std::memcpy(&blocks[at++], &record, sizeof record);
  }
  std::copy(change.blocks().begin(), change.blocks().end(), blocks.begin() + xlvs_first_slot(servers));
  auto* slot = reinterpret_cast<__u32*>(&blocks[xlvs_first_slot(servers)]);
  const bool hashed = draft.scheduler().table != nullptr;  // turns leave servers of weight 0 out
  for (const sched::Slot position : change.period) {
    const Entry& e = draft.servers()[position];
    *slot++ = e.row | (hashed && e.config.weight == 0 ? XLVS_SLOT_QUIESCED : 0);
  }
  return blocks;
}

}  // namespace xlvs::encode
