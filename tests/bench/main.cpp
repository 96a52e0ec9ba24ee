// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs-bench: nanoseconds per packet of the director beside the floor, in the same interleaved rounds.
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <limits>

#include "bench/contender.h"
#include "bench/report.h"
#include "support/network.h"

namespace {

using namespace xlvs;
using namespace xlvs::bench;

struct Effort {
  std::uint32_t rounds, packets;
};
// The machine may change its speed within a second: many short turns, and the least of them counts.
constexpr Effort kFull{60, 20000}, kQuick{8, 5000};
// Few enough flows to fit into caches: a turn begins with all of them unmeasured, for the turn before has
// filled the caches with its own. Every call waits for the kernel's RCU, so there are no more than needed.
constexpr std::uint32_t kFewFlows = 1u << 17, kOneFlow = 1;

constexpr int kSkipped = 77;  // what ctest takes for "not run": without root

constexpr double kNever = std::numeric_limits<double>::infinity();

/// One program in one scenario.
struct Entry {
  const Scenario* scenario;
  std::string program;
  std::unique_ptr<Contender> contender;
  Stream stream;
  /// Of the even and of the odd rounds: how far they are apart tells how far to trust either.
  double least[2] = {kNever, kNever};
};

using Maker = Result<std::unique_ptr<Contender>> (*)(const Scenario&, Wrapper&);

Status enter(std::vector<Entry>& entries, const Scenario& s, Wrapper& wrapper) {
  const std::pair<const char*, Maker> makers[] = {
      {"empty", make_empty}, {"floor", make_floor}, {"xlvs", make_director}};
  for (auto [program, make] : makers) {
    auto contender = make(s, wrapper);
    if (!contender && contender.error().code == Errc::kUnsupported) continue;
    if (!contender) return contender.error();
    Stream stream = measured_stream(s, std::string_view(program) == "xlvs");
    if (s.traffic == Traffic::kNew) stream.source.next = s.flows;  // go on behind those that fill the table
    entries.push_back({&s, program, std::move(*contender), std::move(stream)});
  }
  return ok();
}

Status take_turn(Entry& e, Wrapper& wrapper, std::uint32_t packets, std::uint32_t round) {
  const std::uint32_t flows = e.scenario->flows;
  if (e.scenario->traffic != Traffic::kNew && flows > kOneFlow && flows <= kFewFlows)
    if (auto r = wrapper.run(e.contender->slot(), e.stream, flows); !r) return r.error();
  auto ns = wrapper.run(e.contender->slot(), e.stream, packets);
  if (!ns) return ns.error();
  double& least = e.least[round % 2];
  least = std::min(least, *ns);
  return ok();
}

std::vector<Row> rows_of(const std::vector<Entry>& entries, const std::vector<const Scenario*>& chosen) {
  std::vector<Row> rows;
  for (const Scenario* s : chosen) {
    const auto find = [&](std::string_view program) -> const Entry* {
      for (const Entry& e : entries)
        if (e.scenario == s && e.program == program) return &e;
      return nullptr;
    };
    const Entry* wrapper = find("empty");
    for (const char* program : {"floor", "xlvs"}) {
      const Entry* e = find(program);
      Row row{s, program, {}, {}};
      for (std::size_t half = 0; e && wrapper && half < 2; ++half)
        row.half[half] = std::max(0.0, e->least[half] - wrapper->least[half]);
      if (e && wrapper)
        row.ns = std::max(0.0, std::min(e->least[0], e->least[1]) - std::min(wrapper->least[0], wrapper->least[1]));
      rows.push_back(row);
    }
  }
  return rows;
}

void progress(std::string_view text) {
  if (::isatty(STDERR_FILENO)) fmt::print(stderr, "\r\033[K{}", text);
}

Result<std::vector<Row>> measure(const std::vector<const Scenario*>& chosen, Effort effort) {
  auto network = support::enter_network();
  if (!network) return network.error();
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &cpus);
  ::sched_setaffinity(0, sizeof cpus, &cpus);  // one CPU's caches; if refused, the figures are a little worse
  auto wrapper = Wrapper::load(network->client);
  if (!wrapper) return wrapper.error();
  std::vector<Entry> entries;
  for (const Scenario* s : chosen) {
    progress(fmt::format("filling the tables of {}", s->name));
    if (Status st = enter(entries, *s, *wrapper); !st) return st.error();
  }
  for (Entry& e : entries) (void)e.contender->complaint();  // of filling
  for (std::uint32_t round = 0; round < effort.rounds; ++round) {
    progress(fmt::format("round {} of {}", round + 1, effort.rounds));
    for (Entry& e : entries)
      if (Status st = take_turn(e, *wrapper, effort.packets, round); !st) return st.error();
  }
  progress("");
  for (Entry& e : entries)
    if (const std::string c = e.contender->complaint(); !c.empty())
      fmt::print(stderr, "{}, {}: {}\n", e.scenario->name, e.program, c);
  return rows_of(entries, chosen);
}

std::vector<const Scenario*> choose(const std::vector<std::string>& names) {
  std::vector<const Scenario*> chosen;
  for (const Scenario& s : kScenarios)
    if (names.empty() || std::find(names.begin(), names.end(), s.name) != names.end()) chosen.push_back(&s);
  return chosen;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app(
      "Nanoseconds per packet by BPF_PROG_TEST_RUN, beside a floor. Prints; never fails for slowness.");
  std::string json_file;
  std::vector<std::string> names, known;
  bool quick = false;
  for (const Scenario& s : kScenarios) known.emplace_back(s.name);
  app.add_option("--json", json_file, "write rows {scenario, program, ns, ratio_to_floor, noise, goal} to FILE");
  app.add_option("--scenario", names, "only this one; may be repeated")->check(CLI::IsMember(known));
  app.add_flag("--quick", quick, "few rounds: does it work, not how fast is it");
  CLI11_PARSE(app, argc, argv);

  const auto rows = measure(choose(names), quick ? kQuick : kFull);
  if (!rows) {
    fmt::print(stderr, "xlvs-bench: {}\n", rows.error().what);
    return rows.error().code == Errc::kPermission ? kSkipped : 1;
  }
  fmt::print("{}", table(*rows));
  if (!json_file.empty() && !(std::ofstream(json_file) << json(*rows))) {
    fmt::print(stderr, "xlvs-bench: cannot write {}\n", json_file);
    return 1;
  }
  return 0;
}
