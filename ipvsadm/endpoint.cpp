// SPDX-License-Identifier: GPL-2.0-or-later
// Readers of option values; where ipvsadm is lenient (octal, "127.1", trailing blanks) so are these.
#include "endpoint.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <limits>

namespace xlvs::ipvsadm {
namespace {

std::optional<long> read_long(const std::string& text) {
  errno = 0;
  char* end = nullptr;
  const long value = std::strtol(text.c_str(), &end, 10);
  if (*end != '\0' || end == text.c_str() || errno == ERANGE) return std::nullopt;
  return value;
}

std::optional<model::Address> dotted_or_named(const std::string& text, Names& names) {
  in_addr raw{};
  if (::inet_aton(text.c_str(), &raw) == 0) return names.host_address(text);
  model::Address address;
  std::memcpy(address.bytes.data(), &raw, sizeof(raw));
  return address;
}

}  // namespace

std::optional<int> read_number(const std::string& text, int min, int max) {
  const auto value = read_long(text);
  if (!value || *value < min || *value > max) return std::nullopt;
  return static_cast<int>(*value);
}

std::optional<std::uint32_t> read_fwmark(const std::string& text) {
  const auto value = read_long(text);
  if (!value || *value <= 0 || *value > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::uint32_t>(*value);
}

std::optional<std::uint32_t> read_netmask(const std::string& text, Names& names) {
  const auto address = dotted_or_named(text, names);
  if (!address) return std::nullopt;
  std::uint32_t mask;
  std::memcpy(&mask, address->bytes.data(), sizeof(mask));
  return mask;
}

std::optional<Endpoint> read_endpoint(std::string text, model::Protocol protocol, Names& names) {
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; })) return std::nullopt;

  std::optional<std::string> port;
  if (text[0] == '[') {
    const std::size_t close = text.find(']');
    if (close == text.npos || close + 1 >= text.size() || text[close + 1] != ':') return std::nullopt;
    port = text.substr(close + 2);
    text = text.substr(1, close - 1);
  }

  Endpoint endpoint;
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) > 0) {
    endpoint.address.family = model::Family::kInet6;
    std::memcpy(endpoint.address.bytes.data(), &v6, sizeof(v6));
  } else {
    // Brackets around anything but IPv6 lose what followed them: only a colon inside counts.
    port.reset();
    if (const std::size_t colon = text.rfind(':'); colon != text.npos) {
      port = text.substr(colon + 1);
      text.resize(colon);
    }
    const auto address = dotted_or_named(text, names);
    if (!address) return std::nullopt;
    endpoint.address = *address;
  }

  if (port) {
    if (const auto number = read_number(*port, 0, 65535))
      endpoint.port = static_cast<std::uint16_t>(*number);
    else if (const auto named = names.service_port(*port, protocol))
      endpoint.port = *named;
    else
      return std::nullopt;
  }
  return endpoint;
}

}  // namespace xlvs::ipvsadm
