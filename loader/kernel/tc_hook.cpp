// SPDX-License-Identifier: GPL-2.0-or-later
// Adds and removes one direct-action BPF filter, known by its handle, in both directions of clsact.
#include "kernel/tc_hook.h"

#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/pkt_sched.h>
#include <netlink/netlink.h>
#include <netlink/route/classifier.h>
#include <netlink/route/qdisc.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "kernel/bpf_log.h"

namespace xlvs::kernel {
namespace {

constexpr __u32 kHandle = 0x786c7673;  // "xlvs": nobody else's filter has it
constexpr __u32 kPriority = 1;         // before filters that are there already

bpf_tc_hook hook_of(const Interface& interface, bpf_tc_attach_point point) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = interface.index;
  hook.attach_point = point;
  return hook;
}
bpf_tc_hook ingress_of(const Interface& interface) { return hook_of(interface, BPF_TC_INGRESS); }
bpf_tc_hook egress_of(const Interface& interface) { return hook_of(interface, BPF_TC_EGRESS); }

bpf_tc_opts our_filter() {
  bpf_tc_opts opts{};
  opts.sz = sizeof opts;
  opts.handle = kHandle;
  opts.priority = kPriority;
  return opts;
}

/// Advice for what the kernel says of a filter that it does not add.
std::string tc_remedy(const Interface& interface, const std::string& words) {
  if (words.find("Protocol mismatch") == std::string::npos && words.find("mismatch for filter") == std::string::npos)
    return "";
  return fmt::format("; another filter has priority {}: give it another one (`tc filter show dev {} ingress` shows it)",
                     kPriority, interface.name);
}

Error failed(const char* doing, const Interface& interface, int error, const BpfLog& log) {
  const std::string words = kernel_message_in(log.text());
  return Error{error == EPERM ? Errc::kPermission : Errc::kSystem,
               fmt::format("cannot {} the TC filter of interface {}: {}{}", doing, interface.name,
                           words.empty() ? std::strerror(error) : words, tc_remedy(interface, words)),
               error};
}

/// Number of filters in one direction of clsact; -1 if unknown.
int count_filters(nl_sock* sock, int ifindex, std::uint32_t minor) {
  nl_cache* cache = nullptr;
  if (::rtnl_cls_alloc_cache(sock, ifindex, TC_H_MAKE(TC_H_CLSACT, minor), &cache) != 0) return -1;
  const int n = ::nl_cache_nitems(cache);
  ::nl_cache_free(cache);
  return n;
}

bool clsact_is_empty(const Interface& interface) {
  const std::unique_ptr<nl_sock, decltype(&::nl_socket_free)> sock(::nl_socket_alloc(), &::nl_socket_free);
  if (!sock || ::nl_connect(sock.get(), NETLINK_ROUTE) != 0) return false;
  return count_filters(sock.get(), interface.index, TC_H_MIN_INGRESS) == 0 &&
         count_filters(sock.get(), interface.index, TC_H_MIN_EGRESS) == 0;
}

void destroy_clsact_if_empty(const Interface& interface) {
  if (!clsact_is_empty(interface)) return;
  bpf_tc_hook hook = ingress_of(interface);
  hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
  ::bpf_tc_hook_destroy(&hook);  // an empty qdisc left over does no harm
}

/// Our filter at one of the interface's hooks, in the place of an earlier one. Returns 0 or an errno.
int put_filter(const bpf_tc_hook& hook, const UniqueFd& program) {
  bpf_tc_opts opts = our_filter();
  opts.prog_fd = program.get();
  opts.flags = BPF_TC_F_REPLACE;
  return -::bpf_tc_attach(&hook, &opts);
}

}  // namespace

Result<std::uint32_t> tc_program(const Interface& interface) {
  const bpf_tc_hook hook = ingress_of(interface);
  bpf_tc_opts opts = our_filter();
  BpfLog log;
  const int error = -::bpf_tc_query(&hook, &opts);
  // ENOENT: no such filter; EINVAL: no clsact qdisc
  if (error == ENOENT || error == EINVAL || error == ENODEV) return 0u;
  if (error != 0) return failed("read", interface, error, log);
  return opts.prog_id;
}

bool has_clsact(const Interface& interface) {
  const std::unique_ptr<nl_sock, decltype(&::nl_socket_free)> sock(::nl_socket_alloc(), &::nl_socket_free);
  nl_cache* cache = nullptr;
  if (!sock || ::nl_connect(sock.get(), NETLINK_ROUTE) != 0 ||
      ::rtnl_qdisc_alloc_cache(sock.get(), &cache) != 0)
    return false;
  rtnl_qdisc* qdisc = ::rtnl_qdisc_get_by_parent(cache, interface.index, TC_H_CLSACT);
  const bool found = qdisc != nullptr;
  if (found) ::rtnl_qdisc_put(qdisc);
  ::nl_cache_free(cache);
  return found;
}

Status attach_tc(const Interface& interface, const UniqueFd& program) {
  bpf_tc_hook hook = ingress_of(interface);
  BpfLog log;
  int error = -::bpf_tc_hook_create(&hook);
  const bool created = error == 0;
  if (error != 0 && error != EEXIST) return failed("make room for", interface, error, log);
  error = put_filter(hook, program);
  if (error == 0) {
    error = put_filter(egress_of(interface), program);
    if (error == 0) return ok();
    const bpf_tc_opts ours = our_filter();
    ::bpf_tc_detach(&hook, &ours);
  }
  if (created) destroy_clsact_if_empty(interface);
  return failed("add", interface, error, log);
}

Status detach_tc(const Interface& interface, bool keep_clsact) {
  const auto present = tc_program(interface);
  if (!present) return present.error();
  if (*present == 0) return ok();
  const bpf_tc_opts opts = our_filter();
  const bpf_tc_hook out = egress_of(interface);
  BpfLog log;
  ::bpf_tc_detach(&out, &opts);  // tables of earlier versions have none
  const bpf_tc_hook hook = ingress_of(interface);
  const int error = -::bpf_tc_detach(&hook, &opts);
  if (error != 0 && error != ENOENT && error != ENODEV) return failed("remove", interface, error, log);
  if (!keep_clsact) destroy_clsact_if_empty(interface);
  return ok();
}

}  // namespace xlvs::kernel
