// SPDX-License-Identifier: GPL-2.0-or-later
// Serialises header chains from the inside out.
#include "support/packet.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <cstdlib>

namespace xlvs::support {
namespace {

void put8(Bytes& out, std::uint32_t v) { out.push_back(static_cast<std::uint8_t>(v)); }
void put16(Bytes& out, std::uint32_t v) {
  put8(out, v >> 8);
  put8(out, v);
}
void put32(Bytes& out, std::uint32_t v) {
  put16(out, v >> 16);
  put16(out, v);
}
void put(Bytes& out, const auto& bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }
void patch16(Bytes& out, std::size_t at, std::uint16_t v) {
  out[at] = static_cast<std::uint8_t>(v >> 8);
  out[at + 1] = static_cast<std::uint8_t>(v);
}

/// One layer in front of what is already serialised.
class Writer {
 public:
  Writer(const std::vector<Layer>& layers, std::size_t index, const Bytes& body)
      : layers_(layers), index_(index), body_(body) {}

  Bytes operator()(const Eth& h) const {
    Bytes out;
    put(out, h.dst);
    put(out, h.src);
    put16(out, h.type.value_or(next_ether_type()));
    return with_body(std::move(out));
  }
  Bytes operator()(const Vlan& h) const {
    Bytes out;
    put16(out, h.id);
    put16(out, h.type.value_or(next_ether_type()));
    return with_body(std::move(out));
  }
  Bytes operator()(const Ipv4& h) const {
    Bytes out;
    const std::size_t header = 20 + h.options.size();
    put8(out, h.first_byte.value_or(static_cast<std::uint8_t>(0x40 | header / 4)));
    put8(out, h.tos);
    put16(out, h.length.value_or(static_cast<std::uint16_t>(header + body_.size())));
    put16(out, h.id);
    put16(out, h.fragment);
    put8(out, h.ttl);
    put8(out, h.protocol.value_or(next_protocol()));
    put16(out, 0);
    put(out, address_bytes(h.src));
    put(out, address_bytes(h.dst));
    put(out, h.options);
    patch16(out, 10, h.checksum.value_or(internet_checksum(out)));
    return with_body(std::move(out));
  }
  Bytes operator()(const Ipv6& h) const {
    Bytes out;
    put32(out, 6u << 28 | std::uint32_t{h.tclass} << 20 | h.flow_label);
    if (h.first_byte) out[0] = *h.first_byte;
    put16(out, h.length.value_or(static_cast<std::uint16_t>(body_.size())));
    put8(out, h.next.value_or(next_protocol()));
    put8(out, h.hop_limit);
    put(out, address_bytes(h.src));
    put(out, address_bytes(h.dst));
    return with_body(std::move(out));
  }
  Bytes operator()(const Tcp& h) const {
    Bytes out;
    put16(out, h.sport);
    put16(out, h.dport);
    put32(out, h.seq);
    put32(out, h.ack);
    put8(out, std::uint32_t{h.offset.value_or(static_cast<std::uint8_t>(5 + h.options.size() / 4))} << 4);
    put8(out, h.flags);
    put16(out, h.window);
    put32(out, 0);
    put(out, h.options);
    return checksummed(with_body(std::move(out)), 16, 6, h.checksum);
  }
  Bytes operator()(const Udp& h) const {
    Bytes out;
    put16(out, h.sport);
    put16(out, h.dport);
    put16(out, h.length.value_or(static_cast<std::uint16_t>(8 + body_.size())));
    put16(out, 0);
    Bytes all = checksummed(with_body(std::move(out)), 6, 17, h.checksum);
    if (!h.checksum && all[6] == 0 && all[7] == 0) patch16(all, 6, 0xffff);
    return all;
  }
  Bytes operator()(const Sctp& h) const {
    Bytes out;
    put16(out, h.sport);
    put16(out, h.dport);
    put32(out, h.tag);
    put32(out, 0);
    Bytes all = with_body(std::move(out));
    const std::uint32_t check = h.checksum.value_or(sctp_checksum(all));
    for (std::size_t i = 0; i < 4; ++i) all[8 + i] = static_cast<std::uint8_t>(check >> 8 * i);
    return all;
  }
  Bytes operator()(const Chunk& h) const {
    Bytes out;
    put8(out, h.type);
    put8(out, h.flags);
    put16(out, h.length.value_or(static_cast<std::uint16_t>(4 + h.body.size())));
    put(out, h.body);
    out.resize((out.size() + 3) & ~std::size_t{3});
    return with_body(std::move(out));
  }
  Bytes operator()(const Icmp& h) const {
    Bytes out;
    put8(out, h.type);
    put8(out, h.code);
    put16(out, 0);
    put32(out, h.rest);
    Bytes all = with_body(std::move(out));
    if (over_ipv6()) return checksummed(std::move(all), 2, 58, h.checksum);
    patch16(all, 2, h.checksum.value_or(internet_checksum(all)));
    return all;
  }
  Bytes operator()(const Raw& h) const { return with_body(h.bytes); }

 private:
  Bytes with_body(Bytes out) const {
    put(out, body_);
    return out;
  }
  const Layer* next() const { return index_ + 1 < layers_.size() ? &layers_[index_ + 1] : nullptr; }
  std::uint16_t next_ether_type() const {
    const Layer* n = next();
    if (n && std::holds_alternative<Ipv6>(*n)) return 0x86dd;
    if (n && std::holds_alternative<Vlan>(*n)) return std::get<Vlan>(*n).tpid;
    return 0x0800;
  }
  bool over_ipv6() const {
    for (std::size_t i = index_; i-- > 0;) {
      if (std::holds_alternative<Ipv6>(layers_[i])) return true;
      if (std::holds_alternative<Ipv4>(layers_[i])) return false;
    }
    return false;
  }
  std::uint8_t next_protocol() const {
    const Layer* n = next();
    if (!n) return 59;
    if (std::holds_alternative<Ipv4>(*n)) return 4;
    if (std::holds_alternative<Ipv6>(*n)) return 41;
    if (std::holds_alternative<Tcp>(*n)) return 6;
    if (std::holds_alternative<Udp>(*n)) return 17;
    if (std::holds_alternative<Sctp>(*n)) return 132;
    if (std::holds_alternative<Icmp>(*n)) return std::holds_alternative<Ipv6>(layers_[index_]) ? 58 : 1;
    return 253;  // for experiments (RFC 3692)
  }
  /// Fills the checksum at `at`, with the pseudo header of the IP header around it, if there is one.
  Bytes checksummed(Bytes all, std::size_t at, std::uint8_t protocol,
                    std::optional<std::uint16_t> given) const {
    std::uint32_t pseudo = 0;
    for (std::size_t i = index_; i-- > 0;) {
      if (const auto* v4 = std::get_if<Ipv4>(&layers_[i])) {
        pseudo = pseudo_header_sum(address_bytes(v4->src), address_bytes(v4->dst), protocol, all.size());
        break;
      }
      if (const auto* v6 = std::get_if<Ipv6>(&layers_[i])) {
        pseudo = pseudo_header_sum(address_bytes(v6->src), address_bytes(v6->dst), protocol, all.size());
        break;
      }
    }
    patch16(all, at, given.value_or(internet_checksum(all, pseudo)));
    return all;
  }

  const std::vector<Layer>& layers_;
  std::size_t index_;
  const Bytes& body_;
};

}  // namespace

Bytes Frame::bytes() const {
  Bytes body;
  for (std::size_t i = layers.size(); i-- > 0;) body = std::visit(Writer(layers, i, body), layers[i]);
  return body;
}

Raw payload(std::size_t n) {
  Raw raw;
  for (std::size_t i = 0; i < n; ++i) put8(raw.bytes, static_cast<std::uint32_t>(i));
  return raw;
}

Raw rest_of(const Bytes& bytes, std::size_t skip) {
  return Raw{Bytes(bytes.begin() + static_cast<std::ptrdiff_t>(skip), bytes.end())};
}

Bytes address_bytes(const std::string& text) {
  Bytes out(text.find(':') == std::string::npos ? 4 : 16);
  if (inet_pton(out.size() == 4 ? AF_INET : AF_INET6, text.c_str(), out.data()) != 1) {
    fmt::print(stderr, "not an address: {}\n", text);
    std::abort();
  }
  return out;
}

std::string hexdump(const Bytes& bytes) {
  std::string out;
  for (std::size_t i = 0; i < bytes.size(); ++i)
    out += fmt::format("{}{:02x}", i % 16 ? " " : fmt::format("\n  {:04x}: ", i), bytes[i]);
  return out;
}

}  // namespace xlvs::support
