// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs-bench-cores: what a packet costs when every core works at once, on the same and on different flows, services
// and servers, beside what it costs one core alone. Prints, never fails for slowness.
#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <barrier>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/contender.h"
#include "support/director.h"

namespace {

using namespace xlvs;
using namespace xlvs::bench;
using support::Director;
using Json = nlohmann::ordered_json;

constexpr int kSkipped = 77;
constexpr std::uint32_t kFlows = 1u << 16;  // of each core
// Packets in a turn. The kernel waits a few milliseconds for RCU before it begins, on each core for itself: a turn must
// be long enough that most of it overlaps with the others'.
constexpr std::uint32_t kTurn = 400000, kQuickTurn = 5000;

struct Effort {
  std::uint32_t rounds, turn;
};

/// How the cores' packets meet.
struct Meeting {
  std::string_view name, about;
  Traffic traffic;
  bool same_flows;
  bool same_service;  ///< else each core has one of its own, with servers of its own
  std::string_view scheduler = "rr";
};
constexpr Meeting kMeetings[] = {
    {"est-apart", "established, own flows, services and servers", Traffic::kKnown, false, false},
    {"est-server", "established, own flows, the same service and servers", Traffic::kKnown, false, true},
    {"est-flow", "established, the same flows", Traffic::kKnown, true, true},
    {"new-apart", "new connections, own services and servers", Traffic::kNew, false, false},
    {"new-server", "new connections, the same service and servers", Traffic::kNew, false, true},
    {"new-wlc", "the same, wlc", Traffic::kNew, false, true, "wlc"},
};

/// CPUs that this process may use.
std::vector<int> usable_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  std::vector<int> all;
  if (::sched_getaffinity(0, sizeof set, &set) == 0)
    for (int i = 0; i < CPU_SETSIZE; ++i)
      if (CPU_ISSET(static_cast<std::size_t>(i), &set)) all.push_back(i);
  return all;
}

void stay_on(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<std::size_t>(cpu), &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

/// One core's packets and the program that sends them: nothing of it is shared.
struct Core {
  Wrapper wrapper;
  std::uint32_t slot;
  Stream stream;
  double alone = std::numeric_limits<double>::infinity(), together = alone;
};

Scenario scenario_of(const Meeting& m) {
  return {m.name, m.about, m.traffic, kFlows, model::Family::kInet, model::Protocol::kTcp, model::Forward::kTunnel, {1, 0, "", 1}};
}

Status serve(encode::Table& table, const Meeting& m, std::size_t cores) {
  for (std::size_t i = 0; i < (m.same_service ? 1 : cores); ++i) {
    const model::ServiceKey service{.family = model::Family::kInet,
                                    .protocol = model::Protocol::kTcp,
                                    .address = *model::Address::parse(fmt::format("192.0.2.{}", 10 + i)),
                                    .port = 80};
    model::ServiceConfig config;
    config.scheduler = m.scheduler;
    if (Status s = table.add_service(service, config); !s) return s;
    for (int host = 10; host < 14; ++host) {
      const model::ServerKey server{.address = *model::Address::parse(fmt::format("192.168.1.{}", host)), .port = 80};
      model::ServerConfig c;
      c.forward = model::Forward::kTunnel;
      if (Status s = table.add_server(service, server, c); !s) return s;
    }
  }
  return ok();
}

/// The packets of core number `i`.
Stream stream_for(const Meeting& m, std::size_t i, std::uint8_t flags, bool shuffled) {
  Stream s = stream_of(scenario_of(m), flags, shuffled);
  if (!m.same_service) reinterpret_cast<std::uint8_t*>(s.source.header)[33] = static_cast<std::uint8_t>(10 + i);  // 192.0.2.x
  if (!m.same_flows) s.source.first = static_cast<std::uint32_t>(i) * kFlows;
  if (m.traffic == Traffic::kNew) s.source.next = static_cast<std::uint64_t>(i) << 31;
  return s;
}

Status make_cores(const Meeting& m, Director& director, const std::vector<int>& cpus, std::vector<Core>& cores) {
  for (std::size_t i = 0; i < cpus.size(); ++i) {
    auto wrapper = Wrapper::load(director.network().client);
    if (!wrapper) return wrapper.error();
    const auto slot = wrapper->add(director.program());
    if (!slot) return slot.error();
    cores.push_back({std::move(*wrapper), *slot, stream_for(m, i, m.traffic == Traffic::kNew ? support::kSyn : support::kAck, true)});
    if (m.traffic == Traffic::kNew) continue;
    Stream fill = stream_for(m, i, support::kSyn, false);
    fill.source.twice = 1;
    if (auto r = cores.back().wrapper.run(*slot, fill, 2 * kFlows); !r) return r.error();
  }
  return ok();
}

/// One turn of each core by itself, then one of all at once.
Status take_turns(std::vector<Core>& cores, const std::vector<int>& cpus, Effort effort) {
  std::atomic<bool> failed = false;
  const auto turn = [&](Core& core, double& least) {
    const auto ns = core.wrapper.run(core.slot, core.stream, effort.turn);
    if (!ns)
      failed = true;
    else
      least = std::min(least, *ns);
  };
  std::barrier all(static_cast<std::ptrdiff_t>(cores.size()));
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < cores.size(); ++i)
    threads.emplace_back([&, i] {
      stay_on(cpus[i]);
      for (std::uint32_t round = 0; round < effort.rounds; ++round) {
        for (std::size_t who = 0; who < cores.size(); ++who) {
          all.arrive_and_wait();
          if (who == i) turn(cores[i], cores[i].alone);
        }
        all.arrive_and_wait();
        turn(cores[i], cores[i].together);
      }
    });
  for (auto& t : threads) t.join();
  return failed ? Status(Error{Errc::kSystem, "cannot run packets"}) : ok();
}

Result<Json> measure(const Meeting& m, const std::vector<int>& cpus, Effort effort) {
  kernel::CapacityRequest request;
  request.conns = m.traffic == Traffic::kNew ? 1u << 20 : 4 * kFlows * cpus.size();
  request.conns6 = 1024;
  request.services = 64;
  request.servers = 256;
  const auto capacity = kernel::capacity_for(request);
  if (!capacity) return capacity.error();
  auto network = support::enter_network();
  if (!network) return network.error();
  auto director = Director::load(*capacity, *network);
  if (!director) return director.error();
  if (Status s = serve((*director)->table(), m, cpus.size()); !s) return s.error();
  std::vector<Core> cores;
  if (Status s = make_cores(m, **director, cpus, cores); !s) return s.error();
  if (Status s = take_turns(cores, cpus, effort); !s) return s.error();
  double alone = 0, together = 0;
  for (const Core& c : cores) alone += c.alone, together += c.together;
  alone /= static_cast<double>(cores.size());
  together /= static_cast<double>(cores.size());
  fmt::print("{:<12} {:>10.1f} {:>10.1f} {:>8.2f}  {}\n", m.name, alone, together, together / alone, m.about);
  std::fflush(stdout);
  return Json{{"meeting", m.name}, {"alone_ns", alone}, {"together_ns", together}, {"ratio", together / alone}, {"about", m.about}};
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A packet's cost when all cores work at once. Prints; never fails for slowness.");
  std::string json_file;
  bool quick = false;
  app.add_option("--json", json_file, "write rows {meeting, alone_ns, together_ns, ratio, about} to FILE");
  app.add_flag("--quick", quick, "few rounds: does it work, not how fast is it");
  CLI11_PARSE(app, argc, argv);
  const auto cpus = usable_cpus();
  fmt::print("{} cores, ns per packet with the packet source\n{:<12} {:>10} {:>10} {:>8}\n", cpus.size(), "", "alone", "together", "ratio");
  Json rows = Json::array();
  for (const Meeting& m : kMeetings) {
    const auto row = measure(m, cpus, quick ? Effort{2, kQuickTurn} : Effort{16, kTurn});
    if (!row) {
      fmt::print(stderr, "xlvs-bench-cores: {}\n", row.error().what);
      return row.error().code == Errc::kPermission ? kSkipped : 1;
    }
    rows.push_back(*row);
  }
  if (!json_file.empty() && !(std::ofstream(json_file) << rows.dump(2) << '\n')) {
    fmt::print(stderr, "xlvs-bench-cores: cannot write {}\n", json_file);
    return 1;
  }
  return 0;
}
