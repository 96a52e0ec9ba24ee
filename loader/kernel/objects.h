// SPDX-License-Identifier: GPL-2.0-or-later
// The BPF objects that are built into this program: sized, loaded and pinned into a folder.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/sizing.h"

namespace xlvs::kernel {

/// Loads the director and pins it with its maps into the folder `path`. Nothing runs yet.
/// The error has the end of the verifier's log, the cause as far as we can tell, and the remedy.
Status load_director(const std::string& path, const Capacity& capacity, std::uint64_t seed);

/// Loads and pins the slow path.
Status load_slowpath(const std::string& path, const Capacity& capacity, std::uint64_t seed);

/// Loads the sweep beside them and starts its timer. A kernel without BPF timers gets xlvs_sweep_once alone,
/// if it takes that: the table works either way, so the error is for showing, not for giving up.
Status load_sweep(const std::string& path, const Capacity& capacity, std::uint64_t seed);

/// Runs a TC program that works on maps alone (the sweeps), once, with `argument` in cb[0]; what it returned.
/// `name` is for the error.
Result<int> run_program(int program, std::uint32_t argument, const char* name);

/// Cause and remedy of a refusal by the kernel to load a program or create a map, in words; pure.
std::string load_remedy(int error, bool verifier_spoke);

}  // namespace xlvs::kernel
