// SPDX-License-Identifier: GPL-2.0-or-later
// The seam that ipvsadm sees, over a table in memory.
#include "backend/xdp_backend.h"

#include <gmock/gmock.h>

#include "encode_memory.h"

namespace xlvs::backend {
namespace {

using encode::nat;
using encode::scheduled;
using encode::server_key;
using encode::service_key;
using encode::weighing;

struct XdpBackendTest : ::testing::Test {
  encode::OwnedMemory memory;
  encode::FakeHost host{encode::Sizes{}.servers};
  XdpBackend xdp{memory.view(), host};
  Backend& backend = xdp;
  const model::ServiceKey web = service_key("192.0.2.10", 80);
};

TEST_F(XdpBackendTest, IntroducesItselfAsIpvs) {
  EXPECT_EQ((*backend.info()).version, 0x010201u);
  EXPECT_EQ((*backend.info()).connection_table_size, 4096u);
}

TEST_F(XdpBackendTest, CarriesEveryCommandToTheTable) {
  const model::ServerKey server = server_key("198.51.100.1", 8080);
  EXPECT_OK(backend.add_service(web, scheduled("rr")));
  EXPECT_OK(backend.edit_service(web, scheduled("wrr")));
  EXPECT_EQ((*backend.service(web)).config.scheduler, "wrr");
  EXPECT_OK(backend.add_server(web, server, nat(2)));
  EXPECT_OK(backend.edit_server(web, server, nat(5)));
  EXPECT_EQ((*backend.servers(web))[0].config.weight, 5);
  EXPECT_OK(backend.zero(&web));
  EXPECT_OK(backend.zero(nullptr));
  EXPECT_OK(backend.delete_server(web, server));
  EXPECT_EQ((*backend.servers(web)).size(), 0u);
  EXPECT_OK(backend.delete_service(web));
  EXPECT_OK(backend.add_service(web, scheduled("rr")));
  EXPECT_OK(backend.flush());
  EXPECT_EQ((*backend.services()).size(), 0u);
  EXPECT_OK(backend.set_timeouts({.tcp_s = 7}));
  EXPECT_EQ((*backend.timeouts()).tcp_s, 7u);
  EXPECT_OK(backend.connections([](const model::Connection&) { FAIL(); }));
}

TEST_F(XdpBackendTest, PublishesABatchAtCommit) {
  EXPECT_OK(backend.begin(Backend::Batch::kMerge));
  EXPECT_OK(backend.add_service(web, scheduled("rr")));
  EXPECT_EQ(memory.control.services, 0u);
  EXPECT_OK(backend.commit());
  EXPECT_EQ(memory.control.services, 1 | XLVS_SERVICES_IPV4);
  EXPECT_OK(backend.begin(Backend::Batch::kReplace));
  EXPECT_OK(backend.commit());
  EXPECT_EQ(memory.control.services, 0u);
}

TEST_F(XdpBackendTest, HasNoSyncDaemon) {
  EXPECT_EQ((*backend.daemons()).size(), 0u);
  EXPECT_ERRC(backend.start_daemon({}), Errc::kUnsupported);
  EXPECT_ERRC(backend.stop_daemon(model::DaemonState::kMaster, 0), Errc::kNoService);
}

}  // namespace
}  // namespace xlvs::backend
