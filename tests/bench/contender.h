// SPDX-License-Identifier: GPL-2.0-or-later
// What the bench compares: programs, each with tables made and filled for one scenario.
#pragma once

#include <memory>
#include <string>

#include "bench/scenario.h"
#include "bench/wrapper.h"
#include "encode/table.h"

namespace xlvs::bench {

/// The packets of a scenario, client to service; `tcp_flags` matter to TCP.
Stream stream_of(const Scenario& scenario, std::uint8_t tcp_flags, bool shuffled);
/// Address of a scenario's service number `i`, in words.
std::string vip_of(const Scenario& scenario, std::uint32_t i);
/// What the program is measured with: the same, or for the director the replies to them.
Stream measured_stream(const Scenario& scenario, bool director);
/// The flags that a measured packet of this scenario carries.
std::uint8_t measured_flags(const Scenario& scenario);

class Contender {
 public:
  virtual ~Contender() = default;
  /// Slot of the program to measure.
  [[nodiscard]] virtual std::uint32_t slot() const = 0;
  /// What went otherwise than the scenario says since the last call (packets without a connection, not
  /// forwarded ...), in words; "" if nothing did.
  virtual std::string complaint() { return ""; }
};

/// The services that stream_of() addresses, on real servers that are the same hosts for all of them.
Status serve_all(encode::Table& table, const Scenario& scenario);

/// What the wrapper itself costs.
Result<std::unique_ptr<Contender>> make_empty(const Scenario& scenario, Wrapper& wrapper);
/// The floor (floor.bpf.c), its tables filled.
Result<std::unique_ptr<Contender>> make_floor(const Scenario& scenario, Wrapper& wrapper);
/// The director, its tables filled. kUnsupported: cannot serve this scenario yet.
Result<std::unique_ptr<Contender>> make_director(const Scenario& scenario, Wrapper& wrapper);

}  // namespace xlvs::bench
