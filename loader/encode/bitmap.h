// SPDX-License-Identifier: GPL-2.0-or-later
// Which numbers of a range are taken; finds free ones behind a cursor, so that what was freed is reused late.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace xlvs::encode {

class Bitmap {
 public:
  explicit Bitmap(std::size_t size) : words_((size + kBits - 1) / kBits), size_(size) {}

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] bool used(std::size_t at) const { return (words_[at / kBits] >> (at % kBits) & 1) != 0; }
  void use(std::size_t first, std::size_t count = 1);
  /// Takes `count` consecutive free numbers: the first such run behind `cursor`, else from the beginning.
  /// The cursor moves behind it.
  std::optional<std::uint32_t> take(std::uint32_t count, std::uint32_t& cursor);

 private:
  static constexpr std::size_t kBits = 64;
  static constexpr std::uint64_t kAll = ~std::uint64_t{0};
  [[nodiscard]] std::optional<std::uint32_t> run(std::size_t count, std::size_t from, std::size_t to) const;
  std::vector<std::uint64_t> words_;
  std::size_t size_;
};

}  // namespace xlvs::encode
