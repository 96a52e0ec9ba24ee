// SPDX-License-Identifier: GPL-2.0-or-later
// One table over two owners: who gets a service, what moves it, and that nobody sees the seam.
#include "backend/router.h"

#include <gmock/gmock.h>

#include "backend/owners.h"
#include "backend/xdp_backend.h"
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
  Router router{std::make_unique<Borrowed>(xdp), [this](Router::Load load) { return open(load); }};

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
  Router alone(std::make_unique<Borrowed>(xdp), [this](Router::Load load) { return open(load); });
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
