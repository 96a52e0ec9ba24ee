// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/bitmap.h"

#include <algorithm>

namespace xlvs::encode {

std::optional<std::uint32_t> Bitmap::run(std::uint32_t count, std::size_t from, std::size_t to) const {
  std::uint32_t length = 0;
  for (std::size_t i = from; i < to; ++i) {
    length = used_[i] ? 0 : length + 1;
    if (length == count) return static_cast<std::uint32_t>(i + 1 - count);
  }
  return std::nullopt;
}

std::optional<std::uint32_t> Bitmap::take(std::uint32_t count, std::uint32_t& cursor) {
  const std::size_t start = cursor < size() ? cursor : 0;  // a hint: any value is safe
  auto first = run(count, start, size());
  if (!first) first = run(count, 0, std::min<std::size_t>(start + count - 1, size()));
  if (!first) return std::nullopt;
  use(*first, count);
  cursor = *first + count;
  return first;
}

}  // namespace xlvs::encode
