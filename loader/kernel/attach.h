// SPDX-License-Identifier: GPL-2.0-or-later
// Makes, extends and removes the table of this network namespace, interface by interface.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "kernel/interface.h"
#include "kernel/sizing.h"
#include "kernel/xdp_hook.h"

namespace xlvs::kernel {

struct AttachRequest {
  std::vector<std::string> interfaces;
  XdpMode mode = XdpMode::kNative;
  CapacityRequest capacity;
};

struct AttachReport {
  bool made_table = false;
  std::string folder;
  Capacity capacity;
  std::vector<std::string> attached;  ///< now
  std::vector<std::string> already;   ///< before, nothing done
  std::string sweep_problem;          ///< "" = expired connections are swept by the kernel's timer
};

/// All or nothing: after an error everything is as it was. kNotFound (interface), kExists (another's XDP
/// program), kRange and kNoSpace (sizes), kInvalidArgument (another size or mode than the table's),
/// kUnsupported (kernel, driver, ABI), kPermission, kSystem.
Result<AttachReport> attach(const AttachRequest& request);

struct DetachReport {
  std::vector<std::string> detached;
  bool removed_table = false;
};

/// Takes the programs off these interfaces; the table stays, connections and services with it.
Result<DetachReport> detach(const std::vector<std::string>& interfaces);

/// Takes the programs off all interfaces and removes the table. Also cleans up after a table whose pins
/// were lost. Nothing to do is kNotFound.
Result<DetachReport> detach_all();

/// One interface that carries this table's program.
struct Attachment {
  Interface interface;
  XdpMode mode = XdpMode::kNative;
  std::uint32_t program_id = 0;
  bool slowpath = false;  ///< the TC filter is there too
};

/// Interfaces that carry the director of the table pinned in `folder`.
Result<std::vector<Attachment>> attachments(const std::string& folder);

}  // namespace xlvs::kernel
