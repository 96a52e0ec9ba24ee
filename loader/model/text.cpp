// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/text.h"

namespace xlvs::model {
namespace {

std::string endpoint(const Address& address, std::uint16_t port) {
  const std::string text = address.text();
  return (address.family == Family::kInet6 ? '[' + text + ']' : text) + ':' + std::to_string(port);
}

std::string name(Protocol protocol) {
  switch (protocol) {
    case Protocol::kTcp:
      return "TCP";
    case Protocol::kUdp:
      return "UDP";
    case Protocol::kSctp:
      return "SCTP";
    case Protocol::kNone:
      break;
  }
  return "protocol " + std::to_string(static_cast<unsigned>(protocol));
}

}  // namespace

std::string describe(const ServiceKey& key) {
  if (key.fwmark != 0)
    return "FWM " + std::to_string(key.fwmark) + (key.family == Family::kInet6 ? " IPv6" : "");
  return name(key.protocol) + ' ' + endpoint(key.address, key.port);
}

std::string describe(const ServerKey& key) { return endpoint(key.address, key.port); }

}  // namespace xlvs::model
