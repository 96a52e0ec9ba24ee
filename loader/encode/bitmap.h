// SPDX-License-Identifier: GPL-2.0-or-later
// Which numbers of a range are taken; finds free ones behind a cursor, so that what was freed is reused late.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

namespace xlvs::encode {

class Bitmap {
 public:
  explicit Bitmap(std::size_t size) : used_(size, false) {}

  [[nodiscard]] std::size_t size() const { return used_.size(); }
  [[nodiscard]] bool used(std::uint32_t at) const { return used_[at]; }
  [[nodiscard]] std::uint32_t count() const { return count_; }
  void use(std::uint32_t first, std::uint32_t count = 1) {
    for (std::uint32_t i = first; i < first + count; ++i) {
      if (!used_[i]) ++count_;
      used_[i] = true;
    }
  }
  /// Takes `count` consecutive free numbers: the first such run behind `cursor`, else from the beginning.
  /// The cursor moves behind it.
  std::optional<std::uint32_t> take(std::uint32_t count, std::uint32_t& cursor);

 private:
  [[nodiscard]] std::optional<std::uint32_t> run(std::uint32_t count, std::size_t from, std::size_t to) const;
  std::vector<bool> used_;
  std::uint32_t count_ = 0;
};

}  // namespace xlvs::encode
