// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/version.h"

#include <algorithm>
#include <array>
#include <string>

#include "encode/convert.h"
#include "encode/writer.h"

namespace xlvs::encode {
namespace {

std::array<std::uint32_t, 2> buckets(const TableMemory& memory, ConstIndexHalf half,
                                     const xlvs_service_key& key) {
  const __u64 hash = xlvs_hash_service(&key, memory.control->seed);
  const auto n = static_cast<std::uint32_t>(half.size());
  return {xlvs_index_first(hash, n), xlvs_index_second(hash, n)};
}

template <typename T>
const T* at_block(const TableMemory& memory, std::size_t block) {
  return reinterpret_cast<const T*>(&memory.arena[block]);
}

bool sound(const TableMemory& memory, const xlvs_version& v, std::uint32_t first, std::uint32_t row) {
  return v.service == row && v.servers <= XLVS_MAX_SERVERS_PER_SERVICE && v.slots <= XLVS_MAX_SLOTS &&
         v.blocks >= xlvs_version_blocks(v.servers, v.slots) && v.blocks <= memory.arena.size() - first;
}

/// The version of a row, its head checked; records are not.
std::optional<VersionView> view_head(const TableMemory& memory, std::uint32_t row) {
  if (row >= memory.services.size()) return std::nullopt;
  VersionView view;
  view.first = load(memory.services[row].version);
  if (view.first == 0 || view.first >= memory.arena.size()) return std::nullopt;
  view.head = at_block<xlvs_version>(memory, view.first);
  if (!sound(memory, *view.head, view.first, row)) return std::nullopt;
  view.zero = at_block<xlvs_version_zero>(memory, view.first + 1);
  view.records = {at_block<xlvs_record>(memory, view.first + xlvs_first_record(view.head->servers)),
                  view.head->servers};
  return view;
}

}  // namespace

Result<VersionView> view_version(const TableMemory& memory, std::uint32_t row) {
  const Error damaged{Errc::kSystem, "the table is damaged at service row " + std::to_string(row)};
  const auto view = view_head(memory, row);
  if (!view) return damaged;
  const auto lost = [&](const xlvs_record& r) { return r.server >= memory.servers.size(); };
  if (std::any_of(view->records.begin(), view->records.end(), lost)) return damaged;
  return *view;
}

IndexHalf published_half(const TableMemory& memory) {
  const std::size_t n = memory.index.size() / 2;
  return memory.index.subspan(load(memory.control->half) == 0 ? 0 : n, n);
}

IndexHalf other_half(const TableMemory& memory) {
  const std::size_t n = memory.index.size() / 2;
  return memory.index.subspan(load(memory.control->half) == 0 ? n : 0, n);
}

std::uint32_t slot_row(const TableMemory& memory, __u64 word) {
  const auto row = static_cast<std::uint32_t>(word) - 1;  // empty: wraps to kNone
  return row < memory.services.size() ? row : kNone;
}

__u64 slot_word(const TableMemory& memory, const xlvs_service_key& key, std::uint32_t row) {
  return xlvs_index_slot(xlvs_hash_service(&key, memory.control->seed), row);
}

std::optional<SlotPlace> find_slot(const TableMemory& memory, ConstIndexHalf half,
                                   const xlvs_service_key& key) {
  for (const std::uint32_t bucket : buckets(memory, half, key))
    for (std::uint32_t way = 0; way < XLVS_INDEX_WAYS; ++way) {
      const std::uint32_t row = slot_row(memory, load(half[bucket].slot[way]));
      if (row != kNone && equal(memory.services[row].key, key)) return SlotPlace{bucket, way};
    }
  return std::nullopt;
}

std::optional<SlotPlace> free_slot(const TableMemory& memory, ConstIndexHalf half,
                                   const xlvs_service_key& key) {
  std::optional<SlotPlace> best;
  std::ptrdiff_t most = 0;
  for (const std::uint32_t bucket : buckets(memory, half, key)) {
    const auto& slots = half[bucket].slot;
    const auto empty = std::count(std::begin(slots), std::end(slots), __u64{0});
    if (empty <= most) continue;
    most = empty;
    best =
        SlotPlace{bucket, static_cast<std::uint32_t>(std::find(std::begin(slots), std::end(slots), __u64{0}) -
                                                     std::begin(slots))};
  }
  return best;
}

std::uint32_t find_service(const TableMemory& memory, const xlvs_service_key& key) {
  const ConstIndexHalf half = published_half(memory);
  const auto place = find_slot(memory, half, key);
  return place ? slot_row(memory, load(half[place->bucket].slot[place->way])) : kNone;
}

std::vector<std::uint32_t> published_services(const TableMemory& memory) {
  std::vector<std::uint32_t> rows;
  for (const xlvs_index_bucket& bucket : published_half(memory))
    for (const __u64& word : bucket.slot) {
      const std::uint32_t row = slot_row(memory, load(word));
      if (row != kNone) rows.push_back(row);
    }
  return rows;
}

Size published_size(const TableMemory& memory) {
  Size size;
  for (const std::uint32_t row : published_services(memory)) {
    const auto view = view_head(memory, row);
    ++size.services;
    size.servers += view ? view->records.size() : 0;
  }
  return size;
}

__u32 services_word(std::uint32_t ipv4, std::uint32_t ipv6) {
  return (ipv4 + ipv6) | (ipv4 != 0 ? XLVS_SERVICES_IPV4 : 0) | (ipv6 != 0 ? XLVS_SERVICES_IPV6 : 0);
}

__u32 services_word(const Census& census) {
  return services_word(census.ipv4, static_cast<std::uint32_t>(census.services.size()) - census.ipv4);
}

bool any_port(const xlvs_service_key& key) { return key.port == 0 && key.fwmark == 0; }

Census take_census(const TableMemory& memory) {
  Census census{published_services(memory), Bitmap(memory.services.size()), Bitmap(memory.arena.size())};
  census.blocks.use(0);
  for (const std::uint32_t row : census.services) {
    census.rows.use(row);
    if (any_port(memory.services[row].key)) ++census.any_port;
    if (memory.services[row].key.family == XLVS_AF_INET) ++census.ipv4;
    if (const auto view = view_head(memory, row)) census.blocks.use(view->first, view->head->blocks);
  }
  return census;
}

}  // namespace xlvs::encode
