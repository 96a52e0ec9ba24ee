// SPDX-License-Identifier: GPL-2.0-or-later
// What reference.cpp and reference_slow.cpp share.
#pragma once

#include "support/reference.h"
#include "support/reference_sched.h"
#include "support/rewrite.h"

namespace xlvs::support {

enum class Part : std::uint8_t { kWhole, kFirst, kLater };

struct Reference::Packet {
  const Bytes& frame;
  std::uint32_t ifindex;
  std::size_t l4 = 0, length = 0;  ///< offset of the transport header; bytes of the IP packet
  Bytes src{}, dst{};
  std::uint8_t proto = 0, ttl = 0, flags = 0;
  std::uint16_t sport = 0, dport = 0;
  /// Read on the slow path only.
  Part part = Part::kWhole;
  Bytes id{};          ///< of the datagram that a fragment is of
  std::size_t quoted = 0, quoted_l4 = 0;  ///< an error: where the packet in it and its ports are

  [[nodiscard]] bool v6() const { return src.size() == 16; }
  [[nodiscard]] std::size_t end() const { return 14 + length; }
  [[nodiscard]] Bytes ip() const { return Bytes(frame.begin() + 14, frame.end()); }
  [[nodiscard]] Expected error(const Bytes& subject, xlvs_reason reason, std::uint8_t type, std::uint8_t code,
                               std::uint32_t info) const;
  /// A packet that makes a connection, or makes one anew: TCP's SYN, SCTP's INIT.
  [[nodiscard]] bool first() const {
    return proto == 6 ? (flags & (kSyn | kRst)) == kSyn : proto == 132 && chunk(0) == kInit;
  }
  [[nodiscard]] bool opens() const { return sport != 20 && (proto == 17 || first()); }
  /// Type of the chunk after n others, or -1.
  [[nodiscard]] int chunk(int n) const {
    std::size_t at = l4 + 12;
    const std::size_t end = 14 + length;
    for (;; --n) {
      if (at + 4 > end) return -1;
      if (n == 0) return frame[at];
      const std::size_t size = static_cast<std::size_t>(frame[at + 2] << 8 | frame[at + 3]);
      if (size < 4) return -1;
      at += (size + 3) / 4 * 4;
    }
  }
};

struct Reference::Service {
  model::ServiceKey key;
  ReferenceScheduler scheduler;
  ReferenceScheduler::List list;   ///< newest first
  ReferenceScheduler::List trash;  ///< deleted ones; one that comes back is the same again
};

/// A packet's address of a service or server.
inline Bytes bytes_of(const model::Address& a) {
  return Bytes(a.bytes.begin(), a.bytes.begin() + (a.family == model::Family::kInet ? 4 : 16));
}

const Mac& mac_of(const Network& network, std::uint32_t ifindex);
/// Sources that the kernel refuses, whoever is addressed.
bool martian(const Bytes& src);
bool may_be_answered(const Bytes& frame, const Bytes& src);

}  // namespace xlvs::support
