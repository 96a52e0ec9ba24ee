// SPDX-License-Identifier: GPL-2.0-or-later
// Loads: counts that stay exact on several cores, and connections that end when they are due.
#include "packet/load.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <thread>

namespace xlvs::support {
namespace {

/// Keeps this thread on the CPU where it is, as long as it lives: what the director remembers in per-CPU maps,
/// the next hop too, another CPU does not know.
class OnOneCpu {
 public:
  OnOneCpu() {
    ::sched_getaffinity(0, sizeof before_, &before_);
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
    ::sched_setaffinity(0, sizeof one, &one);
  }
  OnOneCpu(const OnOneCpu&) = delete;
  OnOneCpu& operator=(const OnOneCpu&) = delete;
  ~OnOneCpu() { ::sched_setaffinity(0, sizeof before_, &before_); }

 private:
  cpu_set_t before_{};
};

constexpr std::uint32_t kFlows = 100000, kLong_s = 3600;

/// Runs `work` once on each CPU, all at the same time.
void on_every_cpu(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (const int cpu : cpus())
    threads.emplace_back([&work, cpu] {
      cpu_set_t set;
      CPU_ZERO(&set);
      CPU_SET(static_cast<std::size_t>(cpu), &set);
      ::sched_setaffinity(0, sizeof set, &set);
      work(cpu);
    });
  for (auto& t : threads) t.join();
}

class StormTest : public LoadTest {
 protected:
  /// Every core opens, closes, resets and lets expire the same flows as the others, in a table that is too small
  /// for all of them, while the sweep goes round. Returns the connections that were opened.
  std::uint64_t storm(const char* scheduler, model::Forward forward, std::uint32_t persistent_s) {
    EXPECT_TRUE(director_->reset());
    serve("TCP", scheduler, forward, persistent_s);
    model::ServerConfig limited = forwarded(forward);
    limited.upper = 2;  // overloaded by one core and relieved by another, all the time
    EXPECT_TRUE(director_->table().edit_server(service_, server(2), limited));
    for (auto& ticks : director_->memory().control->timeouts[XLVS_TIMEOUT_TCP]) ticks = kExpiry;
    std::atomic<bool> over{false};
    std::thread sweeper([&] {
      while (!over) sweep();
    });
    on_every_cpu([this](int cpu) {
      Flood source(*director_, tcp(kSyn), 88172645463325252ull + static_cast<std::uint64_t>(cpu));
      source.run(FLOOD_CHURN, kFlows, effort(1000000));
    });
    over = true;
    sweeper.join();
    expect_exact_counts("after the storm");
    std::uint64_t opened = 0;
    const auto servers = director_->table().servers(service_);
    for (const auto& server : *servers) opened += server.stats.conns;
    return opened;
  }
  /// Everything's time is over.
  void end_all() {
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    sweep();              // connections
    age(2 * kLong_s);     // templates that controlled some
    sweep();
    EXPECT_EQ(live(), 0u);
    expect_exact_counts("after the sweep");
    for (const xlvs_load& load : director_->memory().loads) EXPECT_EQ(load.flags, 0u) << "overloaded by nobody";
  }

  static constexpr std::uint32_t kExpiry = 2;  // ticks: about an eighth of a second
};

// Whatever happens to a connection happens once, on however many cores: a million of them come and go, and every
// count is what the table holds.
TEST_F(StormTest, CountsAreExactOnSeveralCores) {
  struct Kind {
    const char* name;
    model::Forward forward;
    std::uint32_t persistent_s;
  };
  std::uint64_t all = 0;
  for (const Kind& kind : {Kind{"direct", model::Forward::kDirect, 0}, Kind{"NAT", model::Forward::kMasq, 0},
                           Kind{"persistent", model::Forward::kDirect, kLong_s}}) {
    SCOPED_TRACE(kind.name);
    const std::uint64_t opened = storm("wlc", kind.forward, kind.persistent_s);
    all += opened;
    fmt::print("{}: {} connections, {} of them evicted; {} packets forwarded by hash\n", kind.name, opened,
               reason(XLVS_REASON_EVICTED), reason(XLVS_REASON_STATELESS));
    end_all();
  }
  fmt::print("{} connections\n", all);
  EXPECT_GT(all, 1000000u);
}

// A machine that was paused, or asleep, finds clocks that moved on: what was due meanwhile goes, all else stays.
TEST_F(LoadTest, ALongPauseExpiresWhatIsDueAndNothingElse) {
  serve("TCP", "rr");
  establish(kTogether);
  const auto before = homes();
  Flood embryonic(*director_, tcp(kSyn), 1);
  embryonic.state().first = kTogether;
  embryonic.run(FLOOD_INORDER, kTogether, kTogether);
  ASSERT_EQ(live(), 2 * kTogether);
  age(600);  // a handshake lasts one minute, an established connection fifteen
  sweep();
  EXPECT_EQ(live(), kTogether);
  expect_nothing_lost(before, homes());
  expect_exact_counts("after ten minutes");
  Flood on(*director_, tcp(kAck), 1);
  on.run(FLOOD_INORDER, kTogether, kTogether);
  EXPECT_EQ(reason(XLVS_REASON_NO_CONNECTION), 0u);
  age(600);  // they were heard of meanwhile
  sweep();
  EXPECT_EQ(live(), kTogether);
  age(301);
  sweep();
  EXPECT_EQ(live(), 0u);
  expect_exact_counts("at last");
}

// The kernel looks after a neighbour only while the stack sends to it.
TEST_F(LoadTest, NowAndThenAPacketHasTheKernelLookAfterTheNeighbour) {
  const OnOneCpu here;
  load(3);
  serve("TCP", "rr");
  const auto action = [&] { return director_->send(tcp(kAck))->action; };
  ASSERT_EQ(director_->send(tcp(kSyn))->action, static_cast<std::uint32_t>(XDP_REDIRECT));
  std::this_thread::sleep_for(std::chrono::milliseconds(900));  // the next hop is asked for twice a second
  EXPECT_EQ(action(), static_cast<std::uint32_t>(XDP_PASS));
  EXPECT_EQ(reason(XLVS_REASON_NEIGHBOUR), 1u);
  bool redirected = false;  // at once, unless this machine takes half a second between two packets
  for (int i = 0; i < 10 && !redirected; ++i) redirected = action() == XDP_REDIRECT;
  EXPECT_TRUE(redirected);
}

}  // namespace
}  // namespace xlvs::support
