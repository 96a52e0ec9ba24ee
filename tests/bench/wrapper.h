// SPDX-License-Identifier: GPL-2.0-or-later
// The packet source in the kernel: runs a program on many packets in one call.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "base/unique_fd.h"
#include "bench/flow.h"
#include "support/packet.h"

struct bench_wrapper;

namespace xlvs::bench {

/// One program's packets: which headers, how many flows, where in their sequence.
struct Stream {
  bench_source source{};
  support::Bytes frame;

  /// Packets like `frame`, whose client address and port vary over `flows` (0 = each packet a new flow).
  Stream(support::Bytes frame, bool ipv6, std::uint32_t flows, bool shuffled);
  /// From now on the client is the one that the packets go to. IPv4 only.
  void turn_round();
  /// From now on the flows are spread over so many services, a power of two, whose addresses follow `first`.
  /// IPv4 only.
  void spread_over(std::uint32_t services, std::uint32_t first);
};

class Wrapper {
 public:
  static Result<Wrapper> load(std::uint32_t ifindex);
  /// Puts a program where run() finds it. kNoSpace beyond BENCH_SLOTS.
  Result<std::uint32_t> add(int program);
  /// Runs the program in `slot` on the next `packets` packets of the stream.
  /// @return  CPU nanoseconds per packet, the wrapper's own included
  Result<double> run(std::uint32_t slot, Stream& stream, std::uint32_t packets,
                     std::uint32_t* last_action = nullptr);

 private:
  struct Close {
    void operator()(::bench_wrapper* skeleton) const;
  };
  Wrapper(std::unique_ptr<::bench_wrapper, Close> skeleton, std::uint32_t ifindex)
      : skeleton_(std::move(skeleton)), ifindex_(ifindex) {}

  std::unique_ptr<::bench_wrapper, Close> skeleton_;
  std::uint32_t ifindex_, used_ = 0;
};

}  // namespace xlvs::bench
