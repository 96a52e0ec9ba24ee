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

/// What Linux 6.1 has besides (net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_lblc.c, ip_vs_lblcr.c).
constexpr std::array<std::string_view, 25> kKernelOnly{
    "am_droprate",     "amemthresh",      "backup_only",   "cache_bypass",     "conntrack",
    "debug_level",     "drop_entry",      "drop_packet",   "est_cpulist",      "est_nice",
    "ignore_tunneled", "lblc_expiration", "lblcr_expiration", "nat_icmp_send", "pmtu_disc",
    "run_estimation",  "schedule_icmp",   "secure_tcp",    "snat_reroute",
    "sync_persist_mode", "sync_ports",    "sync_qlen_max", "sync_refresh_period", "sync_retries",
    "sync_threshold"};

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
  if (std::find(kKernelOnly.begin(), kKernelOnly.end(), name) != kKernelOnly.end())
    return Error{Errc::kUnsupported, name + " has no effect in XDP: it is a setting of kernel IPVS alone"};
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
  return Setting{*std::move(name), value};
}

void set(const Shared& shared, const std::vector<Setting>& wanted) {
  for (const Setting& s : wanted) shared.writer.set(shared.memory.control->settings[find(s.name)->row], s.value);
}

}  // namespace xlvs::encode
