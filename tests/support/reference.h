// SPDX-License-Identifier: GPL-2.0-or-later
// A director in plain C++, written from what IPVS does and not from bpf/: says what must come out for a
// frame.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
#include <variant>
#include <vector>

#include "abi/verdict.h"
#include "model/service.h"
#include "support/fib_model.h"

namespace xlvs::support {

/// An ICMP error that the director asks its slow path for.
struct OwedError {
  std::uint32_t type_code = 0, info = 0;  ///< type << 8 | code; second word of the ICMP header
  Bytes answer;  ///< the frame that must leave, an IPv4 id of 0 in it; empty = none may
};

/// What must come out for one frame.
struct Expected {
  std::uint32_t action = 0;  ///< XDP_*
  xlvs_reason reason = XLVS_REASON_FORWARDED;
  Bytes out{};                ///< the whole frame; of no account if it is dropped
  std::optional<Route> slow{};  ///< NEIGHBOUR: the way that the metadata must name
  /// Offsets of 16-bit words that may be anything: an IPv4 id, a flow's port, the checksums that cover them.
  /// The whole frame's checksums must be right all the same, if they were before.
  std::vector<std::size_t> free{};
  std::uint32_t slow_flags = 0;    ///< with .slow: XLVS_META_F_*
  bool addressee = false;          ///< OTHER_HOST: the slow path is asked whether the kernel agrees
  bool again = false;              ///< passed as it came for the slow path to look at: Reference::again()
  std::optional<OwedError> error{};  ///< for the slow path; rate limited, so a drop in silence is right too
};

/// Counts of one real server, as ipvsadm shows them.
struct ReferenceServer {
  model::ServerKey key;
  model::ServerConfig config;
  bool available = true;
  std::uint32_t active = 0, inactive = 0;
  bool overload = false;
  model::Counters stats;
};

/// What the slow path makes of a frame that the director passed on to be looked at once more.
struct SlowExpected {
  int action = 0;                     ///< TC_ACT_*
  std::optional<xlvs_reason> reason{};  ///< counted
  Bytes out{};                        ///< the whole frame, its Ethernet addresses apart where it leaves by `route`
  std::optional<Route> route{};       ///< REDIRECT: the way; none = back where it came from
  std::vector<std::size_t> free{};    ///< as in Expected
  std::size_t cut = 0;                ///< too big: it leaves in fragments of at most so many bytes
  bool error = false;                 ///< limited in rate: a drop in silence is right too
  ReferenceServer* told = nullptr;    ///< whose traffic counts the error, if it leaves
  std::vector<Bytes> anew{};          ///< frames that waited for this one, and come in once more behind it
};

/// Unbounded in connections and without time: nothing expires, nothing is evicted.
class Reference {
 public:
  explicit Reference(Network network) : network_(network) {}

  void add_service(const model::ServiceKey& key, const std::string& scheduler);
  void add_server(const model::ServiceKey& service, const model::ServerKey& key,
                  const model::ServerConfig& config);
  void edit_server(const model::ServiceKey& service, const model::ServerKey& key,
                   const model::ServerConfig& config);
  void delete_server(const model::ServiceKey& service, const model::ServerKey& key);

  /// A frame that arrives on `ifindex`.
  Expected forward(const Bytes& frame, std::uint32_t ifindex);
  /// The same frame on the slow path, when the director has passed it on for that.
  SlowExpected again(const Bytes& frame, std::uint32_t ifindex);

  [[nodiscard]] const ReferenceServer& server(const model::ServiceKey& service, const model::ServerKey& key);
  /// All real servers of a service, newest first.
  [[nodiscard]] std::vector<const ReferenceServer*> servers(const model::ServiceKey& service) const;
  /// Every connection: `STATE client port -> virtual address port -> real server`.
  [[nodiscard]] std::vector<std::string> connections() const;

 private:
  struct Service;
  struct Connection {
    std::shared_ptr<ReferenceServer> server;
    model::Forward forward = model::Forward::kDirect;
    std::string state = "NO";  ///< the kernel's names: two letters for TCP, three for SCTP
    bool only_input = false;   ///< no packet of the server seen
    bool active = false;
    bool udp = false;
    std::uint64_t number = 0;  ///< connections opened before it
  };
  struct Packet;
  /// How a packet travels: with a connection of the table, to its server or back to its client.
  struct Way {
    std::shared_ptr<ReferenceServer> server{};
    model::Forward forward = model::Forward::kDirect;
    bool back = false;
    Bytes vaddr{};  ///< back: what the client knows
    std::uint16_t vport = 0;
  };
  /// A datagram of which fragments have come, by addresses, id and, in IPv4, protocol.
  struct Datagram {
    bool known = false;      ///< its first fragment has
    std::optional<Way> way;  ///< none = the stack's
    std::vector<Bytes> waiting;
  };
  using FlowKey = std::tuple<std::uint8_t, Bytes, std::uint16_t, Bytes, std::uint16_t>;

  Service* find_service(const Packet& p);
  ReferenceServer* schedule(Service& service);
  void step(Connection& c, const Packet& p, bool from_server);
  static void leave(const Connection& c);
  [[nodiscard]] bool from_here(const Packet& p) const;
  std::pair<const FlowKey, Connection>* newest_reply(std::uint8_t proto, const Bytes& server, std::uint16_t server_port,
                                                     const Bytes& client, std::uint16_t client_port);
  /// The connection of a packet from a client, an old one or a new one; else what becomes of the packet.
  std::variant<Connection*, Expected> connection_of(const Packet& p);
  Expected to_server(const Packet& p, Connection& c);
  std::optional<Expected> reply(const Packet& p);
  Expected balance(const Packet& p);

  SlowExpected match(const Packet& p);
  SlowExpected later(const Packet& p);
  SlowExpected about(const Packet& p);
  std::optional<SlowExpected> relay(const Packet& p);
  SlowExpected carry(const Packet& p, const Way& way);
  SlowExpected leave(const Packet& p, const Way& way, const Route& route, bool cut);
  static SlowExpected slow_error(const Packet& p, const Way& way, const Bytes& quoted, xlvs_reason reason,
                                 std::uint32_t type_code, std::uint32_t info);
  Expected send(const Packet& p, const Route& route, Bytes packet, bool by_hand = false) const;

  Network network_;
  std::map<model::ServiceKey, std::shared_ptr<Service>> services_;
  std::map<FlowKey, Connection> connections_;
  std::map<std::tuple<Bytes, Bytes, Bytes, std::uint8_t>, Datagram> datagrams_;
  std::uint64_t opened_ = 0;
};

}  // namespace xlvs::support
