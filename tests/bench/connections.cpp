// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs-bench-connections: a large table of connections: filling it, new ones at nine tenths of what it promises, with
// and without others expiring, and what the sweep costs meanwhile. Prints, never fails for slowness.
#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <fstream>
#include <limits>
#include <nlohmann/json.hpp>
#include <thread>

#include "bench/contender.h"
#include "support/sweeper.h"
#include "support/director.h"

namespace {

using namespace xlvs;
using namespace xlvs::bench;
using support::Director;
using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

constexpr int kSkipped = 77;
constexpr std::uint32_t kTurn = 10000;  // packets

constexpr Scenario scenario(Traffic traffic, model::Protocol protocol) {
  return {"connections", "", traffic, 0, model::Family::kInet, protocol, model::Forward::kTunnel, {1, 0, "", 1}};
}
constexpr Scenario kTcp = scenario(Traffic::kNew, model::Protocol::kTcp), kUdp = scenario(Traffic::kNew, model::Protocol::kUdp);

struct Options {
  std::uint64_t conns = 10'000'000;
  double seconds = 10;     ///< of churn
  double rate = 1'000'000; ///< new connections a second
};

/// What became of packets that opened no connection.
struct Failures {
  std::uint64_t stateless = 0, no_room = 0, evicted = 0;
  [[nodiscard]] std::uint64_t all() const { return stateless + no_room + evicted; }
};

/// CPU nanoseconds of many short turns.
struct Cost {
  double least = std::numeric_limits<double>::infinity(), sum = 0;
  std::uint64_t packets = 0;
  void add(double ns, std::uint32_t n) {
    least = std::min(least, ns);
    sum += ns * n;
    packets += n;
  }
  [[nodiscard]] double mean() const { return packets ? sum / static_cast<double>(packets) : 0; }
};

/// What the sweep did between two looks at it.
struct SweepCost {
  double share = 0, longest_ms = 0;  ///< of one core; since the timer started
};

class Bench {
 public:
  static Result<std::unique_ptr<Bench>> make(const Options& options);
  Result<Json> run();

 private:
  Bench(const Options& options, std::unique_ptr<Director> director, Wrapper wrapper, std::uint32_t slot)
      : options_(options), director_(std::move(director)), wrapper_(std::move(wrapper)), slot_(slot) {}

  Status fill(double share);
  Status rest();
  Status churn();
  Status open_more();
  Status crowd();
  Status expire_all();

  Result<Cost> send(Stream& stream, std::uint64_t packets);
  [[nodiscard]] Failures failures() const;
  [[nodiscard]] std::uint64_t live() const;
  [[nodiscard]] double load() const { return static_cast<double>(live()) / static_cast<double>(options_.conns); }
  [[nodiscard]] Result<xlvs_sweep_state> swept() const { return sweeper_->state(); }
  SweepCost since(const xlvs_sweep_state& before, Clock::time_point then) const;
  void say(const std::string& name, double value, const char* unit, const std::string& about);

  Options options_;
  std::unique_ptr<Director> director_;
  Wrapper wrapper_;
  std::uint32_t slot_;
  std::optional<support::Sweeper> sweeper_;
  Stream established_ = stream_of(kTcp, support::kSyn, false), opening_ = stream_of(kTcp, support::kSyn, false),
         datagrams_ = stream_of(kUdp, 0, false);
  Json rows_ = Json::array();
};

Result<std::unique_ptr<Bench>> Bench::make(const Options& options) {
  kernel::CapacityRequest request;
  request.conns = options.conns;
  request.conns6 = 1024;
  request.services = 64;
  request.servers = 256;
  const auto capacity = kernel::capacity_for(request);
  if (!capacity) return capacity.error();
  auto network = support::enter_network();
  if (!network) return network.error();
  auto director = Director::load(*capacity, *network);
  if (!director) return director.error();
  for (const Scenario& s : {kTcp, kUdp})
    if (Status st = serve_all((*director)->table(), s); !st) return st.error();
  auto wrapper = Wrapper::load(network->client);
  if (!wrapper) return wrapper.error();
  const auto slot = wrapper->add((*director)->program());
  if (!slot) return slot.error();
  std::unique_ptr<Bench> b(new Bench(options, std::move(*director), std::move(*wrapper), *slot));
  // three ranges of flow numbers, so that no two streams have a flow in common
  b->established_.source.twice = 1;
  b->opening_.source.next = 1u << 30;
  b->datagrams_.source.next = 1u << 31;
  return b;
}

Failures Bench::failures() const {
  const auto reasons = director_->reasons();
  return {reasons[XLVS_REASON_STATELESS], reasons[XLVS_REASON_NO_ROOM], reasons[XLVS_REASON_EVICTED]};
}

std::uint64_t Bench::live() const {
  std::uint64_t n = 0;
  for (const xlvs_load& l : director_->memory().loads) n += l.active + l.inactive;
  return n;
}

Result<Cost> Bench::send(Stream& stream, std::uint64_t packets) {
  Cost cost;
  for (std::uint64_t sent = 0; sent < packets; sent += kTurn) {
    const auto n = static_cast<std::uint32_t>(std::min<std::uint64_t>(kTurn, packets - sent));
    const auto ns = wrapper_.run(slot_, stream, n);
    if (!ns) return ns.error();
    cost.add(*ns, n);
  }
  return cost;
}

SweepCost Bench::since(const xlvs_sweep_state& before, Clock::time_point then) const {
  const auto now = swept();
  const double passed = std::chrono::duration<double, std::nano>(Clock::now() - then).count();
  if (!now) return {};
  return {static_cast<double>(now->busy_ns - before.busy_ns) / passed, static_cast<double>(now->longest_ns) / 1e6};
}

void Bench::say(const std::string& name, double value, const char* unit, const std::string& about) {
  fmt::print("{:<24} {:>12.3f} {:<10} {}\n", name, value, unit, about);
  std::fflush(stdout);
  rows_.push_back(Json{{"figure", name}, {"value", value}, {"unit", unit}, {"about", about}});
}

/// Established connections, each by its SYN and its ACK.
Status Bench::fill(double share) {
  const auto wanted = static_cast<std::uint64_t>(static_cast<double>(options_.conns) * share);
  const std::uint64_t have = established_.source.next / 2;
  auto cost = send(established_, 2 * (wanted - have));
  if (!cost) return cost.error();
  say(fmt::format("fill-{:.0f}", 100 * share), 2 * cost->mean(), "ns", "each established connection, SYN and ACK, on average");
  return ok();
}

/// Nothing but the sweep.
Status Bench::rest() {
  const auto before = swept();
  if (!before) return before.error();
  const auto then = Clock::now();
  std::this_thread::sleep_for(std::chrono::duration<double>(options_.seconds));
  const SweepCost s = since(*before, then);
  say("sweep-rest", 100 * s.share, "% of core", fmt::format("the sweep, {:.0f} % full, nothing due", 100 * load()));
  say("sweep-rest-longest", s.longest_ms, "ms", "its longest step");
  return ok();
}

/// New connections at a steady rate, of two protocols and lives, while as many expire.
Status Bench::churn() {
  xlvs_control& control = *director_->memory().control;
  const auto timeouts = std::to_array(control.timeouts);
  const std::uint32_t second = xlvs_seconds_to_ticks(1);
  control.timeouts[XLVS_TIMEOUT_TCP][XLVS_TCP_SYN_RECV] = second;
  control.timeouts[XLVS_TIMEOUT_UDP][XLVS_UDP_NORMAL] = 2 * second;
  const Failures failed = failures();
  const auto before = swept();
  if (!before) return before.error();
  const auto then = Clock::now();
  Cost cost;
  double behind = 0, least_load = 1e9, most_load = 0;
  const auto turns = static_cast<std::uint64_t>(options_.seconds * options_.rate / kTurn);
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    const auto due = then + std::chrono::duration_cast<Clock::duration>(
                                std::chrono::duration<double>(static_cast<double>(turn) * kTurn / options_.rate));
    std::this_thread::sleep_until(due);
    behind = std::max(behind, std::chrono::duration<double>(Clock::now() - due).count());
    auto turn_cost = send(turn % 2 ? datagrams_ : opening_, kTurn);
    if (!turn_cost) return turn_cost.error();
    cost.add(turn_cost->mean(), kTurn);
    if (turn > turns / 2) {  // lives of one and two seconds have begun to end
      least_load = std::min(least_load, load());
      most_load = std::max(most_load, load());
    }
  }
  const double passed = std::chrono::duration<double>(Clock::now() - then).count();
  const SweepCost s = since(*before, then);
  const std::uint64_t lost = failures().all() - failed.all();
  for (std::size_t row = 0; row < timeouts.size(); ++row)
    std::copy(std::begin(timeouts[row]), std::end(timeouts[row]), std::begin(control.timeouts[row]));
  const std::string at = fmt::format("{:.0f} to {:.0f} % full", 100 * least_load, 100 * most_load);
  say("churn-rate", static_cast<double>(cost.packets) / passed / 1e6, "M/s",
      fmt::format("new connections for {:.0f} s, TCP and UDP of 1 and 2 s, {}", options_.seconds, at));
  say("churn-ns", cost.mean(), "ns", fmt::format("each on average, {:.0f} at least; a core does {:.2f} M/s", cost.least, 1e3 / cost.mean()));
  say("churn-failed", static_cast<double>(lost), "", "of them without an entry, or at the cost of another's");
  say("churn-sweep", 100 * s.share, "% of core", fmt::format("the sweep, while {:.2f} M a second expire", options_.rate / 1e6));
  say("churn-longest", s.longest_ms, "ms", "its longest step so far");
  return ok();
}

/// As fast as they come, up to what the table promises.
Status Bench::open_more() {
  const double from = load();
  const Failures failed = failures();
  const auto n = static_cast<std::uint64_t>(static_cast<double>(options_.conns) * std::max(0.0, 1 - from));
  auto cost = send(opening_, n);
  if (!cost) return cost.error();
  say("open-ns", cost->mean(), "ns",
      fmt::format("each on average, {:.0f} at least, from {:.0f} to {:.0f} % full; a core does {:.2f} M/s", cost->least,
                  100 * from, 100 * load(), 1e3 / cost->mean()));
  say("open-failed", static_cast<double>(failures().all() - failed.all()), "", fmt::format("of {}", n));
  return ok();
}

/// More than is promised: nine tenths of all places, none of which may be taken.
Status Bench::crowd() {
  const std::uint64_t places = director_->memory().conns4.size() * XLVS_CONN_WAYS;
  const Failures failed = failures();
  const auto before = live();
  const auto wanted = static_cast<std::uint64_t>(0.9 * static_cast<double>(places));
  const std::uint64_t more = wanted > before ? wanted - before : 0;
  established_.source.next = 1ull << 28;  // beyond what fill() sent
  auto cost = send(established_, 2 * more);
  if (!cost) return cost.error();
  const Failures f = failures();
  say("crowd-stateless", 100.0 * static_cast<double>(f.stateless - failed.stateless) / static_cast<double>(std::max<std::uint64_t>(1, 2 * more)), "% of pkts",
      fmt::format("without an entry, forwarded by hash, while the table fills from {:.0f} to {:.0f} % of all places",
                  100.0 * static_cast<double>(before) / static_cast<double>(places), 100.0 * static_cast<double>(live()) / static_cast<double>(places)));
  say("crowd-ns", 2 * cost->mean(), "ns", "each established connection, SYN and ACK, on average");
  return ok();
}

/// All of them at the same moment.
Status Bench::expire_all() {
  const auto before = swept();
  if (!before) return before.error();
  const std::uint64_t had = live();
  const std::uint32_t due = xlvs_ticks(static_cast<__u64>(Clock::now().time_since_epoch().count())) +
                            xlvs_seconds_to_ticks(2);
  for (auto& bucket : director_->memory().conns4)
    for (auto& way : bucket.way) way.c.expires = due;
  const auto now_ticks = [] { return xlvs_ticks(static_cast<__u64>(Clock::now().time_since_epoch().count())); };
  while (static_cast<std::int32_t>(now_ticks() - due) <= 0) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const auto then = Clock::now();
  const auto begin = swept();
  if (!begin) return begin.error();
  while (live() != 0 && Clock::now() - then < std::chrono::seconds(60))
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  const double passed = std::chrono::duration<double>(Clock::now() - then).count();
  const SweepCost s = since(*begin, then);
  say("expire-all", passed, "s", fmt::format("until {} connections that expired at once had left the counts, {} stayed", had, live()));
  say("expire-all-ns", 1e9 * passed * s.share / static_cast<double>(std::max<std::uint64_t>(1, had)), "ns", "of the sweep for each");
  say("expire-all-longest", s.longest_ms, "ms", "its longest step so far");
  return ok();
}

Result<Json> Bench::run() {
  if (Status s = fill(0.8); !s) return s.error();
  auto sweeper = support::Sweeper::start(*director_);
  if (!sweeper) return sweeper.error();
  sweeper_ = std::move(*sweeper);
  for (auto step : {&Bench::rest, &Bench::churn, &Bench::open_more, &Bench::crowd, &Bench::expire_all})
    if (Status s = (this->*step)(); !s) return s.error();
  return rows_;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("A large table of connections: filling, new ones, expiry. Prints; never fails for slowness.");
  Options options;
  std::string json_file;
  bool quick = false;
  app.add_option("--json", json_file, "write rows {figure, value, unit, about} to FILE");
  app.add_option("--conns", options.conns, "connections that the table promises")->check(CLI::Range(10000u, 1000000000u));
  app.add_option("--seconds", options.seconds, "of rest and of churn")->check(CLI::PositiveNumber);
  app.add_option("--rate", options.rate, "new connections a second while others expire")->check(CLI::PositiveNumber);
  app.add_flag("--quick", quick, "a small table for a second: does it work, not how fast is it");
  CLI11_PARSE(app, argc, argv);
  if (quick) {
    options.conns = 200'000;
    options.seconds = 1;
    options.rate = 20'000;
  }
  cpu_set_t cpus;
  CPU_ZERO(&cpus);
  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &cpus);
  ::sched_setaffinity(0, sizeof cpus, &cpus);  // one core for all; if refused, the figures are a little worse

  auto bench = Bench::make(options);
  auto rows = bench ? (*bench)->run() : Result<Json>(bench.error());
  if (!rows) {
    fmt::print(stderr, "xlvs-bench-connections: {}\n", rows.error().what);
    return rows.error().code == Errc::kPermission ? kSkipped : 1;
  }
  if (!json_file.empty() && !(std::ofstream(json_file) << (*rows).dump(2) << '\n')) {
    fmt::print(stderr, "xlvs-bench-connections: cannot write {}\n", json_file);
    return 1;
  }
  return 0;
}
