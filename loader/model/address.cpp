// SPDX-License-Identifier: GPL-2.0-or-later
#include "model/address.h"

#include <arpa/inet.h>

namespace xlvs::model {

std::optional<Address> Address::parse(std::string_view text) {
  const std::string copy(text);  // inet_pton wants a terminator
  Address a;
  if (inet_pton(AF_INET, copy.c_str(), a.bytes.data()) == 1) return a;
  a.family = Family::kInet6;
  if (inet_pton(AF_INET6, copy.c_str(), a.bytes.data()) == 1) return a;
  return std::nullopt;
}

std::string Address::text() const {
  char buffer[INET6_ADDRSTRLEN] = {};
  inet_ntop(static_cast<int>(family), bytes.data(), buffer, sizeof buffer);
  return buffer;
}

}  // namespace xlvs::model
