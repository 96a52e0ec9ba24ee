// SPDX-License-Identifier: GPL-2.0-or-later
// What the running kernel has: CPUs, and BPF helpers beyond those of the oldest kernel that we support.
#pragma once

namespace xlvs::kernel {

/// Length of a value in a per-CPU map, in CPUs: never too small, and exact where /sys can be read.
unsigned possible_cpus();

/// bpf_fib_lookup() knows BPF_FIB_LOOKUP_SRC (Linux 6.7). Asked by running it, for distributions backport.
bool fib_lookup_has_src();

/// XDP may redirect frames of several buffers (Linux 6.3; before, it drops them silently). By the release's number: a
/// program cannot ask.
bool redirects_spread_frames();

}  // namespace xlvs::kernel
