// SPDX-License-Identifier: GPL-2.0-or-later
// Attaches XDP programs through netlink, so that they outlive every process and every bpffs.
#include "kernel/xdp_hook.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "kernel/bpf_log.h"

namespace xlvs::kernel {
namespace {

__u32 mode_flag(XdpMode mode) { return mode == XdpMode::kNative ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE; }

/// What drivers say when they refuse, and what helps. First match wins; {0} is the interface.
struct Remedy {
  std::string_view words;  ///< part of the extended acknowledgement
  std::string_view advice;
};
constexpr std::array kRemedies{
    Remedy{"Peer MTU is too large", "lower the MTU of {0}'s veth peer to 3500 or less"},
    Remedy{"MTU is too large", "lower it: ip link set dev {0} mtu 3498"},
    Remedy{"MTU too large", "lower it: ip link set dev {0} mtu 3498"},
    Remedy{"MTU", "lower it: ip link set dev {0} mtu 3498"},
    Remedy{"GRO_HW", "turn it off: ethtool -K {0} rx-gro-hw off (or guest offloads at the hypervisor)"},
    Remedy{"LRO", "turn it off: ethtool -K {0} lro off"},
    Remedy{"Too few free TX rings",
           "give XDP queues of its own: ethtool -L {0} combined N, with half of today's N"},
    Remedy{"not enough queues",
           "give XDP queues of its own: ethtool -L {0} combined N, with half of today's N"},
    Remedy{"Native and generic XDP can't be active", "detach the other XDP program first: ip link show {0}"},
};

Error another_program(const Interface& interface) {
  return Error{
      Errc::kExists,
      fmt::format("interface {0} carries an XDP program that is not ours: detach it first, with the tool "
                  "that attached it (`ip -details link show {0}` shows its id)",
                  interface.name)};
}

Error refused(const Interface& interface, XdpMode mode, int error, const std::string& words) {
  if (error == EPERM || error == EACCES)
    return Error{
        Errc::kPermission,
        fmt::format("cannot attach to interface {}: permission denied (root is needed)", interface.name),
        error};
  const std::string remedy = xdp_remedy(interface.name, mode, error, words);
  return Error{Errc::kUnsupported,
               fmt::format("interface {} refuses XDP in {} mode: {}{}{}", interface.name, name_of(mode),
                           words.empty() ? std::strerror(error) : words, remedy.empty() ? "" : "; ", remedy),
               error};
}

}  // namespace

const char* name_of(XdpMode mode) { return mode == XdpMode::kNative ? "native" : "generic"; }

Result<XdpState> xdp_state(const Interface& interface) {
  bpf_xdp_query_opts opts{};
  opts.sz = sizeof opts;
  BpfLog log;
  if (const int error = ::bpf_xdp_query(interface.index, 0, &opts); error != 0)
    return Error{Errc::kSystem,
                 fmt::format("cannot ask which XDP program interface {} carries: {}", interface.name,
                             std::strerror(-error)),
                 -error};
  XdpState state;
  state.native_id = opts.drv_prog_id != 0 ? opts.drv_prog_id : opts.hw_prog_id;
  state.offloaded = opts.drv_prog_id == 0 && opts.hw_prog_id != 0;
  state.generic_id = opts.skb_prog_id;
  return state;
}

Status attach_xdp(const Interface& interface, XdpMode mode, const UniqueFd& program,
                  const UniqueFd* expected) {
  bpf_xdp_attach_opts opts{};
  opts.sz = sizeof opts;
  __u32 flags = mode_flag(mode);
  if (expected)
    opts.old_prog_fd = expected->get();  // libbpf adds XDP_FLAGS_REPLACE
  else
    flags |= XDP_FLAGS_UPDATE_IF_NOEXIST;
  BpfLog log;
  const int error = -::bpf_xdp_attach(interface.index, program.get(), flags, &opts);
  if (error == 0) return ok();
  const std::string words = kernel_message_in(log.text());
  // EBUSY: a bpf_link holds the hook; EEXIST also means "the other mode is in use", which has words of its
  // own
  if (error == EBUSY || (error == EEXIST && words.find("Native and generic") == std::string::npos))
    return another_program(interface);
  return refused(interface, mode, error, words);
}

Status detach_xdp(const Interface& interface, XdpMode mode, const UniqueFd& program) {
  bpf_xdp_attach_opts opts{};
  opts.sz = sizeof opts;
  opts.old_prog_fd = program.get();
  BpfLog log;
  const int error = -::bpf_xdp_detach(interface.index, mode_flag(mode), &opts);
  if (error == 0 || error == ENODEV) return ok();  // ENODEV: the interface vanished with its program
  if (error == EEXIST || error == EBUSY) return another_program(interface);
  return Error{error == EPERM ? Errc::kPermission : Errc::kSystem,
               fmt::format("cannot detach from interface {}: {}", interface.name, std::strerror(error)),
               error};
}

std::string xdp_remedy(const std::string& interface, XdpMode mode, int error,
                       const std::string& driver_words) {
  for (const auto& r : kRemedies)
    if (driver_words.find(r.words) != std::string::npos)
      return fmt::format(fmt::runtime(r.advice), interface);
  if (mode == XdpMode::kNative && error == EOPNOTSUPP)
    return "the driver has no native XDP; `--mode generic` works with any interface, but more slowly";
  if (mode == XdpMode::kNative) return "`--mode generic` works with any interface, but more slowly";
  return "";
}

}  // namespace xlvs::kernel
