// SPDX-License-Identifier: GPL-2.0-or-later
// SipHash-1-3 of one or several words.
#pragma once

#include <cstdint>
#include <initializer_list>

namespace xlvs::sched {

/// A 128-bit key.
struct SipKey {
  std::uint64_t low = 0, high = 0;
};

/// One round for each word, three to finish. `bytes` is the message's length, which the last word carries in
/// its top byte. Source: Aumasson and Bernstein, "SipHash: a fast short-input PRF", 2012.
std::uint64_t siphash13(SipKey key, std::initializer_list<std::uint64_t> words, unsigned bytes);

}  // namespace xlvs::sched
