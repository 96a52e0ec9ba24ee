// SPDX-License-Identifier: GPL-2.0-or-later
// Random services, edits of them, and packets of every kind towards them: the same for the reference forwarder and for
// kernel IPVS.
#pragma once

#include <optional>
#include <random>
#include <string>
#include <vector>

#include "model/service.h"
#include "support/packet.h"

namespace xlvs::support {

/// Where a generator's hosts are. {} in a pattern is a network (of servers), then a host.
struct AddressPlan {
  std::string client4, client6;
  std::string vip4, vip6;
  std::string server4, server6;
  std::string director4, director6;  ///< the end of tunnels; also a virtual address
  std::vector<int> networks;         ///< of servers, each as often as it is to be drawn
  std::vector<int> hosts;            ///< likewise; 1 is the director itself
  bool odd_frames = true;            ///< also what is wrong with Ethernet, or with the length of a frame
  /// Leaves out what docs/compatibility.md says differs from kernel IPVS on purpose.
  bool as_kernel = false;
};
/// The network of support/network.h.
const AddressPlan& network_plan();
/// That of tools/oracle.
const AddressPlan& oracle_plan();

struct Step {
  enum class Kind : std::uint8_t { kAddService, kAddServer, kEditServer, kDeleteServer, kClient, kServer } kind;
  model::ServiceKey service{};
  std::string scheduler{};
  model::ServerKey server{};
  model::ServerConfig config{};
  Bytes frame{};  ///< kClient, kServer: from which side it comes
};

class Generator {
 public:
  Generator(AddressPlan plan, std::uint64_t seed) : plan_(std::move(plan)), random_(seed) {}

  /// Services and some servers.
  std::vector<Step> start();
  /// What comes next: an edit now and then, else a packet or all fragments of one.
  std::vector<Step> next();

 private:
  struct Server {
    model::ServerKey key;
    model::ServerConfig config;
  };
  struct Service {
    model::ServiceKey key;
    std::vector<Server> servers;
  };
  /// One packet's outer form.
  struct Flow {
    bool v6 = false;
    model::Protocol protocol{};
    std::string src{}, dst{};
    std::uint16_t sport = 0, dport = 0;
    Mac to{};
  };

  std::uint32_t below(std::uint32_t n) { return static_cast<std::uint32_t>(random_() % n); }
  bool one_in(std::uint32_t n) { return below(n) == 0; }
  std::uint8_t byte(std::uint32_t n = 256) { return static_cast<std::uint8_t>(below(n)); }
  template <typename T>
  const T& any(const std::vector<T>& of) {
    return of[below(static_cast<std::uint32_t>(of.size()))];
  }

  std::optional<Step> edit();
  model::ServerConfig config(const model::ServiceKey& service, bool v6);

  Flow client_flow();
  Flow server_flow();
  std::string client(bool v6);
  std::string odd_source(bool v6);
  Mac destination(const Mac& own);
  std::uint16_t client_port(std::size_t service);

  Frame ip_header(const Flow& f);
  Frame transport(Frame frame, const Flow& f, std::uint8_t flags);
  Frame chunks(Frame f);
  std::uint8_t tcp_flags();
  Bytes plain(const Flow& f);
  Bytes with_options(const Flow& f);
  Bytes with_extensions(const Flow& f);
  Bytes other_protocol(const Flow& f);
  Bytes spoilt(Bytes frame);
  std::vector<Bytes> fragments(const Flow& f);
  Bytes error_about(const Flow& f, bool from_server);
  Bytes error_about_tunnel();
  Icmp any_error(bool v6);
  Bytes cut_short(Bytes frame);

  AddressPlan plan_;
  std::mt19937_64 random_;
  std::vector<Service> services_;
  std::uint32_t datagrams_ = 0;
};

}  // namespace xlvs::support
