// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs-bench-system: what a packet costs on its way through a whole director, path beside path.
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <fstream>
#include <iostream>
#include <limits>
#include <nlohmann/json.hpp>

#include "bench/system/path.h"

namespace {

using namespace xlvs;
using namespace xlvs::bench;

// Short turns, many of them: the machine may change its speed within a second, and the least counts.
constexpr std::uint32_t kPackets = 1u << 15;

constexpr double kNever = std::numeric_limits<double>::infinity();

struct Entry {
  Path path;
  /// Of the even and of the odd rounds: how far they are apart tells how far to trust either.
  double half[2] = {kNever, kNever};
  [[nodiscard]] double least() const { return std::min(half[0], half[1]); }
};

Result<std::vector<Entry>> open_all(std::istream& plans, std::uint32_t flows) {
  std::vector<Entry> entries;
  for (std::string line; std::getline(plans, line);) {
    auto plan = read_plan(line);
    if (!plan) return plan.error();
    auto path = Path::open(*plan, flows);
    if (!path) return Error{path.error().code, plan->name + ": " + path.error().what};
    entries.push_back({std::move(*path)});
  }
  if (entries.empty())
    return Error{Errc::kInvalidArgument, "standard input describes no path: run tools/bench system"};
  return entries;
}

const Entry* find(const std::vector<Entry>& entries, std::string_view name) {
  for (const Entry& e : entries)
    if (e.path.name() == name) return &e;
  return nullptr;
}

double least_of(const std::vector<Entry>& entries, std::string_view name) {
  const Entry* e = find(entries, name);
  return e ? e->least() : 0;
}

/// "4.50", or "-" without anything to compare with.
std::string times(double other, double own) { return other > 0 ? fmt::format("{:.2f}", other / own) : "-"; }

void print_table(const std::vector<Entry>& entries, const std::string& unit) {
  const double source = least_of(entries, "source"), limit = least_of(entries, "redirect"),
               nft = least_of(entries, "nft-dnat");
  fmt::print("{} a packet\n{:<10} {:>9} {:>12} {:>12} {:>14} {:>14}\n", unit, "path", "in all", "of redirect",
             "x nft DNAT", "x kernel IPVS", "director's own");
  for (const Entry& e : entries)
    fmt::print("{:<10} {:>9.0f} {:>11.0f}% {:>12} {:>14} {:>14.0f}\n", e.path.name(), e.least(),
               100 * limit / e.least(), times(nft, e.least()),
               times(least_of(entries, "ipvs-" + e.path.name()), e.least()), e.least() - source);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Nanoseconds per packet through whole directors in namespaces; system.sh makes these and calls it.");
  std::uint32_t rounds = 40, flows = 1000;
  std::string json_file, unit = "ns";
  app.add_option("--rounds", rounds, "interleaved turns of each path")->check(CLI::PositiveNumber);
  app.add_option("--flows", flows, "client ports")->check(CLI::Range(1, 60000));
  app.add_option("--unit", unit, "what the clock of this machine counts");
  app.add_option("--json", json_file, "write rows {path, ns, noise} to FILE; noise: as a share");
  CLI11_PARSE(app, argc, argv);

  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &cpus);
  if (::sched_setaffinity(0, sizeof cpus, &cpus) != 0) fmt::print(stderr, "cannot stay on one CPU\n");
  auto entries = open_all(std::cin, flows);
  if (!entries) {
    fmt::print(stderr, "xlvs-bench-system: {}\n", entries.error().what);
    return 1;
  }
  std::string lost;
  for (std::uint32_t round = 0; round <= rounds; ++round)
    for (Entry& e : *entries) {
      auto ns = e.path.fire(kPackets);
      if (!ns && round > 0) lost = fmt::format("{}: {}", e.path.name(), ns.error().what);
      if (ns && round > 0)
        e.half[round % 2] = std::min(e.half[round % 2], *ns);  // the first turn opens connections and finds neighbours
    }
  // a machine that is busy with other things takes the core away in the middle of a turn, and a ring overflows
  if (!lost.empty()) fmt::print(stderr, "xlvs-bench-system: turns that lost packets do not count; the last: {}\n", lost);
  for (const Entry& e : *entries)
    if (e.least() == kNever) return 1;
  print_table(*entries, unit);
  if (json_file.empty()) return 0;
  nlohmann::ordered_json rows = nlohmann::ordered_json::array();
  for (const Entry& e : *entries)
    rows.push_back(nlohmann::ordered_json{{"path", e.path.name()}, {"ns", e.least()}, {"noise", std::abs(e.half[0] - e.half[1]) / e.least()}});
  if (!(std::ofstream(json_file) << rows.dump(2) << "\n")) {
    fmt::print(stderr, "xlvs-bench-system: cannot write {}\n", json_file);
    return 1;
  }
  return 0;
}
