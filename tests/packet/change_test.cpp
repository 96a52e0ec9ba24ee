// SPDX-License-Identifier: GPL-2.0-or-later
// Edits while new connections come: none is refused or goes to a server that is gone, no flow moves, and nothing is used up.
#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>

#include "encode/rows.h"
#include "encode/version.h"
#include "sched/registry.h"
#include "support/director_test.h"

namespace xlvs::support {
namespace {

constexpr int kStay = 2, kServers = 6;  // the first ones stay, the others come and go
constexpr int kFlows = 64;
constexpr int kLongTimes = 100;  // so many times as many connections with XLVS_LONG
const model::ServiceKey kWeb = service_key("TCP", "192.0.2.10", 80);

/// Weights that ovf's connections never exceed: what is refused here is refused by mistake.
model::ServerConfig weighing(int weight) { return forwarded(model::Forward::kDirect, weight * 1000000); }
model::ServerKey server(int i) { return server_key(fmt::format("192.168.1.{}", 10 + i), 80); }

/// Adds, edits and deletes servers and changes the scheduler, as fast as it can, until told to stop.
class Editor {
 public:
  explicit Editor(encode::Table& table) : table_(table) {}
  void run() {
    std::mt19937 random{5};
    std::array<bool, kServers> there{};
    while (!stop) {
      const int i = kStay + static_cast<int>(random() % (kServers - kStay));
      const auto at = static_cast<std::size_t>(i);
      const int weight = 1 + static_cast<int>(random() % 5);
      switch (random() % 4) {
        case 0:
        case 1:
          if (there[at]) {
            failed += table_.delete_server(kWeb, server(i)) ? 0 : 1;
            gone[at].fetch_add(1);  // odd: deleted, by a command that has returned
          } else {
            gone[at].fetch_add(1);
            failed += table_.add_server(kWeb, server(i), weighing(weight)) ? 0 : 1;
          }
          there[at] = !there[at];
          break;
        case 2:
          failed += table_.edit_server(kWeb, server(i % kStay), weighing(weight)) ? 0 : 1;
          break;
        default:
          change_scheduler(random);
      }
      ++edits;
    }
  }

  std::atomic<bool> stop{false};
  std::array<std::atomic<unsigned>, kServers> gone{};  ///< odd while a server is surely out of the list
  std::atomic<int> edits{0}, failed{0}, schedulers{0};

 private:
  void change_scheduler(std::mt19937& random) {
    const auto all = sched::schedulers();
    model::ServiceConfig config;
    config.scheduler = all[random() % all.size()].name;
    if (config.scheduler == "none") return;  // it refuses everybody, as it should
    failed += table_.edit_service(kWeb, config) ? 0 : 1;
    ++schedulers;
  }
  encode::Table& table_;
};

/// What a process may lose bit by bit.
struct Holding {
  std::ptrdiff_t files = 0;
  long own_kb = 0;  ///< memory, without the maps' pages

  static Holding now() {
    Holding h;
    h.files = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;)
      if (word == "RssAnon:") status >> h.own_kb;
    return h;
  }
};

class ChangeTest : public DirectorTest {
 protected:
  /// With room for versions beside each other, as tables have by default.
  void SetUp() override {
    DirectorTest::SetUp();
    if (HasFatalFailure()) return;
    kernel::CapacityRequest r;
    r.conns = 65536;
    r.conns6 = 1024;
    r.services = 16;
    r.servers = 16384;
    auto d = Director::load(*kernel::capacity_for(r), director().network());
    ASSERT_TRUE(d) << d.error().what;
    roomy_ = std::move(*d);
  }
  encode::Table& table() { return roomy_->table(); }
  /// The number of the server that got it, or -1.
  int sent(const std::string& source, std::uint16_t port, std::uint8_t flags) {
    const auto r = roomy_->send(
        (Eth{} / Ipv4{.src = source, .dst = "192.0.2.10"} / Tcp{.sport = port, .dport = 80, .flags = flags}).bytes());
    return r && r->action == XDP_REDIRECT ? r->out[5] - 10 : -1;
  }
  /// Blocks of the arena and rows of servers that are not free.
  [[nodiscard]] std::size_t blocks_used() const {
    const encode::Census census = encode::take_census(roomy_->memory());
    std::size_t n = 0;
    for (std::size_t b = 0; b < census.blocks.size(); ++b) n += census.blocks.used(b) ? 1 : 0;
    return n;
  }
  [[nodiscard]] std::ptrdiff_t rows_used() const {
    const auto& rows = roomy_->memory().servers;
    return std::count_if(rows.begin(), rows.end(), [](const xlvs_server& s) { return encode::used(s); });
  }
  /// The service goes, its connections end, and the two minutes of its servers' rows are over.
  void end_service() {
    ASSERT_TRUE(table().delete_service(kWeb));
    for (auto& bucket : roomy_->memory().conns4) bucket = {};
    for (auto& load : roomy_->memory().loads) load.active = load.inactive = 0;
    for (auto& server : roomy_->memory().servers) server.trash_since -= xlvs_seconds_to_ticks(1000);
    ASSERT_TRUE(table().add_service(kWeb, {.scheduler = "rr"}));  // any edit looks what may go
  }
  std::unique_ptr<Director> roomy_;
};

TEST_F(ChangeTest, UnderTrafficRefuseNobodyAndMoveNobody) {
  const int rounds = 40000 * (std::getenv("XLVS_LONG") ? kLongTimes : 1);
  model::ServiceConfig config;
  config.scheduler = "rr";
  ASSERT_TRUE(table().add_service(kWeb, config));
  for (int i = 0; i < kStay; ++i) ASSERT_TRUE(table().add_server(kWeb, server(i), weighing(1)));
  std::array<int, kFlows> home{};
  for (int f = 0; f < kFlows; ++f) {
    const auto port = static_cast<std::uint16_t>(2000 + f);
    home[static_cast<std::size_t>(f)] = sent("198.51.100.1", port, kSyn);
    ASSERT_EQ(sent("198.51.100.1", port, kAck), home[static_cast<std::size_t>(f)]);
  }
  Editor editor(table());
  for (int i = kStay; i < kServers; ++i) editor.gone[static_cast<std::size_t>(i)] = 1;
  std::thread commands([&] { editor.run(); });
  int refused = 0, to_gone = 0, moved = 0;
  std::array<int, kServers> got{};
  Holding early;
  for (int n = 0; n < rounds; ++n) {
    if (n == 4000) early = Holding::now();
    std::array<unsigned, kServers> before{};
    for (std::size_t i = 0; i < before.size(); ++i) before[i] = editor.gone[i];
    const int at = sent(fmt::format("198.51.{}.{}", 101 + n / 250 % 100, n % 250 + 1),
                        static_cast<std::uint16_t>(1024 + n / 25000 % 60000), kSyn);
    if (at < 0 || at >= kServers) {
      ++refused;
    } else {
      const auto i = static_cast<std::size_t>(at);
      ++got[i];
      to_gone += before[i] % 2 == 1 && editor.gone[i] == before[i] ? 1 : 0;
    }
    const int f = n % kFlows;
    moved += sent("198.51.100.1", static_cast<std::uint16_t>(2000 + f), kAck) != home[static_cast<std::size_t>(f)];
  }
  const Holding late = Holding::now();
  editor.stop = true;
  commands.join();
  EXPECT_EQ(refused, 0) << roomy_->reasons()[XLVS_REASON_NO_SERVER] << " without a server";
  EXPECT_EQ(to_gone, 0);
  EXPECT_EQ(moved, 0);
  EXPECT_EQ(editor.failed, 0);
  // that it was a test at all: the edits went on all the time, and every server had its connections
  EXPECT_GT(editor.edits, 500);
  EXPECT_GT(editor.schedulers, 50);
  for (const int n : got) EXPECT_GT(n, 100);
  // and that the edits took nothing for good
  fmt::print("{} edits, {} connections; {} kB and {} files in the end, {} kB and {} early on\n", editor.edits.load(),
             rounds, late.own_kb, late.files, early.own_kb, early.files);
  EXPECT_EQ(late.files, early.files);
  EXPECT_LT(late.own_kb, early.own_kb + 1024);
  EXPECT_LE(rows_used(), kServers);
  end_service();
  EXPECT_EQ(rows_used(), 0);
  EXPECT_EQ(blocks_used(), 1 + XLVS_FIRST_PICK) << "block 0, and an empty service";
}

}  // namespace
}  // namespace xlvs::support
