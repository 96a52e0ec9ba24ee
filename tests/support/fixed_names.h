// SPDX-License-Identifier: GPL-2.0-or-later
// A resolver that knows a handful of names, the same everywhere.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "names.h"

namespace xlvs::testing {

class FixedNames final : public ipvsadm::Names {
 public:
  std::optional<model::Address> host_address(const std::string& name) override {
    for (const Host& host : kHosts)
      if (host.name == name) return model::Address::parse(host.address);
    return std::nullopt;
  }
  std::optional<std::string> host_name(const model::Address& address) override {
    for (const Host& host : kHosts)
      if (model::Address::parse(host.address) == address) return std::string(host.name);
    return std::nullopt;
  }
  std::optional<std::uint16_t> service_port(const std::string& name, model::Protocol protocol) override {
    for (const Service& service : kServices)
      if (service.name == name && service.protocol == protocol) return service.port;
    return std::nullopt;
  }
  std::optional<std::string> service_name(std::uint16_t port, model::Protocol protocol) override {
    for (const Service& service : kServices)
      if (service.port == port && service.protocol == protocol) return std::string(service.name);
    return std::nullopt;
  }

 private:
  struct Host {
    std::string_view name, address;
  };
  struct Service {
    std::string_view name;
    std::uint16_t port;
    model::Protocol protocol;
  };
  static constexpr Host kHosts[] = {{"localhost", "127.0.0.1"}};
  static constexpr Service kServices[] = {
      {"ftp", 21, model::Protocol::kTcp},    {"ssh", 22, model::Protocol::kTcp},
      {"smtp", 25, model::Protocol::kTcp},   {"domain", 53, model::Protocol::kTcp},
      {"domain", 53, model::Protocol::kUdp}, {"http", 80, model::Protocol::kTcp},
      {"ntp", 123, model::Protocol::kUdp},   {"https", 443, model::Protocol::kTcp},
      {"https", 443, model::Protocol::kUdp}, {"http-alt", 8080, model::Protocol::kTcp},
  };
};

}  // namespace xlvs::testing
