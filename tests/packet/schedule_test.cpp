// SPDX-License-Identifier: GPL-2.0-or-later
// Schedulers on the real object where no recording can say what is right: draws by lot, and what fades with time.
#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <random>

#include "sched/siphash.h"
#include "support/director_test.h"

namespace xlvs::support {
namespace {

using model::Forward;

const model::ServiceKey kDns = service_key("UDP", "192.0.2.10", 53);
const Eth kFrame;

class ScheduleTest : public DirectorTest {
 protected:
  /// Servers 192.168.1.10, .11 ..., added in this order.
  void serve(const std::string& scheduler, const std::vector<int>& weights) {
    model::ServiceConfig config;
    config.scheduler = scheduler;
    ASSERT_TRUE(table().add_service(kDns, config));
    for (std::size_t i = 0; i < weights.size(); ++i)
      ASSERT_TRUE(table().add_server(kDns, server(i), forwarded(Forward::kDirect, weights[i])));
  }
  static model::ServerKey server(std::size_t i) { return server_key(fmt::format("192.168.1.{}", 10 + i), 53); }

  /// The number of the server that a new flow gets; -1 = none.
  int pick() {
    const std::string source = fmt::format("198.51.{}.{}", 100 + flows_ / 250 % 100, flows_ % 250 + 1);
    const Udp udp{.sport = static_cast<std::uint16_t>(1024 + flows_ / 25000)};
    ++flows_;
    const Outcome r = send((kFrame / Ipv4{.src = source, .dst = "192.0.2.10"} / udp).bytes());
    return r.action == XDP_REDIRECT ? r.out[5] - 10 : -1;
  }
  std::vector<int> picks(int n) {
    std::vector<int> all(static_cast<std::size_t>(n));
    std::generate(all.begin(), all.end(), [&] { return pick(); });
    return all;
  }
  std::uint32_t row(std::size_t i) {
    const auto& servers = director().memory().servers;
    for (std::uint32_t r = 0; r < servers.size(); ++r)
      if ((servers[r].flags & XLVS_SERVER_F_AVAILABLE) != 0 &&
          (ntohl(servers[r].addr.word[0]) & 0xff) == 10 + i)
        return r;
    ADD_FAILURE() << "no server " << i;
    return 0;
  }
  /// For a change that packets make: schedulers look anew.
  xlvs_load& load(std::size_t i) {
    ++director().memory().changes[row(i) / XLVS_GROUP_ROWS].count;
    return director().memory().loads[row(i)];
  }
  void set_load(std::size_t i, std::uint32_t active, std::uint32_t inactive = 0) {
    load(i).active = active;
    load(i).inactive = inactive;
  }
  xlvs_service& service() {
    for (xlvs_service& s : director().memory().services)
      if (s.key.port == htons(53)) return s;
    std::abort();
  }
  xlvs_version& version() {
    return reinterpret_cast<xlvs_version&>(director().memory().arena[service().version]);
  }

  int flows_ = 0;
};

/// Lots as the kernel's ip_vs_twos_schedule() draws them, worked out: how likely each server is.
/// Servers in list order.
std::vector<double> twos_chances(const std::vector<int>& weights, const std::vector<int>& overheads) {
  const double lots = std::accumulate(weights.begin(), weights.end(), 0) + 1;
  std::vector<double> once, chances(weights.size());
  for (const int w : weights) once.push_back((w + (once.empty() ? 1 : 0)) / lots);
  for (std::size_t a = 0; a < weights.size(); ++a)
    for (std::size_t b = 0; b < weights.size(); ++b)
      chances[weights[b] * overheads[a] > weights[a] * overheads[b] ? b : a] += once[a] * once[b];
  return chances;
}

double chi_square(const std::vector<int>& counts, const std::vector<double>& chances) {
  const double n = std::accumulate(counts.begin(), counts.end(), 0);
  double sum = 0;
  for (std::size_t i = 0; i < counts.size(); ++i)
    sum += (counts[i] - n * chances[i]) * (counts[i] - n * chances[i]) / (n * chances[i]);
  return sum;
}

struct Twos : ScheduleTest {
  /// Weights and loads by server, in the order of adding; the load is put back before each draw.
  void expect_shares(const std::vector<int>& weights, const std::vector<std::array<int, 2>>& loads) {
    serve("twos", weights);
    std::vector<int> counts(weights.size()), overheads;
    for (int draw = 0; draw < 20000; ++draw) {
      for (std::size_t i = 0; i < loads.size(); ++i)
        set_load(i, static_cast<std::uint32_t>(loads[i][0]), static_cast<std::uint32_t>(loads[i][1]));
      const int at = pick();
      ASSERT_GE(at, 0);
      ++counts[static_cast<std::size_t>(at)];
    }
    for (const auto& l : loads) overheads.push_back(l[0] * 256 + l[1]);
    std::vector<int> list_weights(weights.rbegin(), weights.rend()), list_counts(counts.rbegin(), counts.rend());
    overheads = {overheads.rbegin(), overheads.rend()};
    // three degrees of freedom at most; 35 is exceeded by chance once in eight million runs
    EXPECT_LT(chi_square(list_counts, twos_chances(list_weights, overheads)), 35.0);
  }
};

TEST_F(Twos, DrawsByWeightAndTheFirstInTheListHasALotMore) {
  expect_shares({1, 2, 3, 1}, {{0, 0}, {0, 0}, {0, 0}, {0, 0}});
}
TEST_F(Twos, TheOneWithFewerConnectionsForItsWeightWins) {
  expect_shares({1, 2, 3, 1}, {{1, 0}, {1, 7}, {9, 0}, {0, 3}});
}
TEST_F(Twos, LeavesOutServersWithoutAWeight) {
  serve("twos", {1, 0, 0});
  EXPECT_EQ(picks(8), std::vector<int>(8, 0));
  EXPECT_TRUE(table().edit_server(kDns, server(0), forwarded(Forward::kDirect, 0)));
  EXPECT_EQ(pick(), -1);
}
TEST_F(Twos, LeavesOutOverloadedServers) {
  serve("twos", {1, 1});
  load(1).flags = XLVS_LOAD_F_OVERLOAD;
  EXPECT_EQ(picks(8), std::vector<int>(8, 0));
}

/// ip_vs_wrr_schedule(), one pick at a time over weights in list order, the overloaded passed over.
class Walk {
 public:
  explicit Walk(std::vector<int> weights) : weights_(std::move(weights)) {
    for (const int w : weights_) step_ = std::gcd(step_, w), top_ = std::max(top_, w);
    top_ -= step_ - 1;
    current_ = top_;
  }
  std::size_t pick(const std::vector<bool>& overloaded) {
    for (;; current_ = current_ > step_ ? current_ - step_ : top_, at_ = 0)
      for (; at_ < weights_.size(); ++at_)
        if (!overloaded[at_] && weights_[at_] >= current_) return at_++;
  }

 private:
  std::vector<int> weights_;
  int step_ = 0, top_ = 0, current_ = 0;
  std::size_t at_ = 0;
};

struct WrrLadder : ScheduleTest {
  void follow_the_walk(const std::vector<int>& weights, int steps) {
    serve("rr", weights);
    model::ServiceConfig config;
    config.scheduler = "wrr";
    ASSERT_TRUE(table().edit_service(kDns, config));  // bound to a full list, wrr starts at the top
    ASSERT_EQ(version().sched, XLVS_SCHED_LADDER);
    Walk walk({weights.rbegin(), weights.rend()});
    const std::size_t n = weights.size();
    std::vector<bool> overloaded(n);
    for (int step = 0; step < steps; ++step) {
      if (step % 7 == 6) {
        const std::size_t at = random_() % n;
        overloaded[at] = !overloaded[at];
        if (std::count(overloaded.begin(), overloaded.end(), true) == static_cast<std::ptrdiff_t>(n))
          overloaded[at] = false;
        for (std::size_t i = 0; i < n; ++i) load(n - 1 - i).flags = overloaded[i] ? XLVS_LOAD_F_OVERLOAD : 0;
      }
      ASSERT_EQ(pick(), static_cast<int>(n - 1 - walk.pick(overloaded))) << step;
    }
  }
  std::mt19937 random_{3};
};

TEST_F(WrrLadder, FollowsTheWalkOverWeightsTooLargeForASchedule) {
  follow_the_walk({3, 70000, 1, 70000, 35000, 3, 2}, 1000);
}
TEST_F(WrrLadder, AndOverWeightsWithACommonDivisor) { follow_the_walk({30, 700020, 300, 9, 700020}, 1000); }
TEST_F(WrrLadder, AndOverASingleHugeOneAmongMany) {
  std::vector<int> weights(20, 2);
  weights[17] = 100001;
  follow_the_walk(weights, 1000);
}

TEST_F(WrrLadder, NobodyIsPickedWhileAllAreOverloaded) {
  serve("wrr", {1, 70000});
  load(0).flags = load(1).flags = XLVS_LOAD_F_OVERLOAD;
  EXPECT_EQ(pick(), -1);
  load(0).flags = 0;
  EXPECT_EQ(pick(), 0);
}

struct Maglev : ScheduleTest {
  /// The server that the table has for a client, computed with the C++ side's hash.
  int owner(const std::string& client, std::uint16_t port = 0) {
    const auto address = model::Address::parse(client).value();
    std::uint64_t high = 0;
    std::memcpy(&high, address.bytes.data(), 4);
    const std::uint64_t hash = sched::siphash13({version().state[0], XLVS_MAGLEV_CLIENT}, {high, 0, port}, 24);
    const auto* slots = reinterpret_cast<const std::uint32_t*>(&version()) + xlvs_first_slot(version().servers) * 16;
    const auto& server = director().memory().servers[slots[static_cast<std::uint32_t>(hash) % 65537]];
    return static_cast<int>(ntohl(server.addr.word[0]) & 0xff) - 10;
  }
  int pick_for(const std::string& client, std::uint16_t port) {
    const Outcome r = send((kFrame / Ipv4{.src = client, .dst = "192.0.2.10"} / Udp{.sport = port}).bytes());
    return r.action == XDP_REDIRECT ? r.out[5] - 10 : -1;
  }
  void serve_flags(std::uint32_t flags) {
    serve("maglev", {1, 2, 3});
    model::ServiceConfig config;
    config.scheduler = "maglev";
    config.flags = flags;
    ASSERT_TRUE(table().edit_service(kDns, config));
  }
  static std::string client(int i) { return fmt::format("198.51.100.{}", i + 1); }
};

TEST_F(Maglev, AClientGetsTheServerOfItsSlot) {
  serve_flags(0);
  for (int i = 0; i < 50; ++i) EXPECT_EQ(pick_for(client(i), 2000), owner(client(i)));
}
TEST_F(Maglev, WithItsPortIfAskedFor) {
  serve_flags(model::kSvcSched2);
  for (int i = 0; i < 50; ++i) {
    const auto port = static_cast<std::uint16_t>(2000 + i);
    EXPECT_EQ(pick_for(client(0), port), owner(client(0), port));
  }
}
TEST_F(Maglev, AnOverloadedServersClientsGoElsewhereOnlyWithFallback) {
  serve_flags(0);
  load(2).flags = XLVS_LOAD_F_OVERLOAD;
  for (int i = 0; i < 30; ++i) EXPECT_EQ(pick_for(client(i), 2000), owner(client(i)) == 2 ? -1 : owner(client(i)));
  model::ServiceConfig config;
  config.scheduler = "maglev";
  config.flags = model::kSvcSched1;
  ASSERT_TRUE(table().edit_service(kDns, config));
  load(2).flags = XLVS_LOAD_F_OVERLOAD;
  for (int i = 0; i < 30; ++i) {
    const int got = pick_for(client(i), 3000);
    if (owner(client(i)) == 2)
      EXPECT_TRUE(got == 0 || got == 1) << got;
    else
      EXPECT_EQ(got, owner(client(i)));
  }
}

// Seen in random scenarios: the kernel obeys the commands of a restore one after the other.
TEST_F(ScheduleTest, AThresholdThatIsRaisedAndLoweredInOneBatchEndsAnOverload) {
  serve("rr", {1});
  model::ServerConfig limited = forwarded(Forward::kDirect);
  limited.upper = 2;
  ASSERT_TRUE(table().edit_server(kDns, server(0), limited));
  load(0).flags = XLVS_LOAD_F_OVERLOAD;
  ASSERT_TRUE(table().edit_server(kDns, server(0), limited));
  EXPECT_EQ(pick(), -1) << "the same threshold changes nothing";
  ASSERT_TRUE(table().begin(false));
  ASSERT_TRUE(table().edit_server(kDns, server(0), forwarded(Forward::kDirect)));
  ASSERT_TRUE(table().edit_server(kDns, server(0), limited));
  ASSERT_TRUE(table().commit());
  EXPECT_EQ(pick(), 0);
}

constexpr std::uint32_t kDay = 86400, kHalfHour = 1800;

struct Lblc : ScheduleTest {
  /// What a scheduler remembers is made older, and its binding too.
  void grow_older(std::uint32_t used_s, std::uint32_t bound_s) {
    service().used -= xlvs_seconds_to_ticks(used_s);
    version().state[0] -= xlvs_seconds_to_ticks(bound_s);
  }
};

TEST_F(Lblc, StaysWithItsServerWhileThatIsNotTooBusy) {
  serve("lblc", {4, 4, 4});
  EXPECT_EQ(pick(), 2);
  set_load(2, 4, 1000);
  EXPECT_EQ(pick(), 2) << "as many active ones as weight";
  set_load(2, 5);
  set_load(1, 2), set_load(0, 2);
  EXPECT_EQ(pick(), 2) << "nobody is less than half busy";
  set_load(2, 5);
  set_load(0, 1);
  EXPECT_EQ(pick(), 0) << "somebody is: the least of all";
  set_load(2, 0);
  EXPECT_EQ(pick(), 0) << "and that one is remembered";
}

TEST_F(Lblc, RemembersOverEditsAndForgetsWithTheScheduler) {
  serve("lblc", {1, 1});
  EXPECT_EQ(pick(), 1);
  set_load(1, 1);
  ASSERT_TRUE(table().add_server(kDns, server(2), forwarded(Forward::kDirect)));
  EXPECT_EQ(pick(), 1);
  ASSERT_TRUE(table().delete_server(kDns, server(1)));
  EXPECT_EQ(pick(), 2);
  model::ServiceConfig config;
  config.scheduler = "wlc";
  set_load(2, 1);  // which would not be too busy, had it been remembered
  ASSERT_TRUE(table().edit_service(kDns, config));
  config.scheduler = "lblc";
  ASSERT_TRUE(table().edit_service(kDns, config));
  EXPECT_EQ(pick(), 0);
}

TEST_F(Lblc, ForgetsInTheFirstSweepAfterADay) {
  serve("lblc", {100, 100});
  EXPECT_EQ(pick(), 1);
  set_load(1, 50);
  grow_older(kDay - 60, kDay - 60);
  EXPECT_EQ(pick(), 1) << "a day is not over";
  set_load(1, 50);
  // bound 600 s before the last use: the sweeps are at 1,800 s, 3,600 s ...
  grow_older(kDay + 900, 600 + 60 + 900);
  EXPECT_EQ(pick(), 1) << "over, but no sweep since: 1,500 s of the half hour";
  set_load(1, 50);
  grow_older(kDay + 1260, 0);
  version().state[0] = service().used - xlvs_seconds_to_ticks(600);
  EXPECT_EQ(pick(), 0) << "1,860 s";
}

struct Lblcr : Lblc {};

TEST_F(Lblcr, TheSetGrowsWhenItsServersAreTooBusy) {
  serve("lblcr", {2, 2, 2});
  EXPECT_EQ(pick(), 2);
  set_load(2, 3);
  EXPECT_EQ(pick(), 1) << "joins";
  set_load(1, 2), set_load(2, 1), set_load(0, 0);
  EXPECT_EQ(pick(), 2) << "the least of the set, not of all";
  set_load(1, 1), set_load(2, 1);
  load(1).inactive = load(2).inactive = 0;
  EXPECT_EQ(pick(), 1) << "of equals the one that joined last";
}

TEST_F(Lblcr, ASetThatDidNotChangeForADayGivesUpItsBusiest) {
  serve("lblcr", {2, 2, 2});
  EXPECT_EQ(pick(), 2);
  set_load(2, 3);
  EXPECT_EQ(pick(), 1);
  set_load(2, 2), set_load(1, 1), set_load(0, 0);
  service().changed -= xlvs_seconds_to_ticks(kDay + 1);
  EXPECT_EQ(pick(), 1) << "and 2 leaves";
  set_load(2, 0), set_load(1, 2), set_load(0, 0);
  EXPECT_EQ(pick(), 1);
  service().changed -= xlvs_seconds_to_ticks(kDay + 1);
  EXPECT_EQ(pick(), 1) << "the last one stays";
  EXPECT_EQ(pick(), 1);
}

TEST_F(Lblcr, ASetThatWasNotUsedForADayIsForgotten) {
  serve("lblcr", {2, 2, 2});
  EXPECT_EQ(pick(), 2);
  set_load(2, 2);
  grow_older(kDay + kHalfHour, kDay + kHalfHour);
  EXPECT_EQ(pick(), 1);
  set_load(2, 0), set_load(1, 1);
  EXPECT_EQ(pick(), 1);
}

TEST_F(Lblcr, AServiceThatBeginsAnewHasNoSet) {
  serve("lblcr", {2, 2});
  EXPECT_EQ(pick(), 1);
  ASSERT_TRUE(table().delete_service(kDns));
  serve("lblcr", {2, 2});
  set_load(1, 1);
  EXPECT_EQ(pick(), 0);
}

// Seen in a random scenario: the kernel's set went with the service, although its server was in the trash.
TEST_F(Lblcr, AServerThatWasAwayWhenItsServiceEndedIsNoMemberInTheNextLife) {
  serve("lblcr", {2, 2});
  EXPECT_EQ(pick(), 1);
  ASSERT_TRUE(table().delete_server(kDns, server(1)));
  ASSERT_TRUE(table().delete_service(kDns));
  serve("lblcr", {2});
  EXPECT_EQ(pick(), 0);
  ASSERT_TRUE(table().add_server(kDns, server(1), forwarded(Forward::kDirect, 2)));
  set_load(1, 0), set_load(0, 2);
  EXPECT_EQ(pick(), 0) << "the set is 0 alone";
}

}  // namespace
}  // namespace xlvs::support
