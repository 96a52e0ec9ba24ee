// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs-bench-fill: opens connections in the table of this network namespace, by running its pinned director on their
// first packets. usage: xlvs-bench-fill INTERFACE ADDRESS COUNT, of the TCP service at port 80.
#include <bpf/bpf.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/unique_fd.h"
#include "bench/wrapper.h"
#include "kernel/netns.h"
#include "kernel/pinned.h"
#include "kernel/table_dir.h"
#include "support/packet.h"

namespace {

using namespace xlvs;

Status fill(const char* device, const char* address, std::uint32_t count) {
  const auto ns = kernel::current_netns();
  if (!ns) return ns.error();
  const auto table = kernel::find_table(kernel::system_files(), *ns);
  if (!table) return table.error();
  const auto program = kernel::open_pinned(kernel::fd_path(table->folder), "xlvs_director");
  if (!program) return program.error();
  auto wrapper = bench::Wrapper::load(::if_nametoindex(device));
  if (!wrapper) return wrapper.error();
  const auto slot = wrapper->add(program->get());
  if (!slot) return slot.error();
  using namespace support;
  ifreq request{};
  std::strncpy(request.ifr_name, device, sizeof request.ifr_name - 1);
  const UniqueFd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket || ::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0)
    return Error{Errc::kSystem, fmt::format("cannot read the address of {}", device), errno};
  Eth eth{};
  std::memcpy(eth.dst.data(), request.ifr_hwaddr.sa_data, eth.dst.size());  // or the director takes it for another's
  const Frame frame = eth / Ipv4{.src = "10.0.0.0", .dst = address} / Tcp{.sport = 1024, .dport = 80} / Raw{Bytes(26)};
  bench::Stream stream(frame.bytes(), false, 0, false);
  stream.source.twice = 1;  // established, or the next ones would take their places when the table is full
  const auto ns_each = wrapper->run(*slot, stream, 2 * count);
  return ns_each ? ok() : Status(ns_each.error());
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    fmt::print(stderr, "usage: xlvs-bench-fill INTERFACE ADDRESS COUNT\n");
    return 2;
  }
  const Status s = fill(argv[1], argv[2], static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10)));
  if (!s) fmt::print(stderr, "xlvs-bench-fill: {}\n", s.error().what);
  return s ? 0 : 1;
}
