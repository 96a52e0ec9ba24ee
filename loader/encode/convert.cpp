// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/convert.h"

#include <arpa/inet.h>

#include <cstring>

#include "encode/writer.h"

namespace xlvs::encode {

xlvs_addr to_abi(const model::Address& address) {
  xlvs_addr a{};
  std::memcpy(a.word, address.bytes.data(), address.family == model::Family::kInet ? 4 : 16);
  return a;
}

xlvs_service_key to_abi(const model::ServiceKey& key) {
  xlvs_service_key k{};
  k.family = static_cast<__u8>(key.family);
  k.fwmark = key.fwmark;
  if (key.fwmark != 0) return k;
  k.addr = to_abi(key.address);
  k.port = htons(key.port);
  k.proto = static_cast<__u8>(key.protocol);
  return k;
}

xlvs_counters subtract(const xlvs_counters& a, const xlvs_counters& b) {
  return {a.conns - b.conns, a.in_pkts - b.in_pkts, a.in_bytes - b.in_bytes, a.out_pkts - b.out_pkts,
          a.out_bytes - b.out_bytes};
}

xlvs_counters add(const xlvs_counters& a, const xlvs_counters& b) {
  return {a.conns + b.conns, a.in_pkts + b.in_pkts, a.in_bytes + b.in_bytes, a.out_pkts + b.out_pkts,
          a.out_bytes + b.out_bytes};
}

model::Address to_model(const xlvs_addr& address, unsigned family) {
  model::Address a;
  a.family = static_cast<model::Family>(family);
  std::memcpy(a.bytes.data(), address.word, family == XLVS_AF_INET ? 4 : 16);
  return a;
}

model::ServiceKey to_model(const xlvs_service_key& key) {
  model::ServiceKey k;
  k.family = static_cast<model::Family>(key.family);
  k.protocol = static_cast<model::Protocol>(key.proto);
  k.address = to_model(key.addr, key.family);
  k.port = ntohs(key.port);
  k.fwmark = key.fwmark;
  return k;
}

model::Counters to_model(const xlvs_counters& c) {
  return {.conns = c.conns,
          .in_pkts = c.in_pkts,
          .out_pkts = c.out_pkts,
          .in_bytes = c.in_bytes,
          .out_bytes = c.out_bytes};
}

model::Rates to_model(const xlvs_rate& rate) {
  const xlvs_counters& a = rate.average;
  return {.cps = xlvs_rate_of_packets(load(a.conns)),
          .in_pps = xlvs_rate_of_packets(load(a.in_pkts)),
          .out_pps = xlvs_rate_of_packets(load(a.out_pkts)),
          .in_bps = xlvs_rate_of_bytes(load(a.in_bytes)),
          .out_bps = xlvs_rate_of_bytes(load(a.out_bytes))};
}

xlvs_record to_abi(const model::ServerConfig& config) {
  xlvs_record r{};
  r.weight = static_cast<__u32>(config.weight);
  r.upper = config.upper;
  r.lower = config.lower;
  r.forward = static_cast<__u8>(config.forward) & 0xf;
  r.tun_type = static_cast<__u8>(config.tun_type) & 0xf;
  r.tun_flags = static_cast<__u8>(config.tun_flags);
  r.tun_port = htons(config.tun_port);
  return r;
}

model::ServerConfig to_model(const xlvs_record& record) {
  model::ServerConfig c;
  c.forward = static_cast<model::Forward>(record.forward);
  c.weight = static_cast<std::int32_t>(record.weight);
  c.upper = record.upper;
  c.lower = record.lower;
  c.tun_type = static_cast<model::TunnelType>(record.tun_type);
  c.tun_port = ntohs(record.tun_port);
  c.tun_flags = record.tun_flags;
  return c;
}

model::ServerKey server_key(const xlvs_server& row) {
  return {.address = to_model(row.addr, row.family), .port = ntohs(row.port)};
}

bool equal(const xlvs_service_key& a, const xlvs_service_key& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}

}  // namespace xlvs::encode
