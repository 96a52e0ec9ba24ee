// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/bitmap.h"

#include <algorithm>

namespace xlvs::encode {

void Bitmap::use(std::size_t first, std::size_t count) {
  for (const std::size_t end = first + count; first < end;) {
    const std::size_t bit = first % kBits, bits = std::min(kBits - bit, end - first);
    words_[first / kBits] |= (bits == kBits ? kAll : (std::uint64_t{1} << bits) - 1) << bit;
    first += bits;
  }
}

std::optional<std::uint32_t> Bitmap::run(std::size_t count, std::size_t from, std::size_t to) const {
  std::size_t length = 0;
  for (std::size_t i = from; i < to;) {
    const std::uint64_t word = words_[i / kBits];
    if (i % kBits == 0 && i + kBits <= to && (word == kAll || (word == 0 && length + kBits < count))) {
      length = word == kAll ? 0 : length + kBits;
      i += kBits;
      continue;
    }
    length = used(i) ? 0 : length + 1;
    if (length == count) return static_cast<std::uint32_t>(i + 1 - count);
    ++i;
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Bitmap::take(std::uint32_t count, std::uint32_t& cursor) {
  const std::size_t start = cursor < size() ? cursor : 0;  // a hint: any value is safe
  auto first = run(count, start, size());
  if (!first) first = run(count, 0, std::min(start + count - 1, size()));
  if (!first) return std::nullopt;
  use(*first, count);
  cursor = *first + count;
  return first;
}

}  // namespace xlvs::encode
