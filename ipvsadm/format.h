// SPDX-License-Identifier: GPL-2.0-or-later
// The rows of every listing and the order of their entries; pure, byte for byte ipvsadm 1.31's.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/service.h"
#include "names.h"
#include "parse.h"

namespace xlvs::ipvsadm {

/// How to print. Where two layouts are asked for, the first of this list wins.
enum class Layout { kSave, kStats, kRate, kThresholds, kPersistentConn, kTunInfo, kPlain };

struct Style {
  Layout layout = Layout::kPlain;
  bool numeric = false;
  bool exact = false;
  bool sorted = true;
  bool persistent_conn = false;  ///< for connections: the columns of the persistence engine
};
Style style_of(const Request& request);

/// A counter in nine columns: whole, or in K, M, G, T from 10^8, 10^9, 10^11, 10^14 on. `exact`: whole, wider
/// if need be.
std::string number_text(std::uint64_t value, bool exact);

/// ADDRESS:PORT, IPv6 in brackets; by name unless numeric; cut at 59 bytes.
std::string endpoint_text(const model::Address& address, std::uint16_t port, model::Protocol protocol,
                          bool numeric, Names& names);

std::string engine_line(const model::EngineInfo& info);
std::string title_lines(Layout layout);
std::string service_line(const model::Service& service, const Style& style, Names& names);
std::string server_line(const model::Service& service, const model::Server& server, const Style& style,
                        Names& names);
std::string connection_title(bool persistent_conn);
std::string connection_line(const model::Connection& connection, const Style& style, Names& names);
std::string timeout_line(const model::Timeouts& timeouts);
std::string daemon_line(const model::Daemon& daemon);

/// Sorts as ipvsadm does with glibc's qsort: by fwmark, family, protocol, address, port; servers by address,
/// port. Marks and addresses compare by the sign of their 32-bit difference, which wraps, so that this is no
/// proper order and the result depends on the input's order and on the very merges that are done.
void sort_services(std::vector<model::Service>& services);
void sort_servers(std::vector<model::Server>& servers);

}  // namespace xlvs::ipvsadm
