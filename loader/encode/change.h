// SPDX-License-Identifier: GPL-2.0-or-later
// One service of a plan on its way to be published: what was, what will be, and where.
#pragma once

#include <optional>
#include <vector>

#include "encode/draft.h"
#include "encode/groups.h"
#include "encode/version.h"

namespace xlvs::encode {

/// One service that the plan changes.
struct Change {
  model::ServiceKey key;
  Draft* draft = nullptr;                   ///< null: the service goes
  std::uint32_t old_row = kNone;            ///< published so far; kNone: nothing is
  std::optional<VersionView> old{};         ///< its version
  std::vector<const xlvs_record*> leave{};  ///< servers that are not in the new list
  bool lingers = false;                     ///< their connections go on: another owner has the service

  std::uint32_t row = kNone;  ///< where the draft goes
  std::uint32_t first = 0;    ///< first block of its version
  std::vector<sched::Slot> period{};
  std::vector<Block> ladder{};  ///< in the place of a period that is too long
  Groups groups{};              ///< of a dynamic scheduler
  std::uint32_t maglev_seed = 0;
  xlvs_counters zero{};

  /// The service lives on: totals, and what its trash keeps, too.
  [[nodiscard]] bool continues() const { return draft != nullptr && draft->base() != kNone; }
  /// What stands in the place of the slots, when those are none.
  [[nodiscard]] const std::vector<Block>& blocks() const { return ladder.empty() ? groups.blocks : ladder; }
  [[nodiscard]] __u32 slots() const {
    return static_cast<__u32>(blocks().empty() ? period.size() : blocks().size() * XLVS_SLOTS_PER_BLOCK);
  }
  /// The scheduler stays bound: what it remembers holds.
  [[nodiscard]] bool remembers() const { return continues() && old && !draft->rebound(); }
  [[nodiscard]] bool ends() const { return old_row != kNone && !continues(); }
};

}  // namespace xlvs::encode
