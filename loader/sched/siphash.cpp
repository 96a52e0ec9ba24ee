// SPDX-License-Identifier: GPL-2.0-or-later
#include "sched/siphash.h"

#include <bit>

namespace xlvs::sched {
namespace {

struct State {
  std::uint64_t v0, v1, v2, v3;

  void round() {
    v0 += v1;
    v2 += v3;
    v1 = std::rotl(v1, 13) ^ v0;
    v3 = std::rotl(v3, 16) ^ v2;
    v0 = std::rotl(v0, 32);
    v2 += v1;
    v0 += v3;
    v1 = std::rotl(v1, 17) ^ v2;
    v3 = std::rotl(v3, 21) ^ v0;
    v2 = std::rotl(v2, 32);
  }
  void absorb(std::uint64_t word) {
    v3 ^= word;
    round();
    v0 ^= word;
  }
};

}  // namespace

std::uint64_t siphash13(SipKey key, std::initializer_list<std::uint64_t> words, unsigned bytes) {
  // "somepseudorandomlygeneratedbytes", the paper's starting state
  State s{0x736f6d6570736575 ^ key.low, 0x646f72616e646f6d ^ key.high, 0x6c7967656e657261 ^ key.low,
          0x7465646279746573 ^ key.high};
  std::uint64_t tail = std::uint64_t{bytes} << 56;
  for (const std::uint64_t* word = words.begin(); word != words.end(); ++word) {
    if (word + 1 == words.end() && bytes % 8 != 0)
      tail |= *word;
    else
      s.absorb(*word);
  }
  s.absorb(tail);
  s.v2 ^= 0xff;
  for (int i = 0; i < 3; ++i) s.round();
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

}  // namespace xlvs::sched
