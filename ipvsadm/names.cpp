// SPDX-License-Identifier: GPL-2.0-or-later
// Names by the C library, with the very calls that ipvsadm makes: others would follow other rules.
#include "names.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstring>

namespace xlvs::ipvsadm {
namespace {

const char* protocol_name(model::Protocol protocol) {
  switch (protocol) {
    case model::Protocol::kTcp:
      return "tcp";
    case model::Protocol::kUdp:
      return "udp";
    case model::Protocol::kSctp:
      return "sctp";
    default:
      return nullptr;
  }
}

class SystemNames final : public Names {
 public:
  std::optional<model::Address> host_address(const std::string& name) override {
    const hostent* host = ::gethostbyname(name.c_str());
    if (!host || host->h_addrtype != AF_INET || host->h_length != 4 || !host->h_addr_list[0])
      return std::nullopt;
    model::Address address;
    std::memcpy(address.bytes.data(), host->h_addr_list[0], 4);
    return address;
  }

  std::optional<std::string> host_name(const model::Address& address) override {
    const bool v4 = address.family == model::Family::kInet;
    const hostent* host =
        ::gethostbyaddr(address.bytes.data(), v4 ? 4 : 16, static_cast<int>(address.family));
    if (!host || !host->h_name) return std::nullopt;
    return host->h_name;
  }

  std::optional<std::uint16_t> service_port(const std::string& name, model::Protocol protocol) override {
    const char* proto = protocol_name(protocol);
    const servent* service = proto ? ::getservbyname(name.c_str(), proto) : nullptr;
    if (!service) return std::nullopt;
    return ntohs(static_cast<std::uint16_t>(service->s_port));
  }

  std::optional<std::string> service_name(std::uint16_t port, model::Protocol protocol) override {
    const char* proto = protocol_name(protocol);
    const servent* service = proto ? ::getservbyport(htons(port), proto) : nullptr;
    if (!service) return std::nullopt;
    return service->s_name;
  }
};

}  // namespace

Names& system_names() {
  static SystemNames names;
  return names;
}

}  // namespace xlvs::ipvsadm
