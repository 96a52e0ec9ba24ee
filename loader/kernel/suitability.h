// SPDX-License-Identifier: GPL-2.0-or-later
// Which interfaces a director can stand on; pure.
#pragma once

#include "base/result.h"
#include "kernel/links.h"
#include "kernel/xdp_hook.h"

namespace xlvs::kernel {

/// The interfaces of which somebody has shown that the balancer works on them, as docs/operations.md lists
/// them.
/// @error  kUnsupported with the reason and, where there is one, the interface to attach instead
Status check_suitable(const Link& link, const Links& links, XdpMode mode);

}  // namespace xlvs::kernel
