// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/settings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <string_view>

#include "abi/settings.h"

namespace xlvs::encode {
namespace {

struct Known {
  xlvs_setting row;
  std::string_view name;
  std::uint32_t initial, least, most;
};
constexpr std::array kKnown{
#define X(NAME, name, value, least, most) Known{XLVS_SET_##NAME, #name, value, least, most},
    XLVS_SETTINGS_LIST(X)
#undef X
};

/// What Linux 6.1 has besides (net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_lblc.c, ip_vs_lblcr.c), and why it has no
/// effect here.
struct KernelOnly {
  std::string_view name, why;
};
constexpr std::string_view kSync = "the sync daemon is kernel IPVS's: set it there, with sysctl";
constexpr std::string_view kEstimator = "rates are kept by a timer of the sweep, not by threads";
constexpr std::string_view kLblc = "lblc and lblcr forget after the kernel's default, a day";
constexpr std::array kKernelOnly{
    KernelOnly{"amemthresh", "the table's memory is fixed: there is no shortage that a defence could wait for"},
    KernelOnly{"backup_only", kSync},
    KernelOnly{"cache_bypass", "transparent caches are kernel IPVS's: firewall marks do not reach XDP"},
    KernelOnly{"conntrack", "packets that XDP forwards never meet connection tracking"},
    KernelOnly{"debug_level", "XDP has counters instead: `xlvs status`"},
    KernelOnly{"est_cpulist", kEstimator},
    KernelOnly{"est_nice", kEstimator},
    KernelOnly{"ignore_tunneled", "encapsulated packets that name no service always pass"},
    KernelOnly{"lblc_expiration", kLblc},
    KernelOnly{"lblcr_expiration", kLblc},
    KernelOnly{"nat_icmp_send", "XDP finds NAT's servers by their connections, and a reply without one is the stack's"},
    KernelOnly{"pmtu_disc", "tunnels always discover the path MTU, as with the kernel's default 1"},
    KernelOnly{"run_estimation", kEstimator},
    KernelOnly{"schedule_icmp", "ICMP opens no connections in XDP, as with the kernel's default 0"},
    KernelOnly{"snat_reroute", "replies are always routed by their new source, as with the kernel's default 1"},
    KernelOnly{"sync_persist_mode", kSync},
    KernelOnly{"sync_ports", kSync},
    KernelOnly{"sync_qlen_max", kSync},
    KernelOnly{"sync_refresh_period", kSync},
    KernelOnly{"sync_retries", kSync},
    KernelOnly{"sync_sock_size", kSync},
    KernelOnly{"sync_threshold", kSync},
    KernelOnly{"sync_version", kSync}};

/// A defence against floods: 0 or, always, 3. What is between waits for a shortage of memory.
bool is_defence(xlvs_setting row) {
  return row == XLVS_SET_DROP_ENTRY || row == XLVS_SET_DROP_PACKET || row == XLVS_SET_SECURE_TCP;
}

const Known* find(std::string_view name) {
  const auto at = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& k) { return k.name == name; });
  return at == kKnown.end() ? nullptr : &*at;
}

}  // namespace

std::vector<Setting> settings(const TableMemory& memory) {
  std::vector<Setting> all;
  for (const Known& k : kKnown)
    all.push_back({std::string(k.name), load(memory.control->settings[k.row])});
  std::sort(all.begin(), all.end(), [](const Setting& a, const Setting& b) { return a.name < b.name; });
  return all;
}

void default_settings(xlvs_control& control) {
  for (const Known& k : kKnown) control.settings[k.row] = k.initial;
}

Result<std::string> setting_name(const std::string& asked) {
  std::string name = asked;
  std::replace(name.begin(), name.end(), '/', '.');
  constexpr std::string_view kPrefix = "net.ipv4.vs.";
  if (name.starts_with(kPrefix)) name.erase(0, kPrefix.size());
  if (find(name) != nullptr) return name;
  for (const KernelOnly& k : kKernelOnly)
    if (k.name == name)
      return Error{Errc::kUnsupported, name + " has no effect in XDP: " + std::string(k.why)};
  return Error{Errc::kInvalidArgument, "no setting is called " + asked + "; `xlvs get` lists them"};
}

Result<Setting> parse_setting(const std::string& assignment) {
  const std::size_t equals = assignment.find('=');
  if (equals == std::string::npos)
    return Error{Errc::kInvalidArgument, "cannot set " + assignment + ": write NAME=VALUE"};
  auto name = setting_name(assignment.substr(0, equals));
  if (!name) return name.error();
  const std::string_view text = std::string_view(assignment).substr(equals + 1);
  std::uint32_t value = 0;
  const auto [end, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  const Known& k = *find(*name);
  if (text.empty() || end != text.data() + text.size() || ec != std::errc{} || value < k.least ||
      value > k.most)
    return Error{Errc::kRange, "cannot set " + *name + " to " + (text.empty() ? "nothing" : std::string(text)) +
                                   ": choose a number from " + std::to_string(k.least) + " to " +
                                   std::to_string(k.most)};
  if (is_defence(k.row) && value != 0 && value != XLVS_DEFENCE_ALWAYS)
    return Error{Errc::kUnsupported, "cannot set " + *name + " to " + std::to_string(value) +
                                         ": it would wait for a shortage of memory, and the table's is fixed; "
                                         "choose 0, never, or 3, always"};
  return Setting{*std::move(name), value};
}

void set(const Shared& shared, const std::vector<Setting>& wanted) {
  for (const Setting& s : wanted) shared.writer.set(shared.memory.control->settings[find(s.name)->row], s.value);
}

}  // namespace xlvs::encode
