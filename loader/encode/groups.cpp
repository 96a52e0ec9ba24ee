// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/groups.h"

#include <algorithm>
#include <numeric>

#include "encode/convert.h"

namespace xlvs::encode {
namespace {

std::uint32_t rows_of(const Entry& e) { return e.row / XLVS_GROUP_ROWS; }

std::vector<xlvs_group> groups_by_row(const std::deque<Entry>& servers,
                                      const std::vector<std::uint32_t>& places) {
  std::vector<xlvs_group> groups;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const std::uint32_t rows = rows_of(servers[places[i]]);
    if (groups.empty() || groups.back().rows != rows)
      groups.push_back({.rows = rows, .first = static_cast<__u16>(i), .picks = 0, .found = {}});
    ++groups.back().picks;
  }
  return groups;
}

std::vector<xlvs_group> groups_by_number(std::size_t servers) {
  std::vector<xlvs_group> groups;
  for (std::size_t first = 0; first < servers; first += XLVS_GROUP_ROWS)
    groups.push_back({.rows = XLVS_NO_ROWS,
                      .first = static_cast<__u16>(first),
                      .picks = static_cast<__u16>(std::min<std::size_t>(XLVS_GROUP_ROWS, servers - first)),
                      .found = {}});
  return groups;
}

}  // namespace

Groups group_servers(const std::deque<Entry>& servers) {
  std::vector<std::uint32_t> places(servers.size());
  std::iota(places.begin(), places.end(), 0u);
  std::stable_sort(places.begin(), places.end(), [&](std::uint32_t a, std::uint32_t b) {
    return rows_of(servers[a]) < rows_of(servers[b]);
  });
  std::vector<xlvs_group> groups = groups_by_row(servers, places);
  if (groups.size() > XLVS_MAX_GROUPS) groups = groups_by_number(servers.size());
  Groups result;
  result.count = static_cast<std::uint32_t>(groups.size());
  const std::size_t first_pick = xlvs_first_group_pick(result.count);
  result.blocks.resize(first_pick + (places.size() + XLVS_GROUP_PICKS_PER_BLOCK - 1) / XLVS_GROUP_PICKS_PER_BLOCK);
  std::copy(groups.begin(), groups.end(), reinterpret_cast<xlvs_group*>(result.blocks.data()));
  auto* pick = reinterpret_cast<xlvs_group_pick*>(result.blocks.data() + first_pick);
  for (const std::uint32_t place : places) {
    const Entry& e = servers[place];
    *pick++ = {.server = e.row, .weight = to_abi(e.config).weight, .place = place, .reserved = 0};
  }
  return result;
}

}  // namespace xlvs::encode
