// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/writer.h"

#include <cassert>
#include <cstdint>

namespace xlvs::encode {

void Writer::copy(void* to, const void* from, std::size_t bytes) const {
  using Word [[gnu::may_alias]] = __u64;  // the words hold structures of smaller fields
  assert(bytes % sizeof(Word) == 0 && reinterpret_cast<std::uintptr_t>(to) % sizeof(Word) == 0);
  auto* target = static_cast<Word*>(to);
  for (std::size_t i = 0; i < bytes / sizeof(Word); ++i) {
    Word value;
    __builtin_memcpy(&value, static_cast<const char*>(from) + i * sizeof(Word), sizeof value);
    if (target[i] == value) continue;
    step();
    __atomic_store_n(&target[i], value, __ATOMIC_RELEASE);
  }
}

}  // namespace xlvs::encode
