// SPDX-License-Identifier: GPL-2.0-or-later
// What a new connection costs with each scheduler and number of servers: nanoseconds for a SYN that opens one,
// everything included; prints, never fails.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>

#include "bench/contender.h"
#include "sched/registry.h"
#include "support/director.h"

namespace {

using namespace xlvs;
using namespace xlvs::bench;
using support::Director;

constexpr int kSizes[] = {1, 10, 100, 1000, 4096};
constexpr std::uint32_t kRounds = 12, kPackets = 2000;
constexpr Scenario kSyn{"syn",          "TCP SYN, new flow each",  Traffic::kNew,           1u << 17, model::Family::kInet,
                        model::Protocol::kTcp, model::Forward::kTunnel, {1, 0, "", 1}};

Result<std::unique_ptr<Director>> serve(std::string_view scheduler, int servers) {
  kernel::CapacityRequest request;
  request.conns = kSyn.flows;
  request.conns6 = 1024;
  request.services = 64;
  request.servers = 8192;
  const auto capacity = kernel::capacity_for(request);
  if (!capacity) return capacity.error();
  auto network = support::enter_network();
  if (!network) return network.error();
  auto director = Director::load(*capacity, *network);
  if (!director) return director.error();
  encode::Table& table = (*director)->table();
  const model::ServiceKey key{.family = model::Family::kInet,
                              .protocol = model::Protocol::kTcp,
                              .address = *model::Address::parse("192.0.2.10"),
                              .port = 80};
  model::ServiceConfig config;
  config.scheduler = scheduler;
  if (Status s = table.begin(false); !s) return s.error();
  if (Status s = table.add_service(key, config); !s) return s.error();
  for (int i = 0; i < servers; ++i) {
    model::ServerKey server{.address = *model::Address::parse(fmt::format("192.168.{}.{}", 100 + i / 250, i % 250 + 1)),
                            .port = 80};
    model::ServerConfig c;
    c.forward = kSyn.forward;
    // above its weight in connections ovf passes a server over: it shall not run out of them
    c.weight = (1 + i % 7) * (scheduler == "ovf" ? 100000 : 1);
    if (Status s = table.add_server(key, server, c); !s) return s.error();
  }
  if (Status s = table.commit(); !s) return s.error();
  return director;
}

Result<double> cost(std::string_view scheduler, int servers, std::uint32_t rounds) {
  auto director = serve(scheduler, servers);
  if (!director) return director.error();
  auto wrapper = Wrapper::load((*director)->network().client);
  if (!wrapper) return wrapper.error();
  const auto slot = wrapper->add((*director)->program());
  if (!slot) return slot.error();
  Stream stream = stream_of(kSyn, measured_flags(kSyn), true);
  double least = std::numeric_limits<double>::infinity();
  for (std::uint32_t round = 0; round < rounds; ++round) {
    const auto ns = wrapper->run(*slot, stream, kPackets);
    if (!ns) return ns.error();
    least = std::min(least, *ns);
  }
  return least;
}

constexpr int kSkipped = 77;

struct Options {
  std::string json_file;
  std::vector<std::string> schedulers;
  std::vector<int> servers;
  std::uint32_t rounds = kRounds;
};

/// Prints a line for each scheduler as it goes, and returns rows {scheduler, servers, ns}.
Result<nlohmann::json> measure(const Options& options) {
  nlohmann::json rows = nlohmann::json::array();
  fmt::print("ns for a new connection, by servers\n{:<8}", "");
  for (const int size : options.servers) fmt::print("{:>9}", size);
  fmt::print("\n");
  for (const std::string& name : options.schedulers) {
    fmt::print("{:<8}", name);
    for (const int size : options.servers) {
      const auto ns = cost(name, size, options.rounds);
      if (!ns) return ns.error();
      fmt::print("{:>9.0f}", *ns);
      std::fflush(stdout);
      rows.push_back({{"scheduler", name}, {"servers", size}, {"ns", *ns}});
    }
    fmt::print("\n");
  }
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("What a new connection costs with each scheduler. Prints; never fails for slowness.");
  Options options;
  std::vector<std::string> known;
  for (const sched::Scheduler& s : sched::schedulers())
    if (s.name != "none") known.emplace_back(s.name);  // which never picks
  bool quick = false;
  app.add_option("--json", options.json_file, "write rows {scheduler, servers, ns} to FILE");
  app.add_option("--scheduler", options.schedulers, "only this one; may be repeated")->check(CLI::IsMember(known));
  app.add_option("--servers", options.servers, "only so many; may be repeated")->check(CLI::Range(1, 4096));
  app.add_flag("--quick", quick, "few rounds: does it work, not how fast is it");
  CLI11_PARSE(app, argc, argv);
  if (options.schedulers.empty()) options.schedulers = known;
  if (options.servers.empty()) options.servers.assign(std::begin(kSizes), std::end(kSizes));
  if (quick) options.rounds = 2;

  const auto rows = measure(options);
  if (!rows) {
    fmt::print(stderr, "xlvs-bench-schedulers: {}\n", rows.error().what);
    return rows.error().code == Errc::kPermission ? kSkipped : 1;
  }
  if (!options.json_file.empty() && !(std::ofstream(options.json_file) << (*rows).dump(2) << '\n')) {
    fmt::print(stderr, "xlvs-bench-schedulers: cannot write {}\n", options.json_file);
    return 1;
  }
  return 0;
}
