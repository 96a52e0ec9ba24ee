// SPDX-License-Identifier: GPL-2.0-or-later
// Reading the published table: index, service rows, versions; nothing here writes.
#pragma once

#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "encode/bitmap.h"
#include "encode/table_memory.h"

namespace xlvs::encode {

inline constexpr std::uint32_t kNone = 0xffffffff;  ///< no row

/// A published version, bounds checked against the memory that holds it.
struct VersionView {
  const xlvs_version* head = nullptr;
  const xlvs_version_zero* zero = nullptr;
  std::span<const xlvs_record> records;  ///< newest first
  std::uint32_t first = 0;               ///< its first block
};

/// The version of a service's row. kSystem if the memory does not hold a sound one.
Result<VersionView> view_version(const TableMemory& memory, std::uint32_t row);

using IndexHalf = std::span<xlvs_index_bucket>;
using ConstIndexHalf = std::span<const xlvs_index_bucket>;

IndexHalf published_half(const TableMemory& memory);
IndexHalf other_half(const TableMemory& memory);

/// A word of the index.
struct SlotPlace {
  std::uint32_t bucket = 0;
  std::uint32_t way = 0;
};
/// Where `half` holds the key, or nothing.
std::optional<SlotPlace> find_slot(const TableMemory& memory, ConstIndexHalf half,
                                   const xlvs_service_key& key);
/// A free place for a key that `half` does not hold: in the emptier of its two buckets. Nothing if both are
/// full.
std::optional<SlotPlace> free_slot(const TableMemory& memory, ConstIndexHalf half,
                                   const xlvs_service_key& key);
/// The word that leads from `key` to `row`.
__u64 slot_word(const TableMemory& memory, const xlvs_service_key& key, std::uint32_t row);
/// The row in an index word; kNone if the word is empty or leads out of the memory.
std::uint32_t slot_row(const TableMemory& memory, __u64 word);
/// The row of a published service, or kNone.
std::uint32_t find_service(const TableMemory& memory, const xlvs_service_key& key);

struct Size {
  std::size_t services = 0, servers = 0;
};
/// Of the published table.
Size published_size(const TableMemory& memory);

/// What the published table occupies.
struct Census {
  std::vector<std::uint32_t> services;  ///< rows, in the index's order
  Bitmap rows;                          ///< of xlvs_services
  Bitmap blocks;                        ///< of xlvs_arena; block 0 belongs to nobody
  std::uint32_t any_port = 0;           ///< services with port 0
  std::uint32_t ipv4 = 0;               ///< services of IPv4; all others are of IPv6
};
/// The word xlvs_control.services of a table with so many services of each family.
__u32 services_word(std::uint32_t ipv4, std::uint32_t ipv6);
__u32 services_word(const Census& census);
Census take_census(const TableMemory& memory);
/// Rows of all published services, in the index's order.
std::vector<std::uint32_t> published_services(const TableMemory& memory);
/// A service that xlvs_control.any_port counts.
bool any_port(const xlvs_service_key& key);

}  // namespace xlvs::encode
