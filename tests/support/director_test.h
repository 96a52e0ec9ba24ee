// SPDX-License-Identifier: GPL-2.0-or-later
// The fixture of the packet ring: one director for all tests of a process, emptied before each.
#pragma once

#include <gtest/gtest.h>
#include <linux/bpf.h>

#include <string>

#include "support/director.h"
#include "support/packet.h"
#include "support/reference.h"

namespace xlvs::support {

/// "TCP 192.0.2.10:80" and the like, in pieces.
model::ServiceKey service_key(const std::string& protocol, const std::string& address, std::uint16_t port);
model::ServerKey server_key(const std::string& address, std::uint16_t port);
model::ServerConfig forwarded(model::Forward forward, int weight = 1);

/// A frame whose 16-bit words at these offsets are 0.
Bytes without(Bytes frame, const std::vector<std::size_t>& words);
/// Whole frames compared; a difference is shown with offsets.
testing::AssertionResult same_bytes(const Bytes& got, const Bytes& want);

class DirectorTest : public testing::Test {
 protected:
  void SetUp() override;

  static Director& director();
  static encode::Table& table() { return director().table(); }

  /// Adds to the director's table and to the reference's at once.
  void add_service(const model::ServiceKey& key, const std::string& scheduler = "rr");
  void add_server(const model::ServiceKey& service, const model::ServerKey& server,
                  const model::ServerConfig& config);
  void edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                   const model::ServerConfig& config);
  void delete_server(const model::ServiceKey& service, const model::ServerKey& server);

  /// One packet through the director; fails the test if the kernel does not take it.
  Outcome send(const Bytes& frame, std::uint32_t ifindex = 0);
  /// The same through director and reference, which must agree in action, bytes, way out and counted reason.
  Outcome agree(const Bytes& frame, std::uint32_t ifindex = 0);
  /// Director and reference agree about a service's real servers: counts and traffic.
  void expect_equal_counts(const model::ServiceKey& service);
  /// And about every connection: addresses, server, state.
  void expect_equal_connections();

  /// How often each reason was counted since the last call with the same argument order; [reason].
  std::uint64_t counted(xlvs_reason reason);

  std::unique_ptr<Reference> reference_;
  Expected want_;  ///< what the reference said last
  std::vector<std::uint64_t> reasons_;
};

}  // namespace xlvs::support
