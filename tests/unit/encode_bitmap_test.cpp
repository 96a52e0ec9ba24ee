// SPDX-License-Identifier: GPL-2.0-or-later
// The allocator's map: runs behind a cursor.
#include "encode/bitmap.h"

#include <gtest/gtest.h>

#include <random>

namespace xlvs::encode {
namespace {

TEST(Bitmap, TakesTheNextRunBehindTheCursorAndComesRound) {
  Bitmap map(200);
  std::uint32_t cursor = 150;
  EXPECT_EQ(map.take(40, cursor), 150u);
  EXPECT_EQ(cursor, 190u);
  EXPECT_EQ(map.take(40, cursor), 0u) << "ten at the end are too few";
  EXPECT_EQ(map.take(110, cursor), 40u);
  EXPECT_EQ(map.take(11, cursor), std::nullopt);
  EXPECT_EQ(map.take(10, cursor), 190u);
  EXPECT_EQ(map.take(1, cursor), std::nullopt);
}

TEST(Bitmap, TakesAnyCursor) {
  Bitmap map(64);
  std::uint32_t cursor = 4000000000u;
  EXPECT_EQ(map.take(64, cursor), 0u);
}

TEST(Bitmap, FindsExactlyWhatASlowSearchFinds) {
  std::mt19937 random(3);
  for (int round = 0; round < 2000; ++round) {
    const std::size_t size = 1 + random() % 400;
    Bitmap map(size);
    std::vector<bool> slow(size, false);
    for (unsigned i = random() % 8; i > 0; --i) {
      const std::size_t first = random() % size, count = random() % (size - first + 1);
      map.use(first, count);
      std::fill_n(slow.begin() + static_cast<std::ptrdiff_t>(first), count, true);
    }
    const auto count = static_cast<std::uint32_t>(1 + random() % 150);
    const auto free_at = [&](std::size_t at) {
      if (at + count > size) return false;
      for (std::size_t i = at; i < at + count; ++i)
        if (slow[i]) return false;
      return true;
    };
    std::uint32_t cursor = static_cast<std::uint32_t>(random() % size);
    std::optional<std::uint32_t> expected;
    for (std::size_t step = 0; step < size && !expected; ++step) {
      const std::size_t at = (cursor + step) % size;
      if (free_at(at)) expected = static_cast<std::uint32_t>(at);
    }
    EXPECT_EQ(map.take(count, cursor), expected);
    EXPECT_TRUE(!expected || map.used(*expected + count - 1));
  }
}

}  // namespace
}  // namespace xlvs::encode
