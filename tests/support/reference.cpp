// SPDX-License-Identifier: GPL-2.0-or-later
// The reference forwarder: parsing, connections, forwarding.
#include "support/reference.h"

#include <linux/bpf.h>

#include <algorithm>
#include <cassert>
#include <sstream>

#include "support/protocol_states.h"
#include "support/reference_packet.h"

namespace xlvs::support {

const Mac& mac_of(const Network& network, std::uint32_t ifindex) {
  return ifindex == network.client ? kClientMac : ifindex == network.server ? kServerMac : kNarrowMac;
}

namespace {

/// To this interface's own address or one of VRRP's.
bool for_host(const Bytes& frame, const Mac& own) {
  constexpr std::uint8_t kVrrp[] = {0x00, 0x00, 0x5e, 0x00};
  return std::equal(own.begin(), own.end(), frame.begin()) ||
         (std::equal(std::begin(kVrrp), std::end(kVrrp), frame.begin()) && (frame[4] == 1 || frame[4] == 2));
}

Expected pass(const Bytes& frame, xlvs_reason reason) {
  Expected e{.action = XDP_PASS, .reason = reason, .out = frame};
  e.again = reason == XLVS_REASON_IP_OPTIONS || reason == XLVS_REASON_FRAGMENT || reason == XLVS_REASON_ICMP ||
            reason == XLVS_REASON_CUT;
  return e;
}
Expected drop(xlvs_reason reason) { return {.action = XDP_DROP, .reason = reason}; }

}  // namespace

bool martian(const Bytes& src) {
  if (src.size() == 4)
    return src[0] == 127 || (src[0] >= 224 && src[0] <= 239) || src == Bytes(4) || src == Bytes(4, 255);
  return src[0] == 255 || src == address_bytes("::1");
}

bool may_be_answered(const Bytes& frame, const Bytes& src) {
  if (frame[0] & 1) return false;
  if (src.size() == 16) return src[0] != 0xff && src != Bytes(16);
  return src[0] < 224 && src[0] != 127 && src != Bytes(4);
}

Expected Reference::Packet::error(const Bytes& subject, xlvs_reason reason, std::uint8_t type,
                                  std::uint8_t code, std::uint32_t info) const {
  Bytes out(frame.begin(), frame.begin() + 14);
  out.insert(out.end(), subject.begin(), subject.end());
  OwedError owed{static_cast<std::uint32_t>(type << 8 | code), info, {}};
  if (may_be_answered(frame, src)) owed.answer = icmp_error(frame, subject, type, code, info);
  return {.action = XDP_PASS, .reason = reason, .out = out, .error = owed};
}

void Reference::add_service(const model::ServiceKey& key, const std::string& scheduler) {
  services_[key] = std::make_shared<Service>(Service{key, ReferenceScheduler(scheduler), {}, {}});
}

void Reference::add_server(const model::ServiceKey& service, const model::ServerKey& key,
                           const model::ServerConfig& config) {
  Service& s = *services_.at(service);
  const auto old = std::find_if(s.trash.begin(), s.trash.end(), [&](const auto& t) { return t->key == key; });
  auto server = old == s.trash.end() ? std::make_shared<ReferenceServer>() : *old;
  if (old != s.trash.end()) s.trash.erase(old);
  server->key = key;
  server->config = config;
  server->available = true;
  s.list.push_front(server);
  s.scheduler.changed(s.list);
}

void Reference::edit_server(const model::ServiceKey& service, const model::ServerKey& key,
                            const model::ServerConfig& config) {
  Service& s = *services_.at(service);
  for (auto& server : s.list)
    if (server->key == key) {
      if (config.upper == 0 || config.upper > server->config.upper) server->overload = false;
      server->config = config;
    }
  s.scheduler.changed(s.list);
}

void Reference::delete_server(const model::ServiceKey& service, const model::ServerKey& key) {
  Service& s = *services_.at(service);
  for (auto at = s.list.begin(); at != s.list.end(); ++at) {
    if ((*at)->key != key) continue;
    s.scheduler.leaving(s.list, *at);
    (*at)->available = false;
    s.trash.push_back(*at);
    s.list.erase(at);
    s.scheduler.changed(s.list);
    return;
  }
}

const ReferenceServer& Reference::server(const model::ServiceKey& service, const model::ServerKey& key) {
  for (const auto* list : {&services_.at(service)->list, &services_.at(service)->trash})
    for (const auto& s : *list)
      if (s->key == key) return *s;
  assert(false);
  return *services_.at(service)->list.front();
}

std::vector<const ReferenceServer*> Reference::servers(const model::ServiceKey& service) const {
  std::vector<const ReferenceServer*> all;
  for (const auto& s : services_.at(service)->list) all.push_back(s.get());
  return all;
}

std::vector<std::string> Reference::connections() const {
  static const std::map<std::string, std::string> kNames{
      {"NO", "NONE"},     {"ES", "ESTABLISHED"}, {"SS", "SYN_SENT"}, {"SR", "SYN_RECV"},
      {"FW", "FIN_WAIT"}, {"TW", "TIME_WAIT"},   {"CL", "CLOSE"},    {"CW", "CLOSE_WAIT"},
      {"LA", "LAST_ACK"}, {"LI", "LISTEN"},      {"SA", "SYNACK"},   {"NON", "NONE"},
      {"IN1", "INIT1"},   {"INI", "INIT"},       {"CKS", "C-SENT"},  {"CKR", "C-REPLIED"},
      {"CKW", "C-WAIT"},  {"COO", "COOKIE"},     {"CKE", "C-ECHOED"}, {"EST", "ESTABLISHED"},
      {"SHS", "S-SENT"},  {"SHR", "S-RECEIVED"}, {"SHA", "S-ACK-SENT"}, {"REJ", "REJECTED"},
      {"CLO", "CLOSED"}};
  const auto text = [](const Bytes& b) {
    model::Address a;
    a.family = b.size() == 4 ? model::Family::kInet : model::Family::kInet6;
    std::copy(b.begin(), b.end(), a.bytes.begin());
    return a.text();
  };
  std::vector<std::string> all;
  for (const auto& [key, c] : connections_) {
    const auto& [proto, caddr, cport, vaddr, vport] = key;
    std::ostringstream line;
    line << (c.udp ? "UDP" : kNames.at(c.state)) << ' ' << text(caddr) << ' ' << cport << " -> "
         << text(vaddr) << ' ' << vport << " -> " << c.server->key.address.text();
    all.push_back(line.str());
  }
  return all;
}

Reference::Service* Reference::find_service(const Packet& p) {
  for (const std::uint16_t port : {p.dport, std::uint16_t{0}})
    for (auto& [key, service] : services_)
      if (bytes_of(key.address) == p.dst && static_cast<std::uint8_t>(key.protocol) == p.proto &&
          key.port == port)
        return service.get();
  return nullptr;
}

void Reference::step(Connection& c, const Packet& p, bool from_server) {
  if (c.udp) return;
  if (from_server) c.only_input = false;
  const int table = from_server ? 1 : c.only_input ? 2 : 0;
  c.state = p.proto == 132 ? next_sctp_state(table, p.chunk(0), p.chunk(1), c.state)
                           : next_tcp_state(table, p.flags, c.state);
  const bool active =
      c.state == "ES" || c.state == "SS" || c.state == "SR" || c.state == "SA" || c.state == "EST";
  if (active == c.active) return;
  c.active = active;
  --(active ? c.server->inactive : c.server->active);
  ++(active ? c.server->active : c.server->inactive);
}

/// The packet (from its IP header on) in a frame on its way.
/// by_hand: the slow path must fill in a checksum first.
Expected Reference::send(const Packet& p, const Route& route, Bytes packet, bool by_hand) const {
  const bool v6 = packet[0] >> 4 == 6;
  Bytes out(p.frame.begin(), p.frame.begin() + 12);
  if (route.kind == Route::Kind::kForward && !by_hand) {
    std::copy(route.dmac.begin(), route.dmac.end(), out.begin());
    std::copy(route.smac.begin(), route.smac.end(), out.begin() + 6);
  }
  out.insert(out.end(),
             {static_cast<std::uint8_t>(v6 ? 0x86 : 0x08), static_cast<std::uint8_t>(v6 ? 0xdd : 0x00)});
  out.insert(out.end(), packet.begin(), packet.end());
  if (by_hand)
    return {.action = XDP_PASS, .reason = XLVS_REASON_BY_HAND, .out = out, .slow = route, .slow_flags = XLVS_META_F_SUM};
  if (route.kind == Route::Kind::kUnresolved)
    return {.action = XDP_PASS, .reason = XLVS_REASON_NEIGHBOUR, .out = out, .slow = route};
  return {.action = static_cast<std::uint32_t>(route.ifindex == p.ifindex ? XDP_TX : XDP_REDIRECT),
          .reason = XLVS_REASON_FORWARDED,
          .out = out};
}

Expected Reference::to_server(const Packet& p, Connection& c) {
  ReferenceServer& server = *c.server;
  ++server.stats.in_pkts;
  server.stats.in_bytes += p.length;
  const Bytes address = bytes_of(server.key.address);
  const Route route = route_to(network_, address);
  if (route.kind == Route::Kind::kLocal) {
    Expected e = pass(p.frame, XLVS_REASON_SERVER_LOCAL);
    if (c.forward != model::Forward::kMasq) return e;
    e.again = true;  // translated by the slow path, which counts it
    --server.stats.in_pkts;
    server.stats.in_bytes -= p.length;
    return e;
  }
  if (route.kind == Route::Kind::kNone)
    return p.error(p.ip(), XLVS_REASON_NO_ROUTE, p.v6() ? 1 : 3, p.v6() ? 3 : 1, 0);
  if (p.ttl <= 1) return p.error(p.ip(), XLVS_REASON_TTL, p.v6() ? 3 : 11, 0, 0);
  const bool tunnel = c.forward == model::Forward::kTunnel, outer4 = tunnel && address.size() == 4;
  const std::size_t shim = tunnel ? shim_before(p.ip(), server.config, p.length).size() : 0,
                    outer = outer4 ? 20 : 40, overhead = tunnel ? outer + shim : 0;
  const bool sums = shim && server.config.tun_flags != 0;
  const bool by_hand = sums && (p.proto == 132 || (p.proto == 17 && word(p.frame, p.l4 + 6) == 0));
  Bytes ip = p.ip();
  decrease_ttl(ip);
  // a neighbour that is unknown tells no MTU: the next packet learns it
  if (route.kind == Route::Kind::kForward && p.length + overhead > route.mtu) {
    if (!p.v6() && !(ip[6] & 0x40)) {  // cut by the slow path, which counts it
      --server.stats.in_pkts;
      server.stats.in_bytes -= p.length;
      return pass(p.frame, XLVS_REASON_CUT);
    }
    return p.error(ip, XLVS_REASON_TOO_BIG, p.v6() ? 2 : 3, p.v6() ? 0 : 4,
                   static_cast<std::uint32_t>(route.mtu - overhead));
  }
  if (c.forward == model::Forward::kMasq)
    translate(ip, p.l4 - 14, p.proto, true, address, server.key.port ? server.key.port : p.dport);
  if (tunnel) ip = encapsulate(ip, route.source, address, server.config, p.length);
  Expected e = send(p, route, ip, by_hand);
  if (outer4 && !(ip[6] & 0x40)) e.free = {14 + 4, 14 + 10};
  if (shim == 12) e.free.push_back(14 + outer);
  if (sums) e.free.push_back(14 + outer + (shim == 12 ? 6 : 4));
  return e;
}

std::pair<const Reference::FlowKey, Reference::Connection>* Reference::newest_reply(
    std::uint8_t proto, const Bytes& server, std::uint16_t server_port, const Bytes& client,
    std::uint16_t client_port) {
  std::pair<const FlowKey, Connection>* newest = nullptr;
  for (auto& entry : connections_) {
    const auto& [key_proto, caddr, cport, vaddr, vport] = entry.first;
    const Connection& c = entry.second;
    if (c.forward == model::Forward::kMasq && key_proto == proto && caddr == client && cport == client_port &&
        bytes_of(c.server->key.address) == server && (c.server->key.port ? c.server->key.port : vport) == server_port &&
        (newest == nullptr || c.number > newest->second.number))
      newest = &entry;
  }
  return newest;
}

std::optional<Expected> Reference::reply(const Packet& p) {
  auto* newest = newest_reply(p.proto, p.src, p.sport, p.dst, p.dport);
  if (newest == nullptr) return std::nullopt;
  Connection& c = newest->second;
  if (p.ttl <= 1) return pass(p.frame, XLVS_REASON_REPLY);
  const Route route = route_to(network_, p.dst);
  if (route.kind == Route::Kind::kLocal || route.kind == Route::Kind::kNone)
    return pass(p.frame, XLVS_REASON_REPLY);
  if (route.kind == Route::Kind::kForward && p.length > route.mtu)
    return pass(p.frame, !p.v6() && !(p.frame[20] & 0x40) ? XLVS_REASON_CUT : XLVS_REASON_REPLY);
  step(c, p, true);  // what the stack rejects before it comes to IPVS moves nothing
  ++c.server->stats.out_pkts;
  c.server->stats.out_bytes += p.length;
  Bytes ip = p.ip();
  decrease_ttl(ip);
  translate(ip, p.l4 - 14, p.proto, false, std::get<3>(newest->first), std::get<4>(newest->first));
  return send(p, route, ip);
}

void Reference::leave(const Connection& c) {
  ReferenceServer& s = *c.server;
  --(c.active ? s.active : s.inactive);
  const auto total = static_cast<std::uint64_t>(s.active) + s.inactive;
  if (s.config.upper == 0 || (s.config.lower ? total < s.config.lower : total * 4 < std::uint64_t{s.config.upper} * 3))
    s.overload = false;
}

bool Reference::from_here(const Packet& p) const {
  const bool vip = std::any_of(services_.begin(), services_.end(),
                               [&](const auto& s) { return bytes_of(s.first.address) == p.src; });
  return !p.v6() && vip && route_to(network_, p.src).kind == Route::Kind::kLocal;
}

std::variant<Reference::Connection*, Expected> Reference::connection_of(const Packet& p) {
  const FlowKey key{p.proto, p.src, p.sport, p.dst, p.dport};
  auto found = connections_.find(key);
  std::optional<Connection> former;
  if (found != connections_.end() && p.first() &&
      (found->second.state == "TW" || found->second.state == "CL" || found->second.state == "CLO")) {  // conn_reuse_mode 1
    former = std::move(found->second);  // counts until its successor has a server
    connections_.erase(found);
    found = connections_.end();
  }
  if (found != connections_.end()) {
    if (!found->second.server->available) return drop(XLVS_REASON_SERVER_GONE);
    step(found->second, p, false);
    return &found->second;
  }
  if (from_here(p)) return pass(p.frame, XLVS_REASON_MARTIAN);
  if (p.proto == 132 && p.chunk(0) < 0) return drop(XLVS_REASON_MALFORMED);
  if (!p.opens()) return pass(p.frame, XLVS_REASON_NO_CONNECTION);
  Service* service = find_service(p);
  if (former && !service) leave(*former);
  if (!service) return pass(p.frame, XLVS_REASON_NOT_OURS);
  if (martian(p.src)) return pass(p.frame, XLVS_REASON_MARTIAN);
  auto server = service->scheduler.pick(service->list);
  if (former && !server) leave(*former);
  if (!server) return p.error(p.ip(), XLVS_REASON_NO_SERVER, p.v6() ? 1 : 3, p.v6() ? 4 : 3, 0);
  ++server->stats.conns;
  ++server->inactive;
  Connection c{server, server->config.forward, p.proto == 132 ? "NON" : "NO", false, false, p.proto == 17, opened_++};
  c.only_input = c.forward != model::Forward::kMasq;
  step(c, p, false);
  if (server->config.upper && server->active + server->inactive >= server->config.upper)
    server->overload = true;
  if (former) leave(*former);
  return &(connections_[key] = c);
}

Expected Reference::balance(const Packet& p) {
  auto found = connection_of(p);
  if (auto* e = std::get_if<Expected>(&found)) return *e;
  return to_server(p, *std::get<Connection*>(found));
}

Expected Reference::forward(const Bytes& frame, std::uint32_t ifindex) {
  if (services_.empty()) return pass(frame, XLVS_REASON_OFF);
  if (frame.size() < 14) return pass(frame, XLVS_REASON_TRUNCATED);
  const std::uint16_t type = word(frame, 12);
  if (type != 0x0800 && type != 0x86dd) return pass(frame, XLVS_REASON_NOT_IP);
  const bool v6 = type == 0x86dd;
  const std::size_t header = v6 ? 40 : 20;
  if (frame.size() < 14 + header) return pass(frame, XLVS_REASON_TRUNCATED);
  if (frame[14] >> 4 != (v6 ? 6 : 4)) return pass(frame, XLVS_REASON_TRUNCATED);
  if (!v6 && (frame[14] & 15) < 5) return pass(frame, XLVS_REASON_TRUNCATED);
  if (frame[v6 ? 20 : 23] == (v6 ? 58 : 1) && frame.size() >= 14 + header + 8) {  // errors: whoever they are for
    const std::uint8_t icmp = frame[14 + header];
    if (v6 ? icmp >= 1 && icmp < 128 : icmp == 3 || icmp == 4 || icmp == 11)
      return pass(frame, XLVS_REASON_ICMP);
  }

  Packet p{.frame = frame, .ifindex = ifindex, .src = {}, .dst = {}};
  p.src = v6 ? cut(frame, 22, 16) : cut(frame, 26, 4);
  p.dst = v6 ? cut(frame, 38, 16) : cut(frame, 30, 4);
  bool to_us = false, from_us = false;
  for (const auto& [key, service] : services_) {
    to_us |= bytes_of(key.address) == p.dst;
    for (const auto* list : {&service->list, &service->trash})
      for (const auto& s : *list)
        from_us |= s->config.forward == model::Forward::kMasq && bytes_of(s->key.address) == p.src;
  }
  if (!to_us && !from_us) return pass(frame, XLVS_REASON_NOT_OURS);
  if (!v6 && (word(frame, 20) & 0x3fff)) return pass(frame, XLVS_REASON_FRAGMENT);
  if (!v6 && frame[14] != 0x45) return pass(frame, XLVS_REASON_IP_OPTIONS);
  p.proto = frame[v6 ? 20 : 23];
  p.ttl = frame[v6 ? 21 : 22];
  if (v6 && p.proto == 44) return pass(frame, XLVS_REASON_FRAGMENT);
  if (v6 && (p.proto == 0 || p.proto == 43 || p.proto == 60 || p.proto == 51))
    return pass(frame, XLVS_REASON_IP_OPTIONS);
  p.length = v6 ? 40u + word(frame, 18) : word(frame, 16);
  p.l4 = 14 + header;
  if (14 + p.length > frame.size() || p.length < header + (p.proto == 6 ? 20 : 8))
    return pass(frame, XLVS_REASON_TRUNCATED);
  if (p.proto != 6 && p.proto != 17 && p.proto != 132) return pass(frame, XLVS_REASON_PROTOCOL);
  if (p.proto == 132 && p.length < header + 12) return pass(frame, XLVS_REASON_TRUNCATED);
  p.sport = word(frame, p.l4);
  p.dport = word(frame, p.l4 + 2);
  if (p.proto == 6) p.flags = frame[p.l4 + 13];
  if (!for_host(frame, mac_of(network_, ifindex))) {
    Expected e = pass(frame, XLVS_REASON_OTHER_HOST);
    e.addressee = !(frame[0] & 1);
    return e;
  }

  Expected e = to_us ? balance(p) : pass(frame, XLVS_REASON_NOT_OURS);
  if (from_us && e.action == XDP_PASS &&
      (e.reason == XLVS_REASON_NOT_OURS || e.reason == XLVS_REASON_NO_CONNECTION)) {
    if (auto r = reply(p)) return *r;
    e.reason = XLVS_REASON_NOT_OURS;
  }
  return e;
}

}  // namespace xlvs::support
