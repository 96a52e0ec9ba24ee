// SPDX-License-Identifier: GPL-2.0-or-later
// The slow path behind the director: live frames into a real interface, and what leaves it.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>
#include <functional>

#include "abi/control.h"
#include "abi/server.h"
#include "base/unique_fd.h"
#include "slowpath.skel.h"
#include "support/director_test.h"

namespace xlvs::support {
namespace {

using model::Forward;

const Ipv4 kToVip{.src = "198.51.100.7", .dst = "192.0.2.10"};
const Ipv6 kToVip6{.src = "2001:db8:1::7", .dst = "2001:db8::10"};

class SlowpathTest : public DirectorTest {
 protected:
  void SetUp() override {
    DirectorTest::SetUp();
    skeleton_.reset(slowpath__open());
    ASSERT_TRUE(skeleton_);
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, skeleton_->obj) {
      const int same = director().map(::bpf_map__name(map));
      if (same >= 0) {
        ASSERT_EQ(::bpf_map__reuse_fd(map, same), 0);
      }
    }
    ASSERT_EQ(slowpath__load(skeleton_.get()), 0);
    hook_.sz = sizeof hook_;
    hook_.ifindex = static_cast<int>(director().network().client);
    hook_.attach_point = BPF_TC_INGRESS;
    ASSERT_EQ(::bpf_tc_hook_create(&hook_), 0);
    LIBBPF_OPTS(bpf_tc_opts, opts);
    opts.prog_fd = ::bpf_program__fd(skeleton_->progs.xlvs_slowpath);
    ASSERT_EQ(::bpf_tc_attach(&hook_, &opts), 0);
  }
  void TearDown() override {
    hook_.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
    ::bpf_tc_hook_destroy(&hook_);
  }

  void serve(const std::string& vip, const std::string& rip, Forward forward) {
    const auto service = service_key("TCP", vip, 80);
    add_service(service);
    if (!rip.empty()) add_server(service, server_key(rip, 80), forwarded(forward));
  }

  /// The frame as the interface "client" would receive it, on through XDP, TC and stack.
  void receive(const Bytes& frame) {
    xdp_md in{};
    in.data_end = static_cast<std::uint32_t>(frame.size());
    in.ingress_ifindex = director().network().client;
    LIBBPF_OPTS(bpf_test_run_opts, opts);
    opts.data_in = frame.data();
    opts.data_size_in = static_cast<std::uint32_t>(frame.size());
    opts.ctx_in = &in;
    opts.ctx_size_in = sizeof in;
    opts.repeat = 1;
    opts.flags = BPF_F_TEST_XDP_LIVE_FRAMES;
    ASSERT_EQ(::bpf_prog_test_run_opts(director().program(), &opts), 0) << std::strerror(errno);
  }

  /// Everything that arrives at the other end of a link.
  class Wire {
   public:
    explicit Wire(const char* peer) : fd_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(0x0003))) {
      sockaddr_ll at{};
      at.sll_family = AF_PACKET;
      at.sll_protocol = htons(0x0003);
      at.sll_ifindex = static_cast<int>(::if_nametoindex(peer));
      EXPECT_EQ(::bind(fd_.get(), reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    }
    /// The next frame that `is_it` takes, or nothing within two seconds.
    Bytes next(const std::function<bool(const Bytes&)>& is_it) {
      Bytes frame(2048);
      pollfd p{fd_.get(), POLLIN, 0};
      while (::poll(&p, 1, 2000) > 0) {
        const auto n = ::recv(fd_.get(), frame.data(), frame.size(), 0);
        const Bytes got(frame.begin(), frame.begin() + n);
        if (is_it(got)) return got;
      }
      return {};
    }

   private:
    UniqueFd fd_;
  };

  /// The frame makes the error that the reference names, on the wire that it came by.
  void expect_error(const Bytes& frame) {
    const Expected want = reference_->forward(frame, director().network().client);
    ASSERT_TRUE(want.error);
    const bool v6 = frame[12] == 0x86;
    Wire wire("client-peer");
    receive(frame);
    Bytes got = wire.next([&](const Bytes& f) {
      return v6 ? f.size() > 54 && f[20] == 58 && f[54] < 128
                : f.size() > 34 && f[12] == 8 && f[13] == 0 && f[23] == 1;
    });
    ASSERT_FALSE(got.empty()) << "no error left";
    EXPECT_EQ(wrong_checksum(got), std::nullopt) << hexdump(got);
    Bytes expected = want.error->answer;
    if (!v6)
      for (const std::size_t at : {18u, 19u, 24u, 25u}) got[at] = expected[at] = 0;  // any id
    EXPECT_TRUE(same_bytes(got, expected));
  }

  struct Destroy {
    void operator()(::slowpath* s) const { slowpath__destroy(s); }
  };
  std::unique_ptr<::slowpath, Destroy> skeleton_;
  bpf_tc_hook hook_{};
};

TEST_F(SlowpathTest, SaysThatNobodyServes) {
  serve("192.0.2.10", "", Forward::kDirect);
  serve("2001:db8::10", "", Forward::kDirect);
  for (const std::size_t size : {0u, 1u, 9u, 600u, 1400u}) {
    expect_error(Eth{} / kToVip / Tcp{} / payload(size));
    expect_error(Eth{} / kToVip6 / Tcp{} / payload(size));
  }
}
TEST_F(SlowpathTest, SaysThatHopsAreUsedUp) {
  serve("192.0.2.10", "192.168.1.10", Forward::kDirect);
  serve("2001:db8::10", "fd00:1::10", Forward::kMasq);
  expect_error(Eth{} / Ipv4{.src = kToVip.src, .dst = kToVip.dst, .ttl = 1} / Tcp{} / payload(3));
  expect_error(Eth{} / Ipv4{.src = kToVip.src, .dst = kToVip.dst, .tos = 0x3d, .ttl = 1} / Tcp{} / payload(3));
  expect_error(Eth{} / Ipv6{.src = kToVip6.src, .dst = kToVip6.dst, .hop_limit = 1} / Tcp{} / payload(3));
}
TEST_F(SlowpathTest, SaysWhatWouldHaveFitted) {
  serve("192.0.2.10", "192.168.2.10", Forward::kTunnel);
  serve("2001:db8::10", "fd00:2::10", Forward::kTunnel);
  expect_error(Eth{} / kToVip / Tcp{} / payload(1300));
  expect_error(Eth{} / kToVip6 / Tcp{} / payload(1300));
}
// Padding behind a short packet is no part of what is quoted.
TEST_F(SlowpathTest, QuotesNoPadding) {
  serve("192.0.2.10", "", Forward::kDirect);
  Bytes frame = Eth{} / kToVip / Tcp{};
  frame.resize(60, 0xee);
  expect_error(frame);
}

// What XDP cannot sum, a UDP packet without a checksum in a tunnel with one, arrives whole and right.
TEST_F(SlowpathTest, SumsWhatHasNoChecksum) {
  for (const char* rip : {"192.168.1.10", "fd00:1::10"})
    for (const auto type : {model::TunnelType::kGue, model::TunnelType::kGre})
      for (const std::size_t size : {0u, 1u, 500u, 503u, 1400u}) {
        DirectorTest::SetUp();
        const auto service = service_key("UDP", "192.0.2.10", 53);
        add_service(service);
        auto config = forwarded(Forward::kTunnel);
        config.tun_type = type;
        config.tun_port = type == model::TunnelType::kGue ? 6080 : 0;
        config.tun_flags = XLVS_TUN_F_CSUM;
        add_server(service, server_key(rip, 53), config);
        const Bytes frame = Eth{} / kToVip / Udp{.checksum = 0} / payload(size);
        const Expected want = reference_->forward(frame, director().network().client);
        ASSERT_EQ(want.reason, XLVS_REASON_BY_HAND);
        Wire wire("server-peer");
        receive(frame);
        const Bytes got = wire.next([&](const Bytes& f) { return f.size() == want.out.size(); });
        ASSERT_FALSE(got.empty()) << "nothing left";
        EXPECT_EQ(wrong_checksum(got), std::nullopt) << hexdump(got);
        Bytes expected = want.out;
        const Eth macs{.dst = neighbour_mac(1, 10), .src = kServerMac};
        std::copy(macs.dst.begin(), macs.dst.end(), expected.begin());
        std::copy(macs.src.begin(), macs.src.end(), expected.begin() + 6);
        const std::size_t l4 = expected[12] == 8 ? 34 : 54;
        const std::size_t check = l4 + (type == model::TunnelType::kGue ? 6 : 4);
        EXPECT_NE(got[check] | got[check + 1], 0);
        EXPECT_TRUE(same_bytes(without(got, want.free), without(expected, want.free)));
      }
}

// The first packet to a neighbour that nobody knows waits in the kernel until it is known.
TEST_F(SlowpathTest, LosesNothingForWantOfANeighbour) {
  const struct {
    const char *vip, *rip;
    Forward forward;
  } cases[] = {
      {"192.0.2.10", "192.168.1.150", Forward::kDirect},  {"192.0.2.10", "192.168.1.150", Forward::kTunnel},
      {"192.0.2.10", "192.168.1.150", Forward::kMasq},    {"192.0.2.10", "fd00:1::150", Forward::kTunnel},
      {"2001:db8::10", "fd00:1::150", Forward::kDirect},  {"2001:db8::10", "fd00:1::150", Forward::kTunnel},
      {"2001:db8::10", "192.168.1.150", Forward::kTunnel}};
  for (const auto& c : cases) {
    DirectorTest::SetUp();
    serve(c.vip, c.rip, c.forward);
    const bool v6 = std::strchr(c.vip, ':') != nullptr;
    const Bytes frame = (v6 ? Eth{} / kToVip6 : Eth{} / kToVip) / Tcp{} / payload(9);
    const Expected want = reference_->forward(frame, director().network().client);
    ASSERT_TRUE(want.slow);
    Wire wire("server-peer");
    receive(frame);
    ASSERT_EQ(
        std::system(fmt::format("ip neigh replace {} lladdr 02:00:00:00:51:96 dev server", c.rip).c_str()),
        0);
    Bytes expected = want.out;
    const Eth macs{.dst = neighbour_mac(1, 150), .src = kServerMac};
    std::copy(macs.dst.begin(), macs.dst.end(), expected.begin());
    std::copy(macs.src.begin(), macs.src.end(), expected.begin() + 6);
    Bytes got = wire.next([&](const Bytes& f) { return f.size() >= frame.size() && f[5] == 0x96; });
    EXPECT_EQ(std::system(fmt::format("ip neigh del {} dev server", c.rip).c_str()), 0);
    ASSERT_EQ(got.size(), expected.size()) << c.vip << " to " << c.rip;
    EXPECT_TRUE(same_bytes(without(got, want.free), without(expected, want.free)));
  }
}

}  // namespace
}  // namespace xlvs::support
