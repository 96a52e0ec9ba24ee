// SPDX-License-Identifier: GPL-2.0-or-later
// What a new connection costs with each scheduler and number of servers: nanoseconds for a SYN that opens one,
// everything included; prints, never fails.
#include <fmt/format.h>

#include <algorithm>
#include <limits>

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
    c.weight = 1 + i % 7;
    if (Status s = table.add_server(key, server, c); !s) return s.error();
  }
  if (Status s = table.commit(); !s) return s.error();
  return director;
}

Result<double> cost(std::string_view scheduler, int servers) {
  auto director = serve(scheduler, servers);
  if (!director) return director.error();
  auto wrapper = Wrapper::load((*director)->network().client);
  if (!wrapper) return wrapper.error();
  const auto slot = wrapper->add((*director)->program());
  if (!slot) return slot.error();
  Stream stream = stream_of(kSyn, measured_flags(kSyn), true);
  double least = std::numeric_limits<double>::infinity();
  for (std::uint32_t round = 0; round < kRounds; ++round) {
    const auto ns = wrapper->run(*slot, stream, kPackets);
    if (!ns) return ns.error();
    least = std::min(least, *ns);
  }
  return least;
}

}  // namespace

int main() {
  fmt::print("ns for a new connection, by servers\n{:<8}", "");
  for (const int size : kSizes) fmt::print("{:>9}", size);
  fmt::print("\n");
  for (const sched::Scheduler& s : sched::schedulers()) {
    fmt::print("{:<8}", s.name);
    for (const int size : kSizes) {
      const auto ns = cost(s.name, size);
      if (!ns) {
        fmt::print(stderr, "xlvs-bench-schedulers: {}\n", ns.error().what);
        return ns.error().code == Errc::kPermission ? 77 : 1;
      }
      fmt::print("{:>9.0f}", *ns);
      std::fflush(stdout);
    }
    fmt::print("\n");
  }
  return 0;
}
