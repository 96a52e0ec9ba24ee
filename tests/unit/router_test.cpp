// SPDX-License-Identifier: GPL-2.0-or-later
// One table over two owners: who gets a service, what moves it, and that nobody sees the seam.
#include "backend/router.h"

#include <gmock/gmock.h>

#include <array>
#include <map>
#include <random>

#include "backend/owners.h"
#include "backend/replacer.h"
#include "backend/xdp_backend.h"
#include "encode/convert.h"
#include "encode/rows.h"
#include "encode_memory.h"
#include "support/borrowed_backend.h"
#include "support/memory_backend.h"

namespace xlvs::backend {
namespace {

using encode::nat;
using encode::scheduled;
using encode::server_key;
using encode::service_key;
using encode::weighing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;
using xlvs::testing::Borrowed;
using xlvs::testing::MemoryBackend;

/// Kernel IPVS applies edits one by one; its batches mean nothing.
class Kernel : public MemoryBackend {
 public:
  Status begin(Batch) override { return ok(); }
  Status commit() override { return ok(); }
  void cancel() override {}
};

struct RouterTest : ::testing::Test {
  encode::OwnedMemory memory;
  encode::FakeHost host{encode::Sizes{}.servers};
  XdpBackend xdp{memory.view(), host};
  Kernel kernel;
  bool loaded = true, loadable = true;  // the kernel's module
  Router router{std::make_unique<XdpBackend>(memory.view(), host), [this](Router::Load load) { return open(load); }};

  const model::ServiceKey web = service_key("192.0.2.10", 80), ftp = service_key("192.0.2.10", 21),
                          mark = encode::mark_key(7);
  const model::ServerKey one = server_key("198.51.100.1", 80), two = server_key("198.51.100.2", 80);
  const model::ServerConfig bypass{.forward = model::Forward::kBypass};  // what XDP does not do

  Result<std::unique_ptr<Backend>> open(Router::Load load) {
    if (load == Router::Load::kLoad && loadable) loaded = true;
    if (!loaded) return Error{Errc::kNoProtocol, "no IPVS"};
    return std::unique_ptr<Backend>(std::make_unique<Borrowed>(kernel));
  }
  static std::vector<std::uint16_t> ports(Backend& backend) {
    std::vector<std::uint16_t> found;
    const auto services = backend.services();
    for (const auto& s : *services) found.push_back(s.key.port);
    return found;
  }
  static std::vector<int> last_octets(Backend& backend, const model::ServiceKey& key) {
    std::vector<int> found;
    const auto servers = backend.servers(key);
    for (const auto& s : *servers) found.push_back(s.key.address.bytes[3]);
    return found;
  }
};

TEST_F(RouterTest, GivesXdpWhatItCanServeAndTheKernelTheRest) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(router.add_service(ftp, scheduled("rr")));
  EXPECT_THAT(ports(xdp), ElementsAre(80));
  EXPECT_THAT(ports(kernel), ElementsAre(21));
  EXPECT_THAT(ports(router), UnorderedElementsAre(80, 21));
}

TEST_F(RouterTest, CarriesEachCommandToTheOwner) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(router.add_service(ftp, scheduled("rr")));
  for (const auto& key : {web, ftp}) {
    EXPECT_OK(router.add_server(key, one, nat(1)));
    EXPECT_OK(router.add_server(key, two, nat(1)));
    EXPECT_OK(router.edit_server(key, one, nat(9)));
    EXPECT_EQ((*router.servers(key))[1].config.weight, 9);
    EXPECT_OK(router.edit_service(key, scheduled("wrr")));
    EXPECT_EQ((*router.service(key)).config.scheduler, "wrr");
    EXPECT_OK(router.zero(&key));
    EXPECT_OK(router.delete_server(key, two));
    EXPECT_ERRC(router.delete_server(key, two), Errc::kNotFound);
    EXPECT_ERRC(router.add_service(key, scheduled("rr")), Errc::kExists);
    EXPECT_OK(router.delete_service(key));
    EXPECT_ERRC(router.delete_service(key), Errc::kNoService);
    EXPECT_ERRC(router.zero(&key), Errc::kNoService);
    EXPECT_ERRC(router.servers(key), Errc::kNoService);
  }
  EXPECT_THAT(ports(router), IsEmpty());
}

TEST_F(RouterTest, MovesAServiceWholeWhenAnEditAsksForWhatXdpCannotDo) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(router.add_server(web, one, weighing(3)));
  EXPECT_OK(router.add_server(web, two, weighing(4)));
  model::ServiceConfig sip = scheduled("rr");
  sip.pe_name = "sip";
  EXPECT_OK(router.edit_service(web, sip));
  EXPECT_THAT(ports(xdp), IsEmpty());
  EXPECT_THAT(last_octets(kernel, web), ElementsAre(2, 1));
  EXPECT_EQ((*kernel.servers(web))[1].config.weight, 3);
  EXPECT_EQ((*kernel.service(web)).config.pe_name, "sip");
  EXPECT_EQ(memory.control.services, 0u);
}

/// XDP has connections, and asks for a row what became of it.
struct LingeringTest : RouterTest {
  void SetUp() override {
    EXPECT_OK(router.add_service(web, scheduled("rr")));
    EXPECT_OK(router.add_server(web, one, nat(3)));
    EXPECT_OK(router.add_server(web, two, nat(3)));
    memory.loads[row_of(one)].active = 5;
    memory.loads[row_of(two)].inactive = 7;
  }
  std::size_t row_of(const model::ServerKey& server) {
    for (std::size_t row = 0; row < memory.servers.size(); ++row)
      if (encode::used(memory.servers[row]) && encode::server_key(memory.servers[row]) == server) return row;
    ADD_FAILURE() << "no such server";
    return 0;
  }
  void move() {
    model::ServiceConfig sip = scheduled("rr");
    sip.pe_name = "sip";
    EXPECT_OK(router.edit_service(web, sip));
    EXPECT_THAT(ports(kernel), ElementsAre(80));
  }
  bool serves(const model::ServerKey& server) {
    return (memory.servers[row_of(server)].flags & XLVS_SERVER_F_SERVES) != 0;
  }
};

TEST_F(LingeringTest, ConnectionsOfAServiceThatMovesGoOn) {
  move();
  EXPECT_TRUE(serves(one) && serves(two));
  EXPECT_EQ(memory.control.services, XLVS_SERVICES_IPV4) << "packets would find the table off";
  EXPECT_EQ(memory.control.lingering, 2u);
  EXPECT_EQ((*router.servers(web))[1].active, 5u);
  EXPECT_EQ((*router.servers(web))[0].inactive, 7u);
}

TEST_F(LingeringTest, ConnectionsEndWithTheServerAndComeBackWithIt) {
  move();
  EXPECT_OK(router.delete_server(web, one));
  EXPECT_FALSE(serves(one));
  EXPECT_TRUE(serves(two));
  EXPECT_EQ(memory.control.lingering, 1u);
  EXPECT_OK(router.add_server(web, one, nat(1)));
  EXPECT_TRUE(serves(one));
  EXPECT_OK(router.delete_service(web));
  EXPECT_FALSE(serves(one) || serves(two));
  EXPECT_EQ(memory.control.lingering, 0u);
}

TEST_F(LingeringTest, ConnectionsEndWithTheTable) {
  move();
  EXPECT_OK(router.flush());
  EXPECT_FALSE(serves(one) || serves(two));
  EXPECT_EQ(memory.control.lingering, 0u);
}

TEST_F(LingeringTest, XdpTakesThemBackWithTheService) {
  move();
  EXPECT_OK(router.delete_service(web));
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(router.add_server(web, one, nat(1)));
  EXPECT_TRUE(encode::available(memory.servers[row_of(one)]));
  EXPECT_FALSE(encode::lingers(memory.servers[row_of(one)]));
  EXPECT_FALSE(serves(two));
  EXPECT_EQ((*router.servers(web))[0].active, 5u);
  EXPECT_EQ(memory.control.lingering, 0u);
}

TEST_F(LingeringTest, ARestoreThatGivesTheServiceToTheKernelKeepsThem) {
  model::ServiceConfig sip = scheduled("rr");
  sip.pe_name = "sip";
  EXPECT_OK(router.begin(Backend::Batch::kReplace));
  EXPECT_OK(router.add_service(web, sip));
  EXPECT_OK(router.add_server(web, two, nat(1)));
  EXPECT_OK(router.commit());
  EXPECT_FALSE(serves(one)) << "it is not in the new table";
  EXPECT_TRUE(serves(two));
}

TEST_F(LingeringTest, ADeletedServersConnectionsDoNotMove) {
  EXPECT_OK(router.delete_server(web, one));
  move();
  EXPECT_FALSE(serves(one));
  EXPECT_TRUE(serves(two));
}

TEST_F(LingeringTest, RowsAreFreeWhenTheConnectionsAreOver) {
  move();
  memory.loads[row_of(one)].active = memory.loads[row_of(two)].inactive = 0;
  host.ticks += xlvs_seconds_to_ticks(3600);
  EXPECT_OK(router.add_service(service_key("192.0.2.11", 80), scheduled("rr")));
  EXPECT_EQ(memory.control.trash, 0u);
  EXPECT_EQ(memory.control.lingering, 0u);
}

TEST_F(RouterTest, MovesAServiceForOneOfItsServers) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(router.add_server(web, one, weighing(3)));
  EXPECT_OK(router.add_server(web, two, bypass));
  EXPECT_THAT(last_octets(kernel, web), ElementsAre(2, 1));
  EXPECT_THAT(ports(xdp), IsEmpty());
}

TEST_F(RouterTest, KeepsAServiceWithTheKernelWhenXdpCouldServeItAgain) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(router.add_server(web, one, bypass));
  EXPECT_OK(router.delete_server(web, one));
  EXPECT_OK(router.edit_service(web, scheduled("wrr")));
  EXPECT_THAT(ports(kernel), ElementsAre(80));
  EXPECT_THAT(ports(xdp), IsEmpty());
  EXPECT_OK(router.delete_service(web));
  EXPECT_OK(router.add_service(web, scheduled("wrr")));
  EXPECT_THAT(ports(xdp), ElementsAre(80));
}

TEST_F(RouterTest, LeavesAllAsItWasWhenTheKernelRefusesTheEditThatMoves) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(router.add_server(web, one, weighing(3)));
  EXPECT_ERRC(router.edit_service(web, scheduled("no-such")), Errc::kNotFound);
  EXPECT_THAT(ports(kernel), IsEmpty());
  EXPECT_THAT(last_octets(xdp, web), ElementsAre(1));
  EXPECT_EQ((*xdp.service(web)).config.scheduler, "rr");
  EXPECT_FALSE(host.locked);
}

TEST_F(RouterTest, ReplacesWhatAKilledMoveLeftInTheKernel) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(kernel.add_service(web, scheduled("wrr")));
  EXPECT_OK(kernel.add_server(web, two, weighing(1)));
  EXPECT_THAT(ports(router), ElementsAre(80));
  EXPECT_EQ((*router.service(web)).config.scheduler, "rr");
  EXPECT_OK(router.add_server(web, one, bypass));
  EXPECT_THAT(last_octets(kernel, web), ElementsAre(1));
}

TEST_F(RouterTest, DeletesWhatAKilledMoveLeftInTheKernel) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(kernel.add_service(web, scheduled("rr")));
  EXPECT_OK(router.delete_service(web));
  EXPECT_THAT(ports(router), IsEmpty());
}

TEST_F(RouterTest, AsksTheKernelForSchedulersOfItsOwn) {
  kernel.own_scheduler = "own";
  EXPECT_OK(router.add_service(web, scheduled("own")));
  EXPECT_THAT(ports(kernel), ElementsAre(80));
  EXPECT_ERRC(router.add_service(ftp, scheduled("no-such")), Errc::kNotFound);
}

TEST_F(RouterTest, GivesFirewallMarksToTheKernelAndToXdpWhereThereIsNone) {
  EXPECT_OK(router.add_service(mark, scheduled("rr")));
  EXPECT_EQ((*kernel.services()).size(), 1u);
  EXPECT_ERRC(router.add_service(mark, scheduled("rr")), Errc::kExists);
  loaded = loadable = false;
  Router alone(std::make_unique<XdpBackend>(memory.view(), host), [this](Router::Load load) { return open(load); });
  EXPECT_OK(alone.add_service(mark, scheduled("rr")));
  EXPECT_EQ((*xdp.services()).size(), 1u);
}

TEST_F(RouterTest, SaysWhatXdpCannotDoWhereThereIsNoKernelIpvs) {
  loaded = loadable = false;
  const Status s = router.add_service(ftp, scheduled("rr"));
  EXPECT_ERRC(s, Errc::kUnsupported);
  EXPECT_THAT(s.error().what, HasSubstr("FTP"));
  EXPECT_THAT(s.error().what, HasSubstr("this kernel has no IPVS"));
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_ERRC(router.add_server(web, one, bypass), Errc::kUnsupported);
  EXPECT_OK(router.add_server(web, one, nat()));
  EXPECT_ERRC(router.start_daemon({}), Errc::kUnsupported);
}

TEST_F(RouterTest, LoadsTheKernelsModuleOnlyWhenItIsNeeded) {
  loaded = false;
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_THAT(ports(router), ElementsAre(80));
  EXPECT_OK(router.flush());
  EXPECT_FALSE(loaded);
  EXPECT_OK(router.add_service(ftp, scheduled("rr")));
  EXPECT_TRUE(loaded);
  EXPECT_THAT(ports(router), ElementsAre(21));
}

TEST_F(RouterTest, MovesTheServiceOfAllPortsWithTheKernelsPort) {
  model::ServiceKey any = web;
  any.port = 0;
  EXPECT_OK(router.add_service(any, scheduled("rr")));
  EXPECT_THAT(ports(xdp), ElementsAre(0));
  EXPECT_OK(router.add_service(ftp, scheduled("rr")));  // XDP would take its packets for `any`
  EXPECT_THAT(ports(kernel), UnorderedElementsAre(0, 21));
  EXPECT_THAT(ports(xdp), IsEmpty());
  EXPECT_OK(router.delete_service(any));
  EXPECT_OK(router.add_service(any, scheduled("rr")));
  EXPECT_THAT(ports(kernel), UnorderedElementsAre(0, 21));
  EXPECT_OK(router.delete_service(ftp));
  EXPECT_OK(router.delete_service(any));
  EXPECT_OK(router.add_service(any, scheduled("rr")));
  EXPECT_THAT(ports(xdp), ElementsAre(0));
}

TEST_F(RouterTest, FlushesBoth) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(router.add_service(ftp, scheduled("rr")));
  EXPECT_OK(router.flush());
  EXPECT_THAT(ports(xdp), IsEmpty());
  EXPECT_THAT(ports(kernel), IsEmpty());
}

TEST_F(RouterTest, ReplacesTheTableAndLetsEachServiceChooseAgain) {
  EXPECT_OK(router.add_service(ftp, scheduled("rr")));
  kernel.own_scheduler = "own";
  EXPECT_OK(router.add_service(service_key("192.0.2.10", 82), scheduled("own")));
  EXPECT_OK(kernel.add_service(service_key("192.0.2.10", 81), scheduled("rr")));  // before XDP came
  EXPECT_OK(router.begin(Backend::Batch::kReplace));
  EXPECT_THAT(ports(router), IsEmpty());
  EXPECT_OK(router.add_service(service_key("192.0.2.10", 81), scheduled("wrr")));
  EXPECT_OK(router.add_service(ftp, scheduled("wrr")));
  EXPECT_OK(router.add_server(ftp, one, nat()));
  EXPECT_THAT(ports(kernel), UnorderedElementsAre(21, 81, 82));  // traffic has them till the end
  EXPECT_OK(router.commit());
  EXPECT_THAT(ports(xdp), ElementsAre(81));
  EXPECT_THAT(ports(kernel), ElementsAre(21));
  EXPECT_EQ((*router.service(ftp)).config.scheduler, "wrr");
  EXPECT_FALSE(host.locked);
}

TEST_F(RouterTest, FlushesInTheMiddleOfABatch) {
  EXPECT_OK(router.begin(Backend::Batch::kMerge));
  EXPECT_OK(router.add_service(ftp, scheduled("rr")));
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(router.flush());
  EXPECT_ERRC(router.add_server(ftp, one, nat()), Errc::kNoService);
  EXPECT_ERRC(router.delete_service(ftp), Errc::kNoService);
  EXPECT_OK(router.add_service(web, scheduled("wrr")));
  EXPECT_OK(router.commit());
  EXPECT_THAT(ports(router), ElementsAre(80));
  EXPECT_THAT(ports(kernel), IsEmpty());
}

TEST_F(RouterTest, SetsTheTimeoutsOfBoth) {
  EXPECT_OK(router.set_timeouts({.tcp_s = 11}));
  EXPECT_EQ((*xdp.timeouts()).tcp_s, 11u);
  EXPECT_EQ((*kernel.timeouts()).tcp_s, 11u);
}

TEST_F(RouterTest, GivesAKernelThatComesLaterTheTablesTimeouts) {
  loaded = false;
  EXPECT_OK(router.set_timeouts({.tcp_s = 11}));
  EXPECT_OK(router.add_service(ftp, scheduled("rr")));
  EXPECT_EQ((*kernel.timeouts()).tcp_s, 11u);
}

TEST_F(RouterTest, ShowsTheConnectionsAndDaemonsOfTheKernel) {
  kernel.interfaces = {"eth0"};
  kernel.connection_list.push_back({});
  int connections = 0;
  EXPECT_OK(router.connections([&](const model::Connection&) { ++connections; }));
  EXPECT_EQ(connections, 1);
  EXPECT_OK(router.start_daemon({.interface = "eth0"}));
  EXPECT_EQ((*router.daemons()).size(), 1u);
  EXPECT_OK(router.stop_daemon(model::DaemonState::kMaster, 0));
  EXPECT_ERRC(router.stop_daemon(model::DaemonState::kMaster, 0), Errc::kNoService);
}

TEST_F(RouterTest, KeepsServersOfAnotherFamilyAndSyncDaemonsApartAsTheKernelDoes) {
  const model::ServerKey other = server_key("2001:db8::1", 80);
  const model::ServerConfig ipip{.forward = model::Forward::kTunnel};
  kernel.interfaces = {"eth0"};
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(router.add_server(web, other, ipip));
  EXPECT_ERRC(router.start_daemon({.interface = "eth0"}), Errc::kInvalidArgument);
  EXPECT_OK(router.delete_server(web, other));
  EXPECT_OK(router.start_daemon({.interface = "eth0"}));
  EXPECT_ERRC(router.add_server(web, other, ipip), Errc::kInvalidArgument);
  EXPECT_ERRC(router.add_server(ftp, other, ipip), Errc::kNoService);
  EXPECT_OK(router.add_server(web, one, ipip));
}

/// A kernel that knows which of its services have had no server, or were not there, since `watch`.
class WatchedKernel : public Kernel {
 public:
  std::vector<model::ServiceKey> watch;
  int gaps = 0, edits = 0;

  Status add_service(const model::ServiceKey& k, const model::ServiceConfig& c) override {
    return seen(Kernel::add_service(k, c));
  }
  Status edit_service(const model::ServiceKey& k, const model::ServiceConfig& c) override {
    return seen(Kernel::edit_service(k, c));
  }
  Status delete_service(const model::ServiceKey& k) override { return seen(Kernel::delete_service(k)); }
  Status flush() override { return seen(Kernel::flush()); }
  Status add_server(const model::ServiceKey& k, const model::ServerKey& s,
                    const model::ServerConfig& c) override {
    return seen(Kernel::add_server(k, s, c));
  }
  Status edit_server(const model::ServiceKey& k, const model::ServerKey& s,
                     const model::ServerConfig& c) override {
    return seen(Kernel::edit_server(k, s, c));
  }
  Status delete_server(const model::ServiceKey& k, const model::ServerKey& s) override {
    return seen(Kernel::delete_server(k, s));
  }

 private:
  Status seen(Status status) {
    ++edits;
    for (const model::ServiceKey& key : watch) {
      const auto servers = Kernel::servers(key);
      if (!servers || (*servers).empty()) ++gaps;
    }
    return status;
  }
};

struct ReplacerTest : ::testing::Test {
  WatchedKernel kernel;
  MemoryBackend fresh;  // the same lines in an empty table
  Replacer replacer{std::make_unique<Borrowed>(kernel)};

  struct Line {
    int port;         // of a service; -A, or
    int server = 0;   // -a of the server with this last octet
    int setting = 1;  // its weight, or what the service's scheduler is
  };
  static Status apply(Backend& backend, const Line& line) {
    const model::ServiceKey key = service_key("192.0.2.10", static_cast<std::uint16_t>(line.port));
    const auto server = server_key("198.51.100." + std::to_string(line.server), 80);
    const std::string scheduler =
        std::array{"rr", "wrr", "wlc", "no-such"}[static_cast<std::size_t>(line.setting)];
    return line.server == 0 ? backend.add_service(key, scheduled(scheduler))
                            : backend.add_server(key, server, nat(line.setting));
  }
  /// Services with their schedulers, servers newest first with their weights.
  static std::map<int, std::string> shown(Backend& backend) {
    std::map<int, std::string> all;
    const auto services = backend.services();
    for (const model::Service& s : *services) {
      std::string& text = all[s.key.port] = s.config.scheduler;
      const auto servers = backend.servers(s.key);
      for (const model::Server& r : *servers)
        text += " " + std::to_string(r.key.address.bytes[3]) + "=" + std::to_string(r.config.weight);
    }
    return all;
  }
  void replace(const std::vector<Line>& lines) {
    EXPECT_OK(replacer.begin(Backend::Batch::kReplace));
    (void)fresh.flush();
    for (const Line& line : lines) {
      const Status got = apply(replacer, line), wanted = apply(fresh, line);
      EXPECT_EQ(static_cast<bool>(got), static_cast<bool>(wanted));
      if (!got && !wanted) {
        EXPECT_EQ(got.error().code, wanted.error().code);
      }
    }
    EXPECT_OK(replacer.commit());
    EXPECT_EQ(shown(kernel), shown(fresh));
    EXPECT_EQ(shown(replacer), shown(fresh));
  }
};

TEST_F(ReplacerTest, SendsNothingForATableThatIsThereAlready) {
  const std::vector<Line> table = {{80}, {80, 1}, {80, 2, 3}, {81}, {81, 1}};
  replace(table);
  kernel.edits = 0;
  replace(table);
  EXPECT_EQ(kernel.edits, 0);
}

TEST_F(ReplacerTest, SendsOnlyWhatDiffers) {
  replace({{80}, {80, 1}, {80, 2}, {80, 3}, {81}});
  kernel.edits = 0;
  replace({{80}, {80, 1, 2}, {80, 3}, {80, 4}, {82}});
  EXPECT_EQ(kernel.edits, 5);  // a weight, a server more and one less, a service more and one less
}

TEST_F(ReplacerTest, PutsServersInTheirNewOrderOneByOne) {
  replace({{80}, {80, 1}, {80, 2}, {80, 3}});
  kernel.watch = {service_key("192.0.2.10", 80)};
  kernel.edits = 0;
  replace({{80}, {80, 3}, {80, 1}, {80, 2}});
  EXPECT_EQ(kernel.edits, 4);
  EXPECT_EQ(kernel.gaps, 0);
}

TEST_F(ReplacerTest, KnowsThatOnlyNatHasPortsOfItsOwn) {
  const auto web = service_key("192.0.2.10", 80);
  const auto listed = server_key("198.51.100.1", 80), typed = server_key("198.51.100.1", 8080);
  EXPECT_OK(kernel.add_service(web, scheduled("rr")));
  EXPECT_OK(kernel.add_server(web, listed, weighing(1)));
  kernel.edits = 0;
  EXPECT_OK(replacer.begin(Backend::Batch::kReplace));
  EXPECT_OK(replacer.add_service(web, scheduled("rr")));
  EXPECT_OK(replacer.add_server(web, typed, weighing(1)));
  EXPECT_OK(replacer.commit());
  EXPECT_EQ(kernel.edits, 0);
}

TEST_F(ReplacerTest, HidesWhatWasThereFromTheEditsOfTheBatch) {
  replace({{80}, {80, 1}, {81}});
  const auto web = service_key("192.0.2.10", 80), other = service_key("192.0.2.10", 81);
  const auto one = server_key("198.51.100.1", 80);
  EXPECT_OK(replacer.begin(Backend::Batch::kReplace));
  EXPECT_ERRC(replacer.add_server(web, one, nat()), Errc::kNoService);
  EXPECT_ERRC(replacer.edit_service(web, scheduled("rr")), Errc::kNoService);
  EXPECT_ERRC(replacer.delete_service(web), Errc::kNoService);
  EXPECT_ERRC(replacer.zero(&web), Errc::kNoService);
  EXPECT_ERRC(replacer.service(web), Errc::kNoService);
  EXPECT_OK(replacer.add_service(web, scheduled("rr")));
  EXPECT_THAT(*replacer.servers(web), IsEmpty());
  EXPECT_ERRC(replacer.edit_server(web, one, nat()), Errc::kNotFound);
  EXPECT_ERRC(replacer.delete_server(web, one), Errc::kNotFound);
  EXPECT_OK(replacer.add_server(web, one, nat(7)));
  EXPECT_ERRC(replacer.add_service(web, scheduled("rr")), Errc::kExists);
  EXPECT_OK(replacer.add_service(other, scheduled("rr")));
  EXPECT_OK(replacer.delete_service(other));
  EXPECT_OK(replacer.flush());
  EXPECT_ERRC(replacer.add_server(web, one, nat()), Errc::kNoService);
  EXPECT_OK(replacer.commit());
  EXPECT_THAT(shown(kernel), IsEmpty());
}

TEST_F(ReplacerTest, LeavesWhatIsThereWhenItIsCancelled) {
  replace({{80}, {80, 1}});
  EXPECT_OK(replacer.begin(Backend::Batch::kReplace));
  replacer.cancel();
  EXPECT_EQ(shown(kernel), shown(fresh));
  EXPECT_OK(replacer.flush());
  EXPECT_THAT(shown(kernel), IsEmpty());
}

// Tables of few names, so that each replaces much of the one before it: what comes out is what the same lines
// make of an empty table, and a service of both tables that has servers in both is never without one.
TEST_F(ReplacerTest, ThousandsOfRandomReplacements) {
  std::minstd_rand random(1);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (int round = 0; round < 3000; ++round) {
    std::vector<Line> lines;
    for (int i = below(24); i > 0; --i) {
      const int port = 80 + below(3);
      if (below(4) == 0 || lines.empty())
        lines.push_back({port, 0, below(8) == 0 ? 3 : below(3)});
      else
        lines.push_back({port, 1 + below(5), below(3)});
    }
    MemoryBackend after;
    for (const Line& line : lines) (void)apply(after, line);
    kernel.watch.clear();
    kernel.gaps = 0;
    for (const auto& [port, text] : shown(after)) {
      const auto key = service_key("192.0.2.10", static_cast<std::uint16_t>(port));
      const auto before = kernel.servers(key);
      if (before && !(*before).empty() && text.find('=') != text.npos) kernel.watch.push_back(key);
    }
    replace(lines);
    ASSERT_EQ(kernel.gaps, 0) << "round " << round;
    ASSERT_FALSE(HasFailure()) << "round " << round;
  }
}

struct OwnersTest : RouterTest {
  std::string shown() {
    std::string text;
    const auto all = owners(&xdp, loaded ? &kernel : nullptr);
    for (const OwnedService& s : *all)
      text += std::to_string(s.key.port) + (s.owner == Owner::kXdp ? " xdp " : " kernel ") + s.remark + "\n";
    return text;
  }
};

TEST_F(OwnersTest, NamesTheReasonForEachOfTheKernels) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_EQ(shown(), "80 xdp \n");
  EXPECT_OK(router.add_service(ftp, scheduled("rr")));
  EXPECT_EQ(shown(), "80 xdp \n21 kernel XDP does not follow FTP's data connections\n");
  EXPECT_OK(router.add_server(web, one, bypass));
  EXPECT_OK(router.delete_service(ftp));
  EXPECT_EQ(shown(), "80 kernel XDP does not have this forwarding method\n");
  EXPECT_OK(router.delete_server(web, one));
  EXPECT_EQ(shown(), "80 kernel XDP could serve it, once it is deleted and added again\n");
}

TEST_F(OwnersTest, TellsOfServicesThatAreDefinedTwice) {
  EXPECT_OK(router.add_service(web, scheduled("rr")));
  EXPECT_OK(kernel.add_service(web, scheduled("rr")));
  EXPECT_EQ(shown(),
            "80 xdp \n80 kernel a second definition, which no packet reaches: the one of XDP counts\n");
}

TEST_F(OwnersTest, TellsOfMarks) {
  EXPECT_OK(router.add_service(mark, scheduled("rr")));
  EXPECT_EQ(shown(), "0 kernel packets have no firewall mark yet when XDP sees them\n");
}

}  // namespace
}  // namespace xlvs::backend
