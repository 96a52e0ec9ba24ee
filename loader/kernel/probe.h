// SPDX-License-Identifier: GPL-2.0-or-later
// What the running kernel's BPF helpers can do beyond the oldest kernel that we support.
#pragma once

namespace xlvs::kernel {

/// bpf_fib_lookup() knows BPF_FIB_LOOKUP_SRC (Linux 6.7). Asked by running it, for distributions backport.
bool fib_lookup_has_src();

}  // namespace xlvs::kernel
