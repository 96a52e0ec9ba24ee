// SPDX-License-Identifier: GPL-2.0-or-later
// The slow path's filter on the TC hooks of an interface, ingress and egress.
#pragma once

#include <cstdint>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/interface.h"

namespace xlvs::kernel {

/// Id of the program that our filter runs, 0 = there is no filter of ours.
Result<std::uint32_t> tc_program(const Interface& interface);

/// Adds the filter, before those of others, or gives ours another program.
Status attach_tc(const Interface& interface, const UniqueFd& program);

/// Takes our filter away, and the clsact qdisc with it when nothing else is in it, unless it is to be kept.
/// No filter: no error.
Status detach_tc(const Interface& interface, bool keep_clsact);

/// Is there a clsact qdisc, whoever's? False, too, when the kernel cannot be asked.
bool has_clsact(const Interface& interface);

}  // namespace xlvs::kernel
