// SPDX-License-Identifier: GPL-2.0-or-later
// What the running kernel has: CPUs, and BPF helpers beyond those of the oldest kernel that we support.
#pragma once

namespace xlvs::kernel {

/// Length of a value in a per-CPU map, in CPUs: never too small, and exact where /sys can be read.
unsigned possible_cpus();

/// bpf_fib_lookup() knows BPF_FIB_LOOKUP_SRC (Linux 6.7). Asked by running it, for distributions backport.
bool fib_lookup_has_src();

}  // namespace xlvs::kernel
