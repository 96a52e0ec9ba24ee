// SPDX-License-Identifier: GPL-2.0-or-later
// Makes, extends and removes the table of this network namespace, interface by interface.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
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
  bool recovered_table = false;  ///< its pins were lost, its programs ran on
  Capacity capacity;
  std::uint64_t memory_bytes = 0;
  std::vector<std::string> attached;  ///< now
  std::vector<std::string> already;   ///< before, nothing done
  std::string sweep_problem;          ///< "" = expired connections are swept by the kernel's timer
};

/// All or nothing: after an error everything is as it was. kNotFound (interface), kExists (another's XDP
/// program), kRange and kNoSpace (sizes), kInvalidArgument (another size or mode than the table's),
/// kUnsupported (kernel, driver, ABI), kPermission, kSystem.
Result<AttachReport> attach(const AttachRequest& request);

struct UpgradeReport {
  std::vector<std::string> interfaces;
  std::string sweep_problem;  ///< as in AttachReport
};

/// Puts the programs of this xlvs in the place of those that run, under traffic, with all contents of the
/// table. kNotFound without a table, kUnsupported when its ABI version is another.
Result<UpgradeReport> upgrade();

struct DetachReport {
  std::vector<std::string> detached;
  bool removed_table = false;
};

/// Takes the programs off these interfaces; the table stays, connections and services with it. All or nothing
/// as to what can be checked before: an interface that is not attached, or that carries another's program.
Result<DetachReport> detach(const std::vector<std::string>& interfaces);

/// Takes the programs off all interfaces and removes the table. Also cleans up after a table whose pins were
/// lost, or of another ABI version. Nothing to do is kNotFound.
Result<DetachReport> detach_all();

}  // namespace xlvs::kernel
