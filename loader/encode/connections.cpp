// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/connections.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <atomic>

#include "encode/convert.h"
#include "encode/rows.h"
#include "encode/writer.h"

namespace xlvs::encode {
namespace {

/// The words of ip_vs_tcp's state_name_table, by enum xlvs_tcp_state.
constexpr std::array kTcpStates{"NONE",  "ESTABLISHED", "SYN_SENT", "SYN_RECV", "FIN_WAIT", "TIME_WAIT",
                                "CLOSE", "CLOSE_WAIT",  "LAST_ACK", "LISTEN",   "SYNACK"};
static_assert(kTcpStates.size() == XLVS_TCP_STATES);
/// The words of ip_vs_sctp's sctp_state_name_table, by enum xlvs_sctp_state.
constexpr std::array kSctpStates{"NONE",     "INIT1",       "INIT",   "C-SENT",     "C-REPLIED",  "C-WAIT",   "COOKIE",
                                 "C-ECHOED", "ESTABLISHED", "S-SENT", "S-RECEIVED", "S-ACK-SENT", "REJECTED", "CLOSED"};
static_assert(kSctpStates.size() == XLVS_SCTP_STATES);

std::string state_name(__u32 meta) {
  const __u32 state = XLVS_CONN_STATE(meta);
  if ((meta & XLVS_CONN_F_TEMPLATE) != 0) return (state & XLVS_TEMPLATE_ASSURED) != 0 ? "ASSURED" : "NONE";
  switch (XLVS_CONN_PROTO(meta)) {
    case static_cast<__u32>(model::Protocol::kTcp):
      return state < kTcpStates.size() ? kTcpStates[state] : "ERR!";
    case static_cast<__u32>(model::Protocol::kUdp):
      return "UDP";
    case static_cast<__u32>(model::Protocol::kSctp):
      return state < kSctpStates.size() ? kSctpStates[state] : "?";
    default:
      return "NONE";
  }
}

bool live(__u32 meta) { return (meta & XLVS_CONN_F_LIVE) != 0 && (meta & XLVS_CONN_F_BUSY) == 0; }

/// Copies word by word what others may be writing.
template <typename Conn>
void copy_racing(const Conn& from, Conn& to) {
  using Word [[gnu::may_alias]] = __u32;
  static_assert(sizeof(Conn) % sizeof(Word) == 0);
  for (std::size_t i = 0; i < sizeof(Conn) / sizeof(Word); ++i)
    reinterpret_cast<Word*>(&to)[i] =
        __atomic_load_n(reinterpret_cast<const Word*>(&from) + i, __ATOMIC_RELAXED);
}

/// A copy of an entry as it was at one moment. False if there was none.
template <typename Conn>
bool snapshot(const Conn& entry, Conn& copy) {
  constexpr int kTries =
      4;  // its packets change meta now and then; a slot that churns is no loss to a listing
  for (int i = 0; i < kTries; ++i) {
    const __u32 meta = load(entry.c.meta);
    if (!live(meta)) return false;
    copy_racing(entry, copy);
    std::atomic_thread_fence(std::memory_order_acquire);
    if (load(entry.c.meta) == meta) {
      copy.c.meta = meta;
      return true;
    }
  }
  return false;
}

model::Address client(const xlvs_conn4& c) { return to_model(xlvs_addr{{c.caddr, 0, 0, 0}}, XLVS_AF_INET); }
model::Address client(const xlvs_conn6& c) { return to_model(c.caddr, XLVS_AF_INET6); }
model::Address virtual_address(const xlvs_conn4& c) {
  return to_model(xlvs_addr{{c.vaddr, 0, 0, 0}}, XLVS_AF_INET);
}
model::Address virtual_address(const xlvs_conn6& c) { return to_model(c.vaddr, XLVS_AF_INET6); }

template <typename Conn>
void report(const TableMemory& memory, const Conn& entry, std::uint32_t now,
            const std::function<void(const model::Connection&)>& each) {
  Conn copy;
  if (!snapshot(entry, copy) || copy.c.server >= memory.servers.size()) return;
  const bool is_template = (copy.c.meta & XLVS_CONN_F_TEMPLATE) != 0;
  const auto left = static_cast<std::int32_t>(copy.c.expires - now);
  if (left < 0 && !(is_template && copy.c.control != 0)) return;  // waits to be swept
  const xlvs_server& server = memory.servers[copy.c.server];
  if (memory.control->settings[XLVS_SET_EXPIRE_NODEST_CONN] != 0 && !available(server) && !lingers(server))
    return;  // likewise
  model::Connection c;
  c.protocol = static_cast<model::Protocol>(XLVS_CONN_PROTO(copy.c.meta));
  c.expires_s = static_cast<std::uint32_t>(
      (static_cast<std::uint64_t>(std::max(left, 0)) << XLVS_TICK_SHIFT) / 1'000'000'000u);
  c.state = state_name(copy.c.meta);
  c.client = client(copy);
  c.client_port = ntohs(copy.cport);
  c.virtual_address = virtual_address(copy);
  c.virtual_port = ntohs(copy.vport);
  c.destination = to_model(server.addr, server.family);
  c.destination_port = server.nat_port != 0 ? ntohs(server.nat_port) : c.virtual_port;
  c.is_template = is_template;
  if (is_template && (XLVS_CONN_STATE(copy.c.meta) & XLVS_TEMPLATE_INVALID) != 0)
    c.virtual_port = c.destination_port = 0xffff;  // what ip_vs_check_template() leaves in them
  each(c);
}

}  // namespace

void walk_connections(const TableMemory& memory, std::uint32_t now,
                      const std::function<void(const model::Connection&)>& each) {
  for (const xlvs_bucket4& bucket : memory.conns4)
    for (const xlvs_conn4& entry : bucket.way) report(memory, entry, now, each);
  for (const xlvs_bucket6& bucket : memory.conns6)
    for (const xlvs_conn6& entry : bucket.way) report(memory, entry, now, each);
}

}  // namespace xlvs::encode
