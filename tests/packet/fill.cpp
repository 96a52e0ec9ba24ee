// SPDX-License-Identifier: GPL-2.0-or-later
// fill INTERFACE PROGRAM VIP PORT COUNT: datagrams of COUNT flows through a director that is attached, for tests that want a
// full table and have no time to send packets. PROGRAM is its id.
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstdlib>
#include <cstring>

#include "base/unique_fd.h"
#include "packet/flood.h"  // before the skeleton, which uses it
//
#include "flood.skel.h"
#include "support/packet.h"
#include "support/test_run.h"

namespace {

using namespace xlvs;
using namespace xlvs::support;

Result<Mac> mac_of(const char* interface) {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  std::strncpy(request.ifr_name, interface, IFNAMSIZ - 1);
  if (!fd || ::ioctl(fd.get(), SIOCGIFHWADDR, &request) != 0)
    return Error{Errc::kSystem, fmt::format("{}: {}", interface, std::strerror(errno)), errno};
  Mac mac{};
  std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
  return mac;
}

Result<double> fill(const char* interface, int program, const char* vip, std::uint16_t port, std::uint32_t count) {
  const auto mac = mac_of(interface);
  if (!mac) return mac.error();
  const std::unique_ptr<flood, void (*)(flood*)> source(flood__open_and_load(), flood__destroy);
  const std::uint32_t slot = 0;
  if (!source || bpf_map_update_elem(bpf_map__fd(source->maps.flood_target), &slot, &program, BPF_ANY) != 0)
    return Error{Errc::kSystem, fmt::format("cannot load the packet source: {}", std::strerror(errno)), errno};
  Bytes frame = Eth{.dst = *mac} / Ipv4{.src = "10.0.0.1", .dst = vip} / Udp{.dport = port};
  frame.resize(FLOOD_HEADER_LEN);
  flood_state& state = source->bss->state;
  std::memcpy(state.header, frame.data(), FLOOD_HEADER_LEN);
  state.kind = FLOOD_INORDER;
  state.known = count;
  return repeat_xdp(bpf_program__fd(source->progs.flood_one), frame, ::if_nametoindex(interface), count);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 6) {
    fmt::print(stderr, "usage: fill INTERFACE PROGRAM VIP PORT COUNT\n");
    return 2;
  }
  const UniqueFd program(bpf_prog_get_fd_by_id(static_cast<__u32>(std::atoi(argv[2]))));
  const auto count = static_cast<std::uint32_t>(std::atoi(argv[5]));
  const auto ns = fill(argv[1], program.get(), argv[3], static_cast<std::uint16_t>(std::atoi(argv[4])), count);
  if (!ns) {
    fmt::print(stderr, "fill: {}\n", ns.error().what);
    return 1;
  }
  fmt::print("{} flows, {:.0f} ns each\n", count, *ns);
  return 0;
}
