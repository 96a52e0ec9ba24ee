// SPDX-License-Identifier: GPL-2.0-or-later
// Thousands of random commands on a table and on a simple model of kernel IPVS: listings, errors and picks
// agree.
#include <gmock/gmock.h>

#include <memory>

#include "encode/convert.h"
#include "encode_ops.h"
#include "encode_seen.h"
#include "sched_walker.h"

namespace xlvs::encode {
namespace {

using WalkerPtr = std::shared_ptr<sched::Walker<model::ServerKey>>;

struct ModelServer {
  model::ServerKey key;
  model::ServerConfig config;
  std::uint64_t total = 0;
  std::uint32_t active = 0;
};
struct ModelService {
  model::ServiceConfig config;
  std::vector<ModelServer> servers;  // newest first
  std::uint64_t total = 0;
  WalkerPtr walker;  // of rr and wrr
};
/// A deleted server as kernel IPVS's trash keeps it.
struct Ghost {
  std::uint64_t total = 0;  // 0 once its service is gone
  std::uint32_t active = 0;
  std::uint32_t since = 0;
};

using Done = std::optional<Errc>;  // nothing: it worked
constexpr Done kDone{};

class Model {
 public:
  std::map<model::ServiceKey, ModelService> services;
  std::map<std::pair<model::ServiceKey, model::ServerKey>, Ghost> trash;
  std::uint32_t now = 0;

  Done apply(const Op& op) {
    const auto it = services.find(op.service);
    ModelService* s = it == services.end() ? nullptr : &it->second;
    switch (op.kind) {
      case Op::kAddService:
        return s != nullptr ? Done(Errc::kExists) : add_service(op);
      case Op::kEditService:
        return s == nullptr ? Done(Errc::kNoService) : edit_service(op, *s);
      case Op::kDeleteService:
        return s == nullptr ? Done(Errc::kNoService) : delete_service(op.service);
      case Op::kAddServer:
        return s == nullptr ? Done(Errc::kNoService) : add_server(op, *s);
      case Op::kEditServer:
        return s == nullptr ? Done(Errc::kNoService) : edit_server(op, *s);
      case Op::kDeleteServer:
        return s == nullptr ? Done(Errc::kNoService) : delete_server(op, *s);
      case Op::kZero:
        return s == nullptr ? Done(Errc::kNoService) : zero(*s);
      case Op::kZeroAll:
        for (auto& [key, service] : services) zero(service);
        return kDone;
      case Op::kFlush:
        while (!services.empty()) delete_service(model::ServiceKey(services.begin()->first));
        return kDone;
      default:
        return kDone;
    }
  }
  [[nodiscard]] bool collected(const Ghost& g) const {
    return g.active == 0 && now - g.since >= xlvs_seconds_to_ticks(120);
  }

 private:
  static Done bad(const Op& op) {
    if (op.service_config.scheduler == "nosuch") return Errc::kNotFound;
    if (op.service.family == model::Family::kInet6 && op.service_config.netmask == 0)
      return Errc::kInvalidArgument;
    if (!op.service_config.pe_name.empty()) return Errc::kUnsupported;
    return kDone;
  }
  static void bind(ModelService& s) {
    s.walker = nullptr;
    if (s.config.scheduler == "rr") s.walker = std::make_shared<sched::RrWalkerOf<model::ServerKey>>();
    if (s.config.scheduler == "wrr") s.walker = std::make_shared<sched::WrrWalkerOf<model::ServerKey>>();
    if (!s.walker) return;
    std::vector<std::pair<model::ServerKey, int>> oldest_first;
    for (auto r = s.servers.rbegin(); r != s.servers.rend(); ++r)
      oldest_first.emplace_back(r->key, r->config.weight);
    s.walker->bind(oldest_first);
  }

  Done add_service(const Op& op) {
    if (const Done e = bad(op)) return e;
    bind(services[op.service] = {.config = op.service_config, .servers = {}, .walker = {}});
    return kDone;
  }
  Done edit_service(const Op& op, ModelService& s) {
    if (const Done e = bad(op)) return e;
    const bool again = s.config.scheduler != op.service_config.scheduler;
    s.config = op.service_config;
    if (again) bind(s);
    return kDone;
  }
  Done delete_service(const model::ServiceKey& key) {
    for (const ModelServer& r : services[key].servers) trash[{key, r.key}] = {0, r.active, now};
    services.erase(key);
    for (auto& [identity, ghost] : trash)
      if (identity.first == key) ghost.total = 0;
    return kDone;
  }
  static model::ServerKey effective(const Op& op) {
    model::ServerKey key = op.server;
    if (op.server_config.forward != model::Forward::kMasq && op.service.fwmark == 0)
      key.port = op.service.port;
    return key;
  }
  static Done bad_server(const Op& op) {
    if (op.server.address.family != op.service.family && op.server_config.forward != model::Forward::kTunnel)
      return Errc::kInvalidArgument;
    if (op.server_config.weight < 0 || op.server_config.lower > op.server_config.upper) return Errc::kRange;
    return kDone;
  }
  static auto find(ModelService& s, const model::ServerKey& key) {
    return std::find_if(s.servers.begin(), s.servers.end(),
                        [&](const ModelServer& r) { return r.key == key; });
  }
  Done add_server(const Op& op, ModelService& s) {
    if (const Done e = bad_server(op)) return e;
    ModelServer r{.key = effective(op), .config = op.server_config};
    if (find(s, r.key) != s.servers.end()) return Errc::kExists;
    const auto ghost = trash.find({op.service, r.key});
    if (ghost != trash.end()) {
      if (!collected(ghost->second)) {
        r.total = ghost->second.total;
        r.active = ghost->second.active;
      }
      trash.erase(ghost);
    }
    if (s.walker) s.walker->add(r.key, r.config.weight);
    s.servers.insert(s.servers.begin(), r);
    return kDone;
  }
  Done edit_server(const Op& op, ModelService& s) {
    if (const Done e = bad_server(op)) return e;
    const auto r = find(s, effective(op));
    if (r == s.servers.end()) return Errc::kNotFound;
    r->config = op.server_config;
    if (s.walker) s.walker->edit(r->key, r->config.weight);
    return kDone;
  }
  Done delete_server(const Op& op, ModelService& s) {
    const auto r = find(s, op.server);
    if (r == s.servers.end()) return Errc::kNotFound;
    trash[{op.service, r->key}] = {r->total, r->active, now};
    if (s.walker) s.walker->remove(r->key);
    s.servers.erase(r);
    return kDone;
  }
  static Done zero(ModelService& s) {
    s.total = 0;
    for (ModelServer& r : s.servers) r.total = 0;
    return kDone;
  }
};

constexpr Sizes kTight{
    .services = 5, .index_buckets = 2, .servers = 96, .blocks = 640, .buckets4 = 1, .buckets6 = 1};

class PropertyTest : public ::testing::TestWithParam<unsigned> {
 protected:
  /// Applies a command to both.
  void both(const Op& op) {
    if (op.kind != Op::kMerge && op.kind != Op::kReplace) {
      agree(encode::apply(table_, op), model_.apply(op), op);
      return;
    }
    // Whoever tries a command in the batch sees its result; the table has it at the end.
    EXPECT_OK(table_.begin(op.kind == Op::kReplace));
    if (op.kind == Op::kReplace) model_.apply({.kind = Op::kFlush});
    for (const Op& line : op.batch) both(line);
    compare_listings();
    EXPECT_OK(table_.commit());
  }
  static void agree(const Status& done, const Done& expected, const Op& op) {
    const Done errc = done ? kDone : Done(done.error().code);
    EXPECT_TRUE(errc == expected) << op.text() << ": " << (done ? "worked" : done.error().what);
  }

  void compare_listings() {
    const auto services = table_.services();
    ASSERT_TRUE(services);
    EXPECT_EQ((*services).size(), model_.services.size());
    for (const model::Service& s : *services) {
      ASSERT_TRUE(model_.services.contains(s.key));
      const ModelService& expected = model_.services[s.key];
      EXPECT_EQ(s.config.scheduler, expected.config.scheduler);
      EXPECT_EQ(s.config.flags, expected.config.flags);
      const auto servers = table_.servers(s.key);
      ASSERT_TRUE(servers);
      ASSERT_EQ((*servers).size(), expected.servers.size());
      for (std::size_t i = 0; i < (*servers).size(); ++i) compare((*servers)[i], expected.servers[i]);
    }
  }
  static void compare(const model::Server& server, const ModelServer& expected) {
    EXPECT_EQ(server.key, expected.key);
    EXPECT_EQ(server.config.weight, expected.config.weight);
    EXPECT_EQ(server.config.forward, expected.config.forward);
    EXPECT_EQ(server.config.upper, expected.config.upper);
    EXPECT_EQ(server.config.lower, expected.config.lower);
  }
  /// What only a committed table has: totals, counts, rows.
  void compare_totals() {
    for (const auto& [key, expected] : model_.services) {
      EXPECT_EQ((*table_.service(key)).stats.conns, expected.total);
      const auto servers = table_.servers(key);
      for (std::size_t i = 0; i < expected.servers.size(); ++i) {
        EXPECT_EQ((*servers)[i].stats.conns, expected.servers[i].total);
        EXPECT_EQ((*servers)[i].active, expected.servers[i].active);
      }
    }
    std::size_t listed = 0, used = 0, in_use = 0, trash = 0;
    for (const auto& [key, s] : model_.services) listed += s.servers.size();
    for (const xlvs_server& row : memory_.servers) {
      in_use += (row.flags & XLVS_SERVER_F_AVAILABLE) != 0 ? 1 : 0;
      used += (row.flags & XLVS_SERVER_F_USED) != 0 ? 1 : 0;
      if ((row.flags & 3) == XLVS_SERVER_F_USED)
        trash += model_.trash.contains({to_model(row.svc), encode::server_key(row)}) ? 1 : 0;
    }
    EXPECT_EQ(in_use, listed);
    EXPECT_EQ(used, listed + memory_.control.trash) << "rows leak";
    EXPECT_EQ(trash, memory_.control.trash);
  }

  /// A packet: its pick is the walker's, and it counts.
  void traffic(RandomOps& ops) {
    if (model_.services.empty()) return;
    auto it = model_.services.begin();
    std::advance(it, ops.upto(static_cast<int>(model_.services.size())));
    auto& [key, service] = *it;
    if (service.servers.empty()) return;
    const PacketView view(memory_);
    const std::uint32_t service_row = view.lookup(to_abi(key));
    std::uint32_t row = ~0u;
    if (service.walker) {
      const bool never = key.fwmark == 0 && key.port == 0;
      const auto pick = never ? std::nullopt : service.walker->pick();
      row = view.turn(service_row, memory_);
      ASSERT_EQ(row != ~0u, pick.has_value());
      if (row == ~0u) return;
      ASSERT_EQ(encode::server_key(memory_.servers[row]), *pick);
    } else {
      row = view.record(service_row,
                        static_cast<std::uint32_t>(ops.upto(static_cast<int>(service.servers.size()))))
                .server;
    }
    ModelServer& r = *std::find_if(service.servers.begin(), service.servers.end(), [&](const ModelServer& s) {
      return s.key == encode::server_key(memory_.servers[row]);
    });
    const auto conns = static_cast<std::uint64_t>(ops.upto(5));
    host_.lines[row].conns += conns;
    r.total += conns;
    service.total += conns;
    memory_.loads[row].active = r.active = static_cast<std::uint32_t>(ops.upto(2));
  }

  OwnedMemory memory_{kTight};
  FakeHost host_{kTight.servers};
  Table table_{memory_.view(), host_};
  Model model_;
};

TEST_P(PropertyTest, TheTableIsTheModel) {
  RandomOps ops(GetParam());
  for (int step = 0; step < 1000 && !HasFailure(); ++step) {
    const Op op = ops.next();
    SCOPED_TRACE("step " + std::to_string(step) + ": " + op.text());
    both(op);
    compare_listings();
    compare_totals();
    PacketView(memory_).read();
    for (int packets = ops.upto(6); packets > 0 && !HasFailure(); --packets) traffic(ops);
    if (ops.chance(10)) {
      host_.ticks += xlvs_seconds_to_ticks(static_cast<std::uint32_t>(ops.upto(100)));
      model_.now = host_.ticks;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, PropertyTest, ::testing::Range(1u, 9u));

}  // namespace
}  // namespace xlvs::encode
