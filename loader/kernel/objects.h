// SPDX-License-Identifier: GPL-2.0-or-later
// The BPF objects that are built into this program: sized, loaded and pinned into a folder.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/sizing.h"

namespace xlvs::kernel {

/// Where loading takes the table's maps from, and where it pins what it makes. The same folder for a new
/// table.
struct LoadPaths {
  std::string maps;
  std::string pins;
};

/// Loads the director, with the table's maps where `paths.maps` has them, else with new ones. Nothing runs
/// yet. The error has the end of the verifier's log, the cause as far as we can tell, and the remedy.
Status load_director(const LoadPaths& paths, const Capacity& capacity, std::uint64_t seed);

/// The same for the slow path.
Status load_slowpath(const LoadPaths& paths, const Capacity& capacity, std::uint64_t seed);

/// Loads the sweep beside them and starts its timer. A kernel without BPF timers gets xlvs_sweep_once alone,
/// if it takes that: the table works either way, so the error is for showing, not for giving up.
Status load_sweep(const LoadPaths& paths, const Capacity& capacity, std::uint64_t seed);

/// Runs a TC program that works on maps alone (the sweeps), once, with `argument` in cb[0]; what it returned.
/// `name` is for the error.
Result<int> run_program(int program, std::uint32_t argument, const char* name);

/// Cause and remedy of a refusal by the kernel to load a program or create a map, in words; pure.
std::string load_remedy(int error, const std::string& verifier_log);

}  // namespace xlvs::kernel
