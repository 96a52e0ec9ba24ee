// SPDX-License-Identifier: GPL-2.0-or-later
// What a packet makes of its connection's state, for the reference forwarder: the kernel's names, two letters for TCP, three for SCTP.
#pragma once

#include <cstdint>
#include <string>

namespace xlvs::support {

/// @param table  0 from the client, 1 from the server, 2 from a client whose server's packets are not seen
std::string next_tcp_state(int table, std::uint8_t flags, const std::string& state);
/// @param first, second  types of chunks, or -1
std::string next_sctp_state(int table, int first, int second, const std::string& state);

}  // namespace xlvs::support
