// SPDX-License-Identifier: GPL-2.0-or-later
// One way from a packet source through a director to a sink, through network namespaces that system.sh made.
#pragma once

#include <bpf/libbpf.h>
#include <net/ethernet.h>

#include <array>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "bench/system/shot.h"

struct bench_system;

namespace xlvs::bench {

using Mac = std::array<std::uint8_t, ETH_ALEN>;

/// One line of the description that system.sh writes.
struct PathPlan {
  std::string name;
  std::string device;  ///< the source's interface, in this namespace
  Mac source_mac, director_mac;
  std::string client, address;  ///< IPv4 source and destination
  std::uint16_t port;           ///< destination
  std::string sink_netns;       ///< name under /run/netns; its interface is eth0
  bool through_stack;           ///< packets reach the sink from the stack, not from XDP
  std::string relay_netns;      ///< "-", or the director that redirects from eth0 to eth1 and no more
  Mac relay_mac, sink_mac;      ///< of the relay's eth1 and the sink's eth0
};

/// Reads the plan's words, in the order of its fields. kInvalidArgument names the word.
Result<PathPlan> read_plan(const std::string& line);

/// A path with its programs attached. They go away with it.
class Path {
 public:
  static Result<Path> open(const PathPlan& plan, std::uint32_t flows);
  Path(Path&&) noexcept;
  Path& operator=(Path&&) noexcept;
  ~Path();

  [[nodiscard]] const std::string& name() const { return name_; }
  /// Sends `packets` packets and waits until the last has gone its way, all on the calling CPU.
  /// Returns nanoseconds per packet that arrived; kSystem when more than one in a hundred was lost.
  Result<double> fire(std::uint32_t packets);

 private:
  struct Close {
    void operator()(::bench_system* skeleton) const;
  };
  Path(std::string name, std::unique_ptr<::bench_system, Close> skeleton);
  Status attach(const PathPlan& plan);
  [[nodiscard]] std::uint64_t arrived() const;

  std::string name_;
  std::unique_ptr<::bench_system, Close> skeleton_;
};

}  // namespace xlvs::bench
