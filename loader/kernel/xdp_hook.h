// SPDX-License-Identifier: GPL-2.0-or-later
// The XDP hook of an interface: which programs it carries, attach and detach by compare-and-swap.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"
#include "base/unique_fd.h"
#include "kernel/interface.h"

namespace xlvs::kernel {

enum class XdpMode { kNative, kGeneric };
const char* name_of(XdpMode mode);

/// The XDP programs on an interface; 0 = none. An offloaded program counts as native.
struct XdpState {
  std::uint32_t native_id = 0;
  std::uint32_t generic_id = 0;
  bool offloaded = false;
  [[nodiscard]] bool empty() const { return native_id == 0 && generic_id == 0; }
  [[nodiscard]] std::uint32_t id() const { return native_id != 0 ? native_id : generic_id; }
  [[nodiscard]] XdpMode mode() const { return native_id != 0 ? XdpMode::kNative : XdpMode::kGeneric; }
  /// What `ip link set dev ... WORD off` calls the place of id(): a program goes by its own word only.
  [[nodiscard]] const char* ip_link_word() const {
    if (native_id == 0) return "xdpgeneric";
    return offloaded ? "xdpoffload" : "xdpdrv";
  }
};
Result<XdpState> xdp_state(const Interface& interface);

/// Puts a program on an interface that has none or, given `expected`, in the place of exactly that one.
/// The error has the driver's own words and what to do. kExists when another program is there.
Status attach_xdp(const Interface& interface, XdpMode mode, const UniqueFd& program,
                  const UniqueFd* expected);

/// Takes exactly this program away. kExists when another one is there.
Status detach_xdp(const Interface& interface, XdpMode mode, const UniqueFd& program);

/// What to do when `mode` is refused with `error` (positive) and the driver's words; pure.
std::string xdp_remedy(const std::string& interface, XdpMode mode, int error,
                       const std::string& driver_words);

}  // namespace xlvs::kernel
