// SPDX-License-Identifier: GPL-2.0-or-later
// Map sizes: how full each structure may become, and what that costs.
#include "kernel/sizing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>

#include "abi/conn.h"
#include "abi/port.h"
#include "abi/rate.h"
#include "abi/server.h"
#include "abi/service.h"
#include "abi/verdict.h"

namespace xlvs::kernel {
namespace {

constexpr std::uint64_t kMaxConns = 1000000000;  // a connection's place, bucket and way, is a 32-bit number
constexpr std::uint64_t kMaxServices = 1u << 22;
constexpr std::uint64_t kMaxServers = 1u << 24;
constexpr std::uint64_t kMaxBlocks = 1u << 30;
constexpr std::uint64_t kLeastBlocks = 64;  // block 0 is nobody's, and a service or two want some to live in
constexpr std::uint64_t kPage = 4096;

// Two slots for each connection: no place is ever refused, and few connections live in their second bucket
// (ADR 2).
constexpr std::uint64_t kConnsPerBucket = XLVS_CONN_WAYS / 2;
// Buckets of eight with two choices: at half filling no key is ever refused in practice.
constexpr std::uint64_t kServicesPerIndexBucket = XLVS_INDEX_WAYS / 2;
// A server takes a record and a pick, a ninth of a block more, in its service's version, and some slots of
// its schedule or a place in a group; an edit or a whole restore stands beside the old version: twice that. A service takes two
// blocks, and sixteen for the 256 slots of sh, also twice.
constexpr std::uint64_t kBlocksPerServer = 4;
constexpr std::uint64_t kBlocksPerService = 32;
std::uint64_t divided_up(std::uint64_t n, std::uint64_t by) { return (n + by - 1) / by; }

/// Room for one version at its largest, old and new.
std::uint64_t least_blocks(std::uint64_t servers) {
  const std::uint64_t most = std::min<std::uint64_t>(servers, XLVS_MAX_SERVERS_PER_SERVICE);
  return 2ull * xlvs_version_blocks(static_cast<std::uint32_t>(most), XLVS_MAX_SLOTS);
}

Status within(const char* option, std::uint64_t value, std::uint64_t most, std::uint64_t least = 1) {
  if (value >= least && value <= most) return ok();
  return Error{Errc::kRange,
               fmt::format("--{} {} is out of range: choose {} to {}", option, value, least, most)};
}

}  // namespace

Result<Capacity> capacity_for(const CapacityRequest& request) {
  const std::uint64_t conns = request.conns.value_or(kDefaultConns);
  const std::uint64_t conns6 = request.conns6.value_or(divided_up(conns, 4));
  const std::uint64_t services = request.services.value_or(kDefaultServices);
  const std::uint64_t servers = request.servers.value_or(kDefaultServers);
  if (auto s = within("conns", conns, kMaxConns); !s) return s.error();
  if (auto s = within("conns6", conns6, kMaxConns); !s) return s.error();
  if (auto s = within("services", services, kMaxServices); !s) return s.error();
  if (auto s = within("servers", servers, kMaxServers); !s) return s.error();
  const std::uint64_t blocks = request.blocks.value_or(
      std::max(least_blocks(servers), servers * kBlocksPerServer + services * kBlocksPerService));
  if (auto s = within("blocks", blocks, kMaxBlocks, kLeastBlocks); !s) return s.error();

  Capacity c;
  c.max_conns = static_cast<std::uint32_t>(conns);
    c.max_services = static_cast<std::uint32_t>(services);
  c.max_servers = static_cast<std::uint32_t>(servers);
  c.arena_blocks = static_cast<std::uint32_t>(blocks);
  c.index_buckets = static_cast<std::uint32_t>(std::bit_ceil(divided_up(services, kServicesPerIndexBucket)));
  c.buckets4 = static_cast<std::uint32_t>(divided_up(conns, kConnsPerBucket));
  c.buckets6 = static_cast<std::uint32_t>(divided_up(conns6, kConnsPerBucket));
  c.max_conns6 = static_cast<std::uint32_t>(c.buckets6 * kConnsPerBucket);  // as capacity_of() will say
  return c;
}

Capacity capacity_of(const xlvs_control& control) {
  Capacity c;
  c.max_conns = control.max_conns;
  c.max_conns6 = static_cast<std::uint32_t>(control.buckets6 * kConnsPerBucket);
  c.index_buckets = control.index_buckets;
  c.max_services = control.max_services;
  c.max_servers = control.max_servers;
  c.arena_blocks = control.arena_blocks;
  c.buckets4 = control.buckets4;
  c.buckets6 = control.buckets6;
  return c;
}

std::uint64_t memory_bytes(const Capacity& c, unsigned cpus) {
  const auto pages = [](std::uint64_t entries, std::uint64_t size) {
    return divided_up(entries * size, kPage) * kPage;
  };
  return pages(1, sizeof(xlvs_control)) + pages(1, sizeof(xlvs_filter)) +
         pages(XLVS_PORTS, sizeof(xlvs_port)) + pages(2ull * c.index_buckets, sizeof(xlvs_index_bucket)) +
         pages(2ull * c.max_services, sizeof(xlvs_service)) + pages(c.arena_blocks, XLVS_BLOCK_SIZE) +
         pages(c.max_servers, sizeof(xlvs_server)) + pages(c.max_servers, sizeof(xlvs_load)) +
         pages(xlvs_changes_rows(c.max_servers), sizeof(xlvs_changes)) +
         pages(c.max_servers + 2ull * c.max_services, sizeof(xlvs_rate)) +
         pages(c.buckets4, sizeof(xlvs_bucket4)) + pages(c.buckets6, sizeof(xlvs_bucket6)) +
         cpus * (pages(c.max_servers, sizeof(xlvs_line)) + pages(XLVS_REASON_COUNT, sizeof(std::uint64_t)));
}

Status check_memory(std::uint64_t needed, std::uint64_t available) {
  if (needed <= available) return ok();
  return Error{Errc::kNoSpace, fmt::format("the table needs {}, but only {} of memory are available: lower "
                                           "--conns, --conns6, --servers or --services",
                                           human_bytes(needed), human_bytes(available))};
}

std::string mismatch(const CapacityRequest& request, const Capacity& c) {
  // conns6 is compared by buckets, for the table does not remember the number asked for
  if (request.conns && *request.conns != c.max_conns)
    return fmt::format("--conns {}, but the table has {}", *request.conns, c.max_conns);
  if (request.conns6 && divided_up(*request.conns6, kConnsPerBucket) != c.buckets6)
    return fmt::format("--conns6 {}, but the table has {}", *request.conns6, c.max_conns6);
  if (request.services && *request.services != c.max_services)
    return fmt::format("--services {}, but the table has {}", *request.services, c.max_services);
  if (request.servers && *request.servers != c.max_servers)
    return fmt::format("--servers {}, but the table has {}", *request.servers, c.max_servers);
  if (request.blocks && *request.blocks != c.arena_blocks)
    return fmt::format("--blocks {}, but the table has {}", *request.blocks, c.arena_blocks);
  return "";
}

std::string human_bytes(std::uint64_t bytes) {
  static constexpr std::array kUnits{"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1024 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, kUnits[unit]);
}

}  // namespace xlvs::kernel
