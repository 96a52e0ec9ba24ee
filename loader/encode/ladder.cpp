// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/ladder.h"

#include <cstring>

namespace xlvs::encode {

std::vector<Block> to_blocks(const sched::Ladder& ladder, sched::Position position) {
  const std::vector<std::uint16_t> counts = ladder.counts();
  xlvs_ladder head{};
  head.turns = ladder.turns();
  head.start = ladder.number_after(position);
  head.divisor = ladder.divisor();
  head.steps = static_cast<__u32>(ladder.steps().size());
  head.levels = ladder.levels();
  const __u32 first_count = xlvs_first_count(head.steps);
  std::vector<Block> blocks(first_count + (counts.size() + XLVS_COUNTS_PER_BLOCK - 1) / XLVS_COUNTS_PER_BLOCK);
  std::memcpy(&blocks[0], &head, sizeof head);
  auto* step = reinterpret_cast<xlvs_step*>(&blocks[1]);
  for (const sched::Ladder::Step& s : ladder.steps()) *step++ = {s.first, s.threshold, s.members};
  if (!counts.empty()) std::memcpy(&blocks[first_count], counts.data(), counts.size() * sizeof counts[0]);
  return blocks;
}

}  // namespace xlvs::encode
