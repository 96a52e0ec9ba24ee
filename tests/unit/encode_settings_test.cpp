// SPDX-License-Identifier: GPL-2.0-or-later
// The settings of net.ipv4.vs: names, defaults, what is refused; and the mirror that one of them needs.
#include "encode/settings.h"

#include <gmock/gmock.h>

#include "encode_memory.h"

namespace xlvs::encode {
namespace {

std::string shown(const std::vector<Setting>& settings) {
  std::string text;
  for (const Setting& s : settings) text += s.name + "=" + std::to_string(s.value) + " ";
  return text;
}

// Oracle: Documentation/networking/ipvs-sysctl.rst of Linux 6.1.
TEST_F(TableTest, SettingsBeginAsTheKernelsDo) {
  EXPECT_EQ(shown(*table.settings()),
            "conn_reuse_mode=1 expire_nodest_conn=0 expire_quiescent_template=0 maglev_seed=0 sloppy_sctp=0 "
            "sloppy_tcp=0 ");
}

TEST_F(TableTest, SettingsKeepWhatWasSet) {
  EXPECT_OK(table.set_settings({{"conn_reuse_mode", 3}, {"sloppy_tcp", 1}}));
  EXPECT_EQ(shown(*table.settings()),
            "conn_reuse_mode=3 expire_nodest_conn=0 expire_quiescent_template=0 maglev_seed=0 sloppy_sctp=0 "
            "sloppy_tcp=1 ");
  EXPECT_EQ(memory.control.settings[XLVS_SET_CONN_REUSE_MODE], 3u);
  EXPECT_OK(table.flush());
  EXPECT_EQ((*table.settings())[0].value, 3u);
}

TEST(Settings, AreNamedWithAndWithoutThePrefix) {
  for (const char* word : {"sloppy_tcp=7", "net.ipv4.vs.sloppy_tcp=7", "net/ipv4/vs/sloppy_tcp=7"}) {
    const auto s = parse_setting(word);
    ASSERT_TRUE(s) << word;
    EXPECT_EQ((*s).name, "sloppy_tcp");
    EXPECT_EQ((*s).value, 7u);
  }
}

TEST(Settings, RefuseWhatTheyAreNot) {
  const auto refused = [](const char* word) { return parse_setting(word).error().code; };
  EXPECT_EQ(refused("sloppy_tcp"), Errc::kInvalidArgument);
  EXPECT_EQ(refused("nosuch=1"), Errc::kInvalidArgument);
  EXPECT_EQ(refused("=1"), Errc::kInvalidArgument);
  for (const char* word : {"sloppy_tcp=", "sloppy_tcp=-1", "sloppy_tcp=1x", "sloppy_tcp= 1",
                           "sloppy_tcp=2147483648", "sloppy_tcp=99999999999"})
    EXPECT_EQ(refused(word), Errc::kRange) << word;
  for (const char* word : {"secure_tcp=1", "net.ipv4.vs.drop_entry=1", "lblc_expiration=1"})
    EXPECT_EQ(refused(word), Errc::kUnsupported) << word;
}

// expire_quiescent_template asks a server's row for its weight.
TEST_F(TableTest, RowsMirrorWeights) {
  EXPECT_OK(table.add_service(web, scheduled("rr")));
  EXPECT_OK(table.add_server(web, rs(1), weighing(5)));
  EXPECT_EQ(memory.loads[row_of(1)].weight, 5u);
  EXPECT_OK(table.edit_server(web, rs(1), weighing(0)));
  EXPECT_EQ(memory.loads[row_of(1)].weight, 0u);
}

// A service of port 0 sends to the port that the client addressed, whatever port its servers were given.
TEST_F(TableTest, AnyPortMeansTheClients) {
  const model::ServiceKey all = service_key("192.0.2.10", 0);
  EXPECT_OK(table.add_service(all, {.flags = model::kSvcPersistent, .timeout_s = 60}));
  EXPECT_OK(table.add_server(all, rs(1, 8080), {.forward = model::Forward::kMasq}));
  EXPECT_EQ(memory.servers[row_of(1)].nat_port, 0);
  EXPECT_EQ((*table.servers(all))[0].key, rs(1, 8080));
}

}  // namespace
}  // namespace xlvs::encode
