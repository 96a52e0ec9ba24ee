// SPDX-License-Identifier: GPL-2.0-or-later
// BPF_PROG_TEST_RUN for XDP and TC: bytes in, verdict and bytes out.
#pragma once

#include <linux/bpf.h>

#include <cstdint>
#include <span>

#include "base/result.h"
#include "support/checksum.h"

namespace xlvs::support {

struct Outcome {
  std::uint32_t action = 0;  ///< XDP_* or TC_ACT_*
  Bytes out;                 ///< the frame afterwards
  Bytes meta;                ///< metadata in front of it
};

/// Runs an XDP program once on a frame that arrived on `ifindex`. The kernel takes frames from 14 bytes to
/// almost a page.
Result<Outcome> run_xdp(int program, std::span<const std::uint8_t> frame, std::uint32_t ifindex);

/// Runs a TC program once on a frame. Frames that it sends by itself leave; one that it redirects in the end does not.
/// @param in  of the packet: mark, interfaces
Result<Outcome> run_tc(int program, std::span<const std::uint8_t> frame, const __sk_buff& in);

/// Runs an XDP program `repeat` times on one buffer, each run on what the one before left.
/// @return  nanoseconds of this thread's CPU time for a run
Result<double> repeat_xdp(int program, std::span<const std::uint8_t> frame, std::uint32_t ifindex,
                          std::uint32_t repeat, std::uint32_t* last_action = nullptr);

}  // namespace xlvs::support
