// SPDX-License-Identifier: GPL-2.0-or-later
// Pinned BPF objects: opened by path, and what the kernel says of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "abi/control.h"
#include "base/result.h"
#include "base/unique_fd.h"

namespace xlvs::kernel {

// Names under which programs are pinned beside the maps of abi/maps.h; also their names in the kernel.
inline constexpr const char* kDirectorName = "xlvs_director";
inline constexpr const char* kSlowpathName = "xlvs_slowpath";
inline constexpr const char* kSweepStartName = "xlvs_sweep_start";
inline constexpr const char* kSweepOnceName = "xlvs_sweep_once";
inline constexpr const char* kTimersName = "xlvs_timers";

/// Opens folder/name. kNotFound, kPermission, kSystem.
Result<UniqueFd> open_pinned(const std::string& folder, const std::string& name);

struct MapShape {
  std::uint32_t id = 0;
  std::uint32_t value_size = 0;
  std::uint32_t max_entries = 0;
};
Result<MapShape> map_shape(const UniqueFd& map, const std::string& name);

struct ProgramIdentity {
  std::uint32_t id = 0;
  std::string name;
  std::vector<std::uint32_t> map_ids{};
};
Result<ProgramIdentity> program_identity(const UniqueFd& program);
/// A program by id: needs CAP_SYS_ADMIN, kPermission without. kNotFound when the program is gone.
Result<UniqueFd> program_by_id(std::uint32_t id);

/// Maps that every load of an object makes anew, for their contents belong to its programs: the sweep's
/// timer. They are pinned to be kept alive; the maps of abi/maps.h are the table.
bool belongs_to_load(std::string_view map);

/// Pins the table's maps, which `director` uses, into the folder `path`. Needs CAP_SYS_ADMIN. kNotFound when
/// it does not use all of them.
Status pin_maps_of(const UniqueFd& director, const std::string& path);

/// The control row of the table pinned in `folder`, as far as this ABI's structure reaches; nothing if
/// there is none. Of another ABI version only `abi` means anything.
std::optional<xlvs_control> read_pinned_control(const std::string& folder);

}  // namespace xlvs::kernel
