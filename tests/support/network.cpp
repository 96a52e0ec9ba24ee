// SPDX-License-Identifier: GPL-2.0-or-later
// Builds the tests' network with ip(8), in one batch.
#include "support/network.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <sched.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <optional>

#include "base/unique_fd.h"

namespace xlvs::support {
namespace {

std::string mac_text(const Mac& m) {
  return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", m[0], m[1], m[2], m[3], m[4], m[5]);
}

std::string link(const char* name, const Mac& mac, int mtu, const char* v4, const char* v6) {
  return fmt::format(
      "link add {0} address {1} mtu {2} type veth peer name {0}-peer mtu {2}\n"
      "link set {0}-peer up\nlink set {0} up\naddr add {3}/24 dev {0}\naddr add {4}/64 dev {0} nodad\n",
      name, mac_text(mac), mtu, v4, v6);
}

std::string neighbour(const std::string& address, const char* device, const Mac& mac) {
  return fmt::format("neigh add {} lladdr {} dev {} nud permanent\n", address, mac_text(mac), device);
}

std::string batch() {
  std::string b = "link set lo up\n";
  b += link("client", kClientMac, kMtu, "203.0.113.1", "2001:db8:c::1");
  b += link("server", kServerMac, kMtu, "192.168.1.1", "fd00:1::1");
  b += link("narrow", kNarrowMac, kNarrowMtu, "192.168.2.1", "fd00:2::1");
  b += neighbour("203.0.113.254", "client", kGatewayMac) + neighbour("2001:db8:c::fe", "client", kGatewayMac);
  for (int network : {1, 2})
    for (int host = 10; host <= 30; ++host) {
      const char* device = network == 1 ? "server" : "narrow";
      b += neighbour(fmt::format("192.168.{}.{}", network, host), device, neighbour_mac(network, host));
      b += neighbour(fmt::format("fd00:{}::{}", network, host), device, neighbour_mac(network, host));
    }
  b += "route add default via 203.0.113.254\nroute add 192.168.3.0/24 via 192.168.1.30\n"
       "route add unreachable 192.168.9.0/24\n"
       "route add ::/0 via 2001:db8:c::fe\nroute add fd00:3::/64 via fd00:1::30\n"
       "route add unreachable fd00:9::/64\n";
  return b;
}

Status feed_ip(const std::string& text) {
  std::FILE* ip = ::popen("ip -batch -", "w");
  if (!ip) return Error{Errc::kSystem, "cannot run ip", errno};
  std::fwrite(text.data(), 1, text.size(), ip);
  if (int rc = ::pclose(ip); rc != 0) return Error{Errc::kSystem, "ip could not set up the tests' network"};
  return ok();
}

Status write_file(const char* path, const char* value) {
  std::FILE* f = std::fopen(path, "w");
  if (!f || std::fputs(value, f) < 0 || std::fclose(f) != 0)
    return Error{Errc::kSystem, fmt::format("cannot write {}", path), errno};
  return ok();
}

/// A veth has receive queues that BPF_PROG_TEST_RUN may name only while it has an XDP program.
Status attach_pass(std::uint32_t ifindex) {
  const bpf_insn pass[] = {
      {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = XDP_PASS},
      {.code = BPF_JMP | BPF_EXIT, .dst_reg = 0, .src_reg = 0, .off = 0, .imm = 0}};
  UniqueFd fd(bpf_prog_load(BPF_PROG_TYPE_XDP, "pass", "GPL", pass, 2, nullptr));
  if (!fd) return Error{Errc::kSystem, "cannot load an XDP program", errno};
  if (bpf_xdp_attach(static_cast<int>(ifindex), fd.get(), XDP_FLAGS_DRV_MODE, nullptr) != 0)
    return Error{Errc::kSystem, "cannot attach an XDP program", errno};
  return ok();
}

Result<Network> build() {
  if (::unshare(CLONE_NEWNET) != 0)
    return Error{Errc::kPermission, fmt::format("cannot make a network namespace: {}", std::strerror(errno)),
                 errno};
  for (const char* path : {"/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding"})
    if (Status s = write_file(path, "1"); !s) return s.error();
  if (Status s = feed_ip(batch()); !s) return s.error();
  const Network n{::if_nametoindex("client"), ::if_nametoindex("server"), ::if_nametoindex("narrow")};
  for (std::uint32_t ifindex : {n.client, n.server, n.narrow})
    if (Status s = attach_pass(ifindex); !s) return s.error();
  return n;
}

}  // namespace

Result<Network> enter_network() {
  static std::optional<Network> network;
  if (!network) {
    Result<Network> built = build();
    if (!built) return built;
    network = *built;
  }
  return *network;
}

}  // namespace xlvs::support
