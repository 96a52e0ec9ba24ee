// SPDX-License-Identifier: GPL-2.0-or-later
// A director in plain C++, written from what IPVS does and not from bpf/: says what must come out for a
// frame.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <tuple>
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
  Bytes out;                  ///< the whole frame; of no account if it is dropped
  std::optional<Route> slow;  ///< NEIGHBOUR: the way that the metadata must name
  /// Offsets of 16-bit words that may be anything: an IPv4 id, a flow's port, the checksums that cover them.
  /// The whole frame's checksums must be right all the same, if they were before.
  std::vector<std::size_t> free;
  std::uint32_t slow_flags = 0;    ///< with .slow: XLVS_META_F_*
  bool addressee = false;          ///< OTHER_HOST: the slow path is asked whether the kernel agrees
  std::optional<OwedError> error;  ///< for the slow path; rate limited, so a drop in silence is right too
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
  using FlowKey = std::tuple<std::uint8_t, Bytes, std::uint16_t, Bytes, std::uint16_t>;

  Service* find_service(const Packet& p);
  ReferenceServer* schedule(Service& service);
  void step(Connection& c, const Packet& p, bool from_server);
  static void leave(const Connection& c);
  Expected to_server(const Packet& p, Connection& c);
  std::optional<Expected> reply(const Packet& p);
  Expected balance(const Packet& p);
  Expected send(const Packet& p, const Route& route, Bytes packet, bool by_hand = false) const;

  Network network_;
  std::map<model::ServiceKey, std::shared_ptr<Service>> services_;
  std::map<FlowKey, Connection> connections_;
  std::uint64_t opened_ = 0;
};

}  // namespace xlvs::support
