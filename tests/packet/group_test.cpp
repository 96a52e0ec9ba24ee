// SPDX-License-Identifier: GPL-2.0-or-later
// The dynamic schedulers with many servers: what they remember of groups never changes a pick.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <deque>
#include <map>
#include <random>

#include "support/director_test.h"

namespace xlvs::support {
namespace {

const model::ServiceKey kWeb = service_key("TCP", "192.0.2.10", 80);

/// A server as the kernel sees it, and the row that ours has for it.
struct Server {
  int number = 0;
  std::uint64_t weight = 1, active = 0, inactive = 0;
  bool overloaded = false;
  std::uint32_t row = 0;
  [[nodiscard]] bool takes() const { return weight != 0 && !overloaded; }
};
using List = std::deque<Server>;  // newest first

/// One walk over the list as each of the kernel's schedulers makes it; null when nobody takes the connection.
class Kernel {
 public:
  explicit Kernel(std::string scheduler) : scheduler_(std::move(scheduler)) {}

  Server* pick(List& list) {
    if (scheduler_ == "lblc") return lblc(list);
    if (scheduler_ == "lblcr") return lblcr(list);
    return least(list, scheduler_);
  }

 private:
  static std::uint64_t overhead(const Server& s) { return s.active * 256 + s.inactive; }

  static Server* least(List& list, const std::string& how) {
    Server* best = nullptr;
    for (Server& s : list) {
      if (!s.takes()) continue;
      if (how == "nq" && s.active == 0) return &s;
      if (how == "ovf" && s.active > s.weight) continue;
      bool better = best == nullptr;
      if (best != nullptr && (how == "fo" || how == "ovf"))
        better = s.weight > best->weight;
      else if (best != nullptr && how == "lc")
        better = overhead(s) < overhead(*best);
      else if (best != nullptr && how == "wlc")
        better = overhead(*best) * s.weight > overhead(s) * best->weight;
      else if (best != nullptr)  // sed, nq
        better = (best->active + 1) * s.weight > (s.active + 1) * best->weight;
      if (better) best = &s;
    }
    return best;
  }

  static bool busy(const List& list, const Server& s) {
    return s.active > s.weight &&
           std::any_of(list.begin(), list.end(), [](const Server& o) { return o.active * 2 < o.weight; });
  }

  Server* lblc(List& list) {
    for (Server& s : list)
      if (s.number == cached_ && s.weight != 0 && !busy(list, s)) return &s;
    Server* best = least(list, "wlc");
    if (best != nullptr) cached_ = best->number;
    return best;
  }

  Server* lblcr(List& list) {
    Server* best = nullptr;
    for (const int member : set_)
      for (Server& s : list)
        if (s.number == member && s.takes() &&
            (best == nullptr || overhead(*best) * s.weight > overhead(s) * best->weight))
          best = &s;
    if (best != nullptr && !busy(list, *best)) return best;
    best = least(list, "wlc");
    if (best != nullptr && std::find(set_.begin(), set_.end(), best->number) == set_.end())
      set_.push_front(best->number);
    return best;
  }

  std::string scheduler_;
  int cached_ = -1;
  std::deque<int> set_;  // who joined last is first
};

class GroupTest : public DirectorTest {
 protected:
  void SetUp() override {
    DirectorTest::SetUp();
    if (HasFatalFailure()) return;
    static std::unique_ptr<Director> large = load_large();
    ASSERT_NE(large, nullptr);
    large_ = large.get();
    ASSERT_TRUE(large_->reset());
    model::ServiceConfig config;
    config.scheduler = scheduler_;
    ASSERT_TRUE(table().add_service(kWeb, config));
  }

  static std::unique_ptr<Director> load_large() {
    kernel::CapacityRequest r;
    r.conns = 65536;
    r.conns6 = 1024;
    r.services = 16;
    r.servers = 16384;
    auto d = Director::load(*kernel::capacity_for(r), director().network());
    if (d) return std::move(*d);
    ADD_FAILURE() << d.error().what;
    return nullptr;
  }

  encode::Table& table() { return large_->table(); }
  const encode::TableMemory& memory() { return large_->memory(); }
  static model::ServerKey key_of(int number) {
    return server_key(fmt::format("192.168.{}.{}", 100 + number / 250, number % 250 + 1), 80);
  }
  std::uint64_t draw(std::uint64_t below) { return random_() % below; }

  void add(int number, std::uint64_t weight) {
    ASSERT_TRUE(table().add_server(kWeb, key_of(number), forwarded(model::Forward::kTunnel, static_cast<int>(weight))));
    list_.push_front({.number = number, .weight = weight});
  }
  void fill(int servers, std::uint64_t weights) {
    ASSERT_TRUE(table().begin(false));
    for (int i = 0; i < servers; ++i) add(i, draw(weights));
    ASSERT_TRUE(table().commit());
    find_rows();
  }
  void find_rows() {
    std::map<model::Address, std::uint32_t> rows;
    for (std::uint32_t r = 0; r < memory().servers.size(); ++r)
      if ((memory().servers[r].flags & XLVS_SERVER_F_AVAILABLE) != 0) {
        model::Address a;
        std::memcpy(a.bytes.data(), &memory().servers[r].addr, 4);
        a.family = model::Family::kInet;
        rows[a] = r;
      }
    for (Server& s : list_) {
      const auto found = rows.find(key_of(s.number).address);
      ASSERT_NE(found, rows.end());
      s.row = found->second;
    }
  }
  /// What packets did to a server, as the data plane would count it.
  void load(Server& s, std::uint64_t active, std::uint64_t inactive, bool overloaded) {
    s.active = active, s.inactive = inactive, s.overloaded = overloaded;
    xlvs_load& l = memory().loads[s.row];
    l.active = static_cast<__u32>(active);
    l.inactive = static_cast<__u32>(inactive);
    l.flags = overloaded ? XLVS_LOAD_F_OVERLOAD : 0;
    ++memory().changes[s.row / XLVS_GROUP_ROWS].count;
  }
  /// A new connection: the number of the server whose count rose, -1 for none.
  int pick() {
    const Ipv4 ip{.src = fmt::format("198.51.{}.{}", 100 + flows_ / 250 % 100, flows_ % 250 + 1), .dst = "192.0.2.10"};
    const Tcp syn{.sport = static_cast<std::uint16_t>(1024 + flows_ / 25000), .dport = 80, .flags = kSyn};
    ++flows_;
    EXPECT_TRUE(large_->send((Eth{} / ip / syn).bytes()));
    int got = -1;
    for (Server& s : list_)
      if (memory().loads[s.row].active != s.active) {
        EXPECT_EQ(memory().loads[s.row].active, s.active + 1);
        EXPECT_EQ(got, -1) << "one only";
        got = s.number;
        ++s.active;
      }
    return got;
  }
  /// A connection that ends, or some that nobody here saw come; a threshold reached or left.
  void change_one() {
    Server& s = list_[draw(list_.size())];
    load(s, draw(4) == 0 ? 0 : draw(2 * s.weight + 2), draw(5), draw(8) == 0);
  }
  void edit_one() {
    const std::size_t at = draw(list_.size());
    Server s = list_[at];
    const std::uint64_t weight = draw(5) == 0 ? 0 : draw(9);
    const auto config = forwarded(model::Forward::kTunnel, static_cast<int>(weight));
    if (draw(2) == 0) {
      ASSERT_TRUE(table().edit_server(kWeb, key_of(s.number), config));
      list_[at].weight = weight;
      return relieve_all();
    }
    // deleted and back again: to the head of the list, in its old row, with its counts
    list_.erase(list_.begin() + static_cast<std::ptrdiff_t>(at));
    ASSERT_TRUE(table().delete_server(kWeb, key_of(s.number)));
    relieve_all();
    if (draw(2) == 0) {
      const int want = expected();
      EXPECT_EQ(pick(), want);
    }
    ASSERT_TRUE(table().add_server(kWeb, key_of(s.number), config));
    s.weight = weight;
    s.overloaded = false;
    list_.push_front(s);
  }
  /// Servers without -x are not overloaded, says each edit of their service.
  void relieve_all() {
    for (Server& s : list_) s.overloaded = false;
  }
  int expected() {
    const Server* s = kernel_.pick(list_);
    return s != nullptr ? s->number : -1;
  }
  void follow(int steps) {
    for (int step = 0; step < steps && !HasFailure(); ++step) {
      for (std::uint64_t n = draw(4); n > 0; --n) change_one();
      if (draw(20) == 0) edit_one();
      const int want = expected();
      ASSERT_EQ(pick(), want) << scheduler_ << ", step " << step;
    }
  }

  std::string scheduler_ = "wlc";
  Kernel kernel_{scheduler_};
  Director* large_ = nullptr;
  List list_;
  int flows_ = 0;
  std::mt19937_64 random_{11};
};

struct ManyServers : GroupTest, testing::WithParamInterface<const char*> {
  ManyServers() {
    scheduler_ = GetParam();
    kernel_ = Kernel(scheduler_);
  }
};
INSTANTIATE_TEST_SUITE_P(Schedulers, ManyServers,
                         testing::Values("lc", "wlc", "sed", "nq", "fo", "ovf", "lblc", "lblcr"),
                         [](const auto& scheduler) { return std::string(scheduler.param); });

TEST_P(ManyServers, ArePickedFromAsFromOneList) {
  fill(700, 9);
  follow(1000);
}
TEST_P(ManyServers, AlsoOneWithTwoGroupsAtMost) {
  fill(65, 4);
  follow(500);
}
// Servers that came one by one, between those of many other services.
TEST_P(ManyServers, AlsoWhenTheirRowsAreFarApart) {
  for (int i = 0; i < 200; ++i) {
    memory().control->server_cursor = static_cast<__u32>(i) * XLVS_GROUP_ROWS + 5;
    ASSERT_NO_FATAL_FAILURE(add(i, draw(9)));
  }
  find_rows();
  follow(400);
}
TEST_P(ManyServers, AlsoAsManyAsAServiceCanHave) {
  fill(XLVS_MAX_SERVERS_PER_SERVICE, 9);
  follow(100);
}

struct ManyTwos : GroupTest {
  ManyTwos() { scheduler_ = "twos"; }
};
// Without connections the first of the two drawn wins: each server's share is its lots'.
TEST_F(ManyTwos, AreDrawnByTheirWeights) {
  constexpr int kServers = 150, kDraws = 30000;
  fill(kServers, 9);
  load(list_[3], 0, 0, true);
  double lots = 1;
  for (const Server& s : list_) lots += s.takes() ? static_cast<double>(s.weight) : 0;
  std::vector<int> counts(kServers);
  for (int i = 0; i < kDraws; ++i) {
    const int got = pick();
    ASSERT_GE(got, 0);
    ++counts[static_cast<std::size_t>(got)];
    for (Server& s : list_)
      if (s.number == got) load(s, 0, 0, s.overloaded);
  }
  const auto first = std::find_if(list_.begin(), list_.end(), [](const Server& s) { return s.takes(); });
  double chi = 0;
  int degrees = -1;
  for (const Server& s : list_) {
    if (!s.takes()) {
      EXPECT_EQ(counts[static_cast<std::size_t>(s.number)], 0);
      continue;
    }
    const double want = kDraws * (static_cast<double>(s.weight) + (s.number == first->number ? 1 : 0)) / lots;
    chi += std::pow(counts[static_cast<std::size_t>(s.number)] - want, 2) / want;
    ++degrees;
  }
  EXPECT_LT(chi, degrees + 6 * std::sqrt(2.0 * degrees));  // six standard deviations
}

}  // namespace
}  // namespace xlvs::support
