// SPDX-License-Identifier: GPL-2.0-or-later
// What the bench found, as a table for people and as rows for programs.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "bench/scenario.h"

namespace xlvs::bench {

/// Least nanoseconds per packet of one program in one scenario, net of the wrapper.
struct Row {
  const Scenario* scenario;
  std::string program;       ///< "floor" or "xlvs"
  std::optional<double> ns;  ///< nothing = not measured
  std::optional<double> half[2];  ///< the same of even and odd rounds alone
};

/// The table: each program beside its floor, and the goal of design.md section 4 as a ratio to the same
/// floor.
[[nodiscard]] std::string table(const std::vector<Row>& rows);
/// A JSON array of {scenario, program, ns, ratio_to_floor, noise, goal, about}; null where there is no figure. noise:
/// how far the ratios of both halves are apart.
[[nodiscard]] std::string json(const std::vector<Row>& rows);

}  // namespace xlvs::bench
