// SPDX-License-Identifier: GPL-2.0-or-later
// The bench's table and JSON rows.
#include "bench/report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

namespace xlvs::bench {
namespace {

std::optional<double> find(const std::vector<Row>& rows, std::string_view scenario,
                           std::string_view program) {
  for (const Row& r : rows)
    if (r.scenario->name == scenario && r.program == program) return r.ns;
  return std::nullopt;
}

std::optional<double> ratio(std::optional<double> a, std::optional<double> b) {
  if (!a || !b || *b <= 0) return std::nullopt;
  return *a / *b;
}

std::optional<double> ratio_to_floor(const std::vector<Row>& rows, const Row& r) {
  return ratio(r.ns, find(rows, r.scenario->name, "floor"));
}

/// How far the ratios of two halves of the run are apart.
std::optional<double> noise(const std::vector<Row>& rows, const Row& r) {
  for (const Row& floor : rows) {
    if (floor.scenario != r.scenario || floor.program != "floor") continue;
    const auto a = ratio(r.half[0], floor.half[0]), b = ratio(r.half[1], floor.half[1]);
    if (a && b) return std::abs(*a - *b);
  }
  return std::nullopt;
}

/// What design.md allows on this machine: its figure, scaled by how fast the floor runs here.
std::optional<double> goal_ns(const std::vector<Row>& rows, const Goal& g) {
  const auto floor = find(rows, g.floor_of, "floor");
  if (!floor) return std::nullopt;
  return g.factor * (g.peer_ns > 0 ? g.peer_ns / g.floor_ns : 1) * *floor;
}

std::string number(std::optional<double> v, int digits) {
  return v ? fmt::format("{:.{}f}", *v, digits) : "-";
}

}  // namespace

std::string table(const std::vector<Row>& rows) {
  std::string out = fmt::format("{:<10} {:>9} {:>9} {:>9} {:>10}  {}\n", "scenario", "floor ns", "xlvs ns",
                                "to floor", "must reach", "packets");
  for (const Row& r : rows) {
    if (r.program != "xlvs") continue;
    const auto floor = find(rows, r.scenario->name, "floor");
    const auto goal = goal_ns(rows, r.scenario->goal);
    const char* verdict = !r.ns || !goal || *r.ns <= *goal ? "" : " (missed)";
    out += fmt::format("{:<10} {:>9} {:>9} {:>9} {:>10}  {}{}\n", r.scenario->name, number(floor, 1),
                       number(r.ns, 1), number(ratio(r.ns, floor), 2), number(ratio(goal, floor), 2),
                       r.scenario->about, verdict);
  }
  return out;
}

std::string json(const std::vector<Row>& rows) {
  auto value = [](std::optional<double> v) {
    return v ? nlohmann::ordered_json(*v) : nlohmann::ordered_json();
  };
  nlohmann::ordered_json array = nlohmann::ordered_json::array();
  for (const Row& r : rows)
    array.push_back(nlohmann::ordered_json{{"scenario", r.scenario->name},
                                           {"program", r.program},
                                           {"ns", value(r.ns)},
                                           {"ratio_to_floor", value(ratio_to_floor(rows, r))},
                                           {"noise", value(noise(rows, r))},
                                           {"goal", value(ratio(goal_ns(rows, r.scenario->goal),
                                                                find(rows, r.scenario->name, "floor")))},
                                           {"about", r.scenario->about}});
  return array.dump(2) + "\n";
}

}  // namespace xlvs::bench
