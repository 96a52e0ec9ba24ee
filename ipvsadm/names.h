// SPDX-License-Identifier: GPL-2.0-or-later
// The seam to host and service names, so that tests need neither a network nor /etc/services.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "model/address.h"

namespace xlvs::ipvsadm {

class Names {
 public:
  virtual ~Names() = default;
  /// The IPv4 address of a host; IPv6 has no lookup by name in ipvsadm.
  virtual std::optional<model::Address> host_address(const std::string& name) = 0;
  virtual std::optional<std::string> host_name(const model::Address& address) = 0;
  /// Ports in host order. Protocols other than TCP, UDP and SCTP have no names.
  virtual std::optional<std::uint16_t> service_port(const std::string& name, model::Protocol protocol) = 0;
  virtual std::optional<std::string> service_name(std::uint16_t port, model::Protocol protocol) = 0;
};

/// The system's resolver and services database.
Names& system_names();

}  // namespace xlvs::ipvsadm
