// SPDX-License-Identifier: GPL-2.0-or-later
// The reference forwarder: parsing, connections, forwarding.
#include "support/reference.h"

#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <sstream>

#include "support/reference_sched.h"

namespace xlvs::support {

struct Reference::Packet {
  const Bytes& frame;
  std::uint32_t ifindex;
  std::size_t l4 = 0, length = 0;  ///< offset of the transport header; bytes of the IP packet
  Bytes src, dst;
  std::uint8_t proto = 0, ttl = 0, flags = 0;
  std::uint16_t sport = 0, dport = 0;

  [[nodiscard]] bool v6() const { return src.size() == 16; }
  [[nodiscard]] Bytes ip() const { return Bytes(frame.begin() + 14, frame.end()); }
  [[nodiscard]] Expected error(const Bytes& quoted, xlvs_reason reason, std::uint8_t type, std::uint8_t code,
                               std::uint32_t info) const;
  /// A packet that makes a connection, or makes one anew: TCP's SYN, SCTP's INIT.
  [[nodiscard]] bool first() const {
    return proto == 6 ? (flags & (kSyn | kRst)) == kSyn : proto == 132 && chunk(0) == kInit;
  }
  [[nodiscard]] bool opens() const { return sport != 20 && (proto == 17 || first()); }
  /// Type of the chunk after n others, or -1.
  [[nodiscard]] int chunk(int n) const {
    std::size_t at = l4 + 12;
    const std::size_t end = 14 + length;
    for (;; --n) {
      if (at + 4 > end) return -1;
      if (n == 0) return frame[at];
      const std::size_t size = static_cast<std::size_t>(frame[at + 2] << 8 | frame[at + 3]);
      if (size < 4) return -1;
      at += (size + 3) / 4 * 4;
    }
  }
};

struct Reference::Service {
  model::ServiceKey key;
  ReferenceScheduler scheduler;
  ReferenceScheduler::List list;   ///< newest first
  ReferenceScheduler::List trash;  ///< deleted ones; one that comes back is the same again
};

namespace {

std::uint16_t word(const Bytes& b, std::size_t at) {
  return static_cast<std::uint16_t>(b[at] << 8 | b[at + 1]);
}
void set_word(Bytes& b, std::size_t at, std::uint16_t v) {
  b[at] = static_cast<std::uint8_t>(v >> 8);
  b[at + 1] = static_cast<std::uint8_t>(v);
}
Bytes cut(const Bytes& b, std::size_t at, std::size_t n) {
  return Bytes(b.begin() + static_cast<std::ptrdiff_t>(at), b.begin() + static_cast<std::ptrdiff_t>(at + n));
}
Bytes bytes_of(const model::Address& a) {
  return Bytes(a.bytes.begin(), a.bytes.begin() + (a.family == model::Family::kInet ? 4 : 16));
}

// The tables of the kernel's include/net/ip_vs.h and ip_vs_proto_tcp.c as text, one row an event.
constexpr const char* kStates = "NO ES SS SR FW TW CL CW LA LI SA";
constexpr const char* kTables[3][4] = {
    {"SR ES ES SR SR SR SR SR SR SR SR", "CL CW SS TW TW TW CL CW LA LI TW",
     "ES ES SS ES FW TW CL CW CL LI ES", "CL CL CL SR CL CL CL CL LA LI SR"},
    {"SS ES SS SR SS SS SS SS SS LI SR", "TW FW SS TW FW TW CL TW LA LI TW",
     "ES ES SS ES FW TW CL CW LA ES ES", "CL CL SS CL CL TW CL CL CL CL CL"},
    {"SR ES ES SR SR SR SR SR SR SR SR", "CL FW SS TW FW TW CL CW LA LI TW",
     "ES ES SS ES FW TW CL CW CL LI ES", "CL CL CL SR CL CL CL CL LA LI CL"}};

// SCTP's, as read off the running kernel (tests/oracle/sctp-states-*): by chunk type.
constexpr const char* kSctpStates = "NON IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO";
const std::map<int, std::array<const char*, 3>> kSctpTables{
    {kData,
     {"EST IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO", "NON IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO",
      "EST IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO"}},
    {kInit,
     {"IN1 INI INI CKS CKR CKW COO CKE EST SHS SHR SHA INI INI", "NON CKW CKW CKW CKW CKW CKW CKW EST CKW CKW CKW CKW CKW",
      "IN1 INI INI CKS CKR CKW COO CKE EST SHS SHR SHA INI INI"}},
    {kInitAck,
     {"CKW CKW CKW CKS CKR COO COO CKE EST SHS SHR SHA REJ CLO", "NON CKS CKS CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO",
      "CKE CKE CKE CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO"}},
    {kCookieEcho,
     {"CKR INI INI CKR CKR CKW COO CKE EST SHS SHR SHA REJ CLO", "NON CKE CKE CKE CKE CKE CKE CKE EST SHS SHR SHA REJ CLO",
      "EST EST EST CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO"}},
    {kCookieAck,
     {"EST IN1 INI CKS CKR CKW COO EST EST SHS SHR SHA REJ CLO", "NON EST EST EST EST EST EST EST EST SHS SHR SHA REJ CLO",
      "EST IN1 INI CKS CKR CKW COO EST EST SHS SHR SHA REJ CLO"}},
    {kShutdown,
     {"SHR IN1 INI CKS CKR CKW COO CKE SHR SHS SHR SHA REJ CLO", "NON SHS SHS SHS SHS SHS SHS SHS SHS SHS SHR SHA REJ CLO",
      "SHR IN1 INI CKS CKR CKW COO CKE SHR SHS SHR SHA REJ CLO"}},
    {kShutdownAck,
     {"CLO INI INI CKS CKR CKW COO CKE EST CLO SHR CLO REJ CLO", "NON SHA SHA SHA SHA CKW COO CKE EST SHA SHA SHA REJ CLO",
      "CLO INI INI CKS CKR CKW COO CKE CLO SHS SHR SHA REJ CLO"}},
    {kShutdownComplete,
     {"CLO CLO CLO CKS CKR CKW COO CKE EST SHS SHR CLO REJ CLO", "NON IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO",
      "CLO CLO CLO CKS CKR CKW COO CKE EST SHS CLO SHA REJ CLO"}},
    {kError,
     {"CLO IN1 INI CKS CKR CKW COO CLO EST SHS SHR SHA REJ CLO", "NON CLO CLO CLO CLO CKW COO CKE EST SHS SHR SHA REJ CLO",
      "CLO IN1 INI CKS CKR CKW COO CKE EST SHS SHR SHA REJ CLO"}},
    {kAbort,
     {"CLO CLO CLO CLO CLO REJ CLO CLO CLO CLO CLO CLO CLO CLO", "NON REJ CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO",
      "CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO CLO"}}};

/// The element of `to` that stands where `state` stands in `from`.
std::string across(const char* from, const char* to, const std::string& state) {
  std::istringstream f(from), t(to);
  std::string a, b;
  while (f >> a && t >> b)
    if (a == state) return b;
  return "";
}

/// first, second: types of chunks, or -1.
std::string next_sctp_state(int table, int first, int second, const std::string& state) {
  if (first < 0) return state;
  const bool cookie = first == kCookieEcho || first == kCookieAck;
  const auto row = kSctpTables.find(cookie && second == kAbort ? kAbort : first);
  return across(kSctpStates, (row == kSctpTables.end() ? kSctpTables.at(kData) : row->second)[static_cast<std::size_t>(table)],
                state);
}

std::string next_state(int table, std::uint8_t flags, const std::string& state) {
  const int event = flags & kRst ? 3 : flags & kSyn ? 0 : flags & kFin ? 1 : flags & kAck ? 2 : -1;
  if (event < 0) return "CL";
  return across(kStates, kTables[table][event], state);
}

/// A checksum at `at` after the 16-bit words `from` became `to`: an error in it stays the same error.
void adjust(Bytes& b, std::size_t at, const Bytes& from, const Bytes& to) {
  std::int64_t sum = 0xffff - word(b, at);
  for (std::size_t i = 0; i < from.size(); i += 2) sum += std::int64_t{word(to, i)} - word(from, i);
  sum = (sum % 0xffff + 0xffff) % 0xffff;
  set_word(b, at, static_cast<std::uint16_t>(sum == 0 ? 0 : 0xffff - sum));
}

/// An SCTP packet's checksum after other bytes of it changed; `before` is the packet as it was. What was wrong stays
/// wrong by the same; 0 is none.
void adjust_sctp(Bytes& packet, const Bytes& before) {
  std::uint32_t stood = 0;
  for (std::size_t i = 0; i < 4; ++i) stood |= std::uint32_t{before[8 + i]} << 8 * i;
  if (stood == 0) return;
  const std::uint32_t error = stood ^ sctp_checksum(before), check = sctp_checksum(packet) ^ error;
  for (std::size_t i = 0; i < 4; ++i) packet[8 + i] = static_cast<std::uint8_t>(check >> 8 * i);
}

/// `ip` is a packet from its IP header on.
void decrease_ttl(Bytes& ip) {
  if (ip[0] >> 4 == 6) {
    --ip[7];
    return;
  }
  const Bytes before = cut(ip, 8, 2);
  --ip[8];
  adjust(ip, 10, before, cut(ip, 8, 2));
}

/// Replaces an address and a port, checksums kept right (or as wrong as they were).
void translate(Bytes& ip, bool destination, const Bytes& address, std::uint16_t port) {
  const bool v6 = ip[0] >> 4 == 6;
  const std::size_t header = v6 ? 40 : 20, size = v6 ? 16 : 4;
  const std::size_t address_at = (v6 ? 8 : 12) + (destination ? size : 0),
                    port_at = header + (destination ? 2 : 0);
  const std::uint8_t proto = ip[v6 ? 6 : 9];
  Bytes from = cut(ip, address_at, size), to = address;
  if (!v6) adjust(ip, 10, from, to);
  std::copy(address.begin(), address.end(), ip.begin() + static_cast<std::ptrdiff_t>(address_at));
  from.insert(from.end(), {ip[port_at], ip[port_at + 1]});
  set_word(ip, port_at, port);
  to.insert(to.end(), {ip[port_at], ip[port_at + 1]});
  if (proto == 132) {
    const std::size_t size_sctp = (v6 ? 40u + word(ip, 4) : word(ip, 2)) - header;
    const Bytes after = cut(ip, header, size_sctp);
    Bytes before = after;
    before[destination ? 2 : 0] = from[size];
    before[destination ? 3 : 1] = from[size + 1];
    Bytes packet = after;
    adjust_sctp(packet, before);
    std::copy(packet.begin(), packet.end(), ip.begin() + static_cast<std::ptrdiff_t>(header));
    return;
  }
  const std::size_t check_at = header + (proto == 6 ? 16 : 6);
  if (proto == 17 && word(ip, check_at) == 0) return;
  adjust(ip, check_at, from, to);
  if (proto == 17 && word(ip, check_at) == 0) set_word(ip, check_at, 0xffff);
}

/// GUE or GRE before the packet; an empty one for IPIP. The source port of GUE and all checksums are left 0.
Bytes shim_before(const Bytes& ip, const model::ServerConfig& config, std::size_t length) {
  const bool inner6 = ip[0] >> 4 == 6;
  if (config.tun_type == model::TunnelType::kGue) {
    Bytes gue{0, 0, 0, 0, 0, 0, 0, 0, 0, static_cast<std::uint8_t>(inner6 ? 41 : 4), 0, 0};
    set_word(gue, 2, config.tun_port);
    set_word(gue, 4, static_cast<std::uint16_t>(length + gue.size()));
    return gue;
  }
  if (config.tun_type != model::TunnelType::kGre) return {};
  Bytes gre{0, 0, 0, 0};
  set_word(gre, 2, inner6 ? 0x86dd : 0x0800);
  if (config.tun_flags == 0) return gre;
  gre[0] = 0x80;
  gre.resize(8);
  return gre;
}

/// The packet inside an outer header from `src` to `dst`; what may be anything is left 0.
Bytes encapsulate(const Bytes& ip, const Bytes& src, const Bytes& dst, const model::ServerConfig& config,
                  std::size_t length) {
  const bool inner6 = ip[0] >> 4 == 6;
  const Bytes shim = shim_before(ip, config, length);
  const std::uint8_t tos = inner6 ? static_cast<std::uint8_t>(ip[0] << 4 | ip[1] >> 4) : ip[1];
  const std::uint8_t ttl = ip[inner6 ? 7 : 8];
  const std::uint8_t proto = shim.size() == 12 ? 17 : !shim.empty() ? 47 : inner6 ? 41 : 4;
  Bytes outer;
  if (dst.size() == 4) {
    outer = {0x45, tos, 0, 0, 0, 0, 0, 0, ttl, proto, 0, 0};
    set_word(outer, 2, static_cast<std::uint16_t>(length + shim.size() + 20));
    if (!inner6) outer[6] = ip[6] & 0x40;  // don't fragment
  } else {
    outer = {static_cast<std::uint8_t>(0x60 | tos >> 4),
             static_cast<std::uint8_t>(tos << 4),
             0,
             0,
             0,
             0,
             proto,
             ttl};
    set_word(outer, 4, static_cast<std::uint16_t>(length + shim.size()));
  }
  outer.insert(outer.end(), src.begin(), src.end());
  outer.insert(outer.end(), dst.begin(), dst.end());
  if (dst.size() == 4) set_word(outer, 10, internet_checksum(outer));
  outer.insert(outer.end(), shim.begin(), shim.end());
  outer.insert(outer.end(), ip.begin(), ip.end());
  return outer;
}

const Mac& mac_of(const Network& network, std::uint32_t ifindex) {
  return ifindex == network.client ? kClientMac : ifindex == network.server ? kServerMac : kNarrowMac;
}
/// To this interface's own address or one of VRRP's.
bool for_host(const Bytes& frame, const Mac& own) {
  constexpr std::uint8_t kVrrp[] = {0x00, 0x00, 0x5e, 0x00};
  return std::equal(own.begin(), own.end(), frame.begin()) ||
         (std::equal(std::begin(kVrrp), std::end(kVrrp), frame.begin()) && (frame[4] == 1 || frame[4] == 2));
}

Expected pass(const Bytes& frame, xlvs_reason reason) {
  return {XDP_PASS, reason, frame, {}, {}, 0, false, {}};
}
Expected drop(xlvs_reason reason) { return {XDP_DROP, reason, {}, {}, {}, 0, false, {}}; }

/// Sources that the kernel refuses, whoever is addressed.
bool martian(const Bytes& src) {
  if (src.size() == 4)
    return src[0] == 127 || (src[0] >= 224 && src[0] <= 239) || src == Bytes(4) || src == Bytes(4, 255);
  return src[0] == 255 || src == address_bytes("::1");
}

/// The error that an IP packet (with anything behind it) in `frame` is owed: back to its source, from the
/// address that it was sent to, quoting as much as fits into what every host takes (RFC 1812, RFC 4443).
Bytes icmp_error(const Bytes& frame, const Bytes& quoted, std::uint8_t type, std::uint8_t code,
                 std::uint32_t info) {
  const bool v6 = quoted[0] >> 4 == 6;
  const Bytes src = v6 ? cut(quoted, 8, 16) : cut(quoted, 12, 4),
              dst = v6 ? cut(quoted, 24, 16) : cut(quoted, 16, 4);
  const std::size_t length = v6 ? 40u + word(quoted, 4) : word(quoted, 2);
  const std::size_t quote = std::min(length, v6 ? std::size_t{1280 - 40 - 8} : std::size_t{576 - 20 - 8});
  Bytes icmp{type, code, 0, 0, 0, 0, 0, 0};
  set_word(icmp, 4, static_cast<std::uint16_t>(info >> 16));
  set_word(icmp, 6, static_cast<std::uint16_t>(info));
  icmp.insert(icmp.end(), quoted.begin(), quoted.begin() + static_cast<std::ptrdiff_t>(quote));
  set_word(icmp, 2, internet_checksum(icmp, v6 ? pseudo_header_sum(dst, src, 58, icmp.size()) : 0));
  Bytes ip;
  if (v6) {
    ip = {0x60, 0, 0, 0, 0, 0, 58, 64};
    set_word(ip, 4, static_cast<std::uint16_t>(icmp.size()));
  } else {
    ip = {0x45, static_cast<std::uint8_t>(0xc0 | (quoted[1] & 0x1e)), 0, 0, 0, 0, 0, 0, 64, 1, 0, 0};
    set_word(ip, 2, static_cast<std::uint16_t>(20 + icmp.size()));
  }
  ip.insert(ip.end(), dst.begin(), dst.end());
  ip.insert(ip.end(), src.begin(), src.end());
  if (!v6) set_word(ip, 10, internet_checksum(ip));
  Bytes out = cut(frame, 6, 6);
  for (const Bytes& part : {cut(frame, 0, 6), cut(frame, 12, 2), ip, icmp})
    out.insert(out.end(), part.begin(), part.end());
  return out;
}

bool may_be_answered(const Bytes& frame, const Bytes& src) {
  if (frame[0] & 1) return false;
  if (src.size() == 16) return src[0] != 0xff && src != Bytes(16);
  return src[0] < 224 && src[0] != 127 && src != Bytes(4);
}

}  // namespace

Expected Reference::Packet::error(const Bytes& quoted, xlvs_reason reason, std::uint8_t type,
                                  std::uint8_t code, std::uint32_t info) const {
  Bytes out(frame.begin(), frame.begin() + 14);
  out.insert(out.end(), quoted.begin(), quoted.end());
  OwedError owed{static_cast<std::uint32_t>(type << 8 | code), info, {}};
  if (may_be_answered(frame, src)) owed.answer = icmp_error(frame, quoted, type, code, info);
  return {XDP_PASS, reason, out, {}, {}, 0, false, owed};
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
                           : next_state(table, p.flags, c.state);
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
  if (by_hand) return {XDP_PASS, XLVS_REASON_BY_HAND, out, route, {}, XLVS_META_F_SUM, false, {}};
  if (route.kind == Route::Kind::kUnresolved)
    return {XDP_PASS, XLVS_REASON_NEIGHBOUR, out, route, {}, 0, false, {}};
  return {route.ifindex == p.ifindex ? XDP_TX : XDP_REDIRECT, XLVS_REASON_FORWARDED, out, {}, {}, 0, false, {}};
}

Expected Reference::to_server(const Packet& p, Connection& c) {
  ReferenceServer& server = *c.server;
  ++server.stats.in_pkts;
  server.stats.in_bytes += p.length;
  const Bytes address = bytes_of(server.key.address);
  const Route route = route_to(network_, address);
  if (route.kind == Route::Kind::kLocal && c.forward != model::Forward::kMasq)
    return pass(p.frame, XLVS_REASON_SERVER_LOCAL);
  if (route.kind == Route::Kind::kLocal || route.kind == Route::Kind::kNone)
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
    translate(ip, true, address, server.key.port ? server.key.port : p.dport);
  if (tunnel) ip = encapsulate(ip, route.source, address, server.config, p.length);
  Expected e = send(p, route, ip, by_hand);
  if (outer4 && !(ip[6] & 0x40)) e.free = {14 + 4, 14 + 10};
  if (shim == 12) e.free.push_back(14 + outer);
  if (sums) e.free.push_back(14 + outer + (shim == 12 ? 6 : 4));
  return e;
}

std::optional<Expected> Reference::reply(const Packet& p) {
  std::pair<const FlowKey, Connection>* newest = nullptr;
  for (auto& entry : connections_) {
    const auto& [proto, caddr, cport, vaddr, vport] = entry.first;
    const Connection& c = entry.second;
    if (c.forward == model::Forward::kMasq && proto == p.proto && caddr == p.dst && cport == p.dport &&
        bytes_of(c.server->key.address) == p.src &&
        (c.server->key.port ? c.server->key.port : vport) == p.sport &&
        (newest == nullptr || c.number > newest->second.number))
      newest = &entry;
  }
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
  translate(ip, false, std::get<3>(newest->first), std::get<4>(newest->first));
  return send(p, route, ip);
}

void Reference::leave(const Connection& c) {
  ReferenceServer& s = *c.server;
  --(c.active ? s.active : s.inactive);
  const auto total = static_cast<std::uint64_t>(s.active) + s.inactive;
  if (s.config.upper == 0 || (s.config.lower ? total < s.config.lower : total * 4 < std::uint64_t{s.config.upper} * 3))
    s.overload = false;
}

Expected Reference::balance(const Packet& p) {
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
    return to_server(p, found->second);
  }
  const bool from_vip = std::any_of(services_.begin(), services_.end(),
                                    [&](const auto& s) { return bytes_of(s.first.address) == p.src; });
  if (!p.v6() && from_vip && route_to(network_, p.src).kind == Route::Kind::kLocal)
    return pass(p.frame, XLVS_REASON_MARTIAN);
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
  return to_server(p, connections_[key] = c);
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
