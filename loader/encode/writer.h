// SPDX-License-Identifier: GPL-2.0-or-later
// Every store to a table's shared memory: one place for memory order, and the seam where tests kill a writer.
#pragma once

#include <atomic>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>

#include "abi/base.h"

namespace xlvs::encode {

/// Stores whole aligned words, each visible to packets at once and after all stores before it.
class Writer {
 public:
  /// Called before every store. A test throws from it: what the memory holds then is what SIGKILL leaves.
  using Hook = std::function<void()>;

  explicit Writer(Hook before_store = {}) : before_store_(std::move(before_store)) {}

  template <typename T>
  void set(T& word, std::type_identity_t<T> value) const {
    step();
    std::atomic_ref<T>(word).store(value, std::memory_order_release);
  }
  template <typename T>
  void set_bits(T& word, std::type_identity_t<T> bits) const {
    step();
    std::atomic_ref<T>(word).fetch_or(bits, std::memory_order_acq_rel);
  }
  template <typename T>
  void clear_bits(T& word, std::type_identity_t<T> bits) const {
    step();
    std::atomic_ref<T>(word).fetch_and(~bits, std::memory_order_acq_rel);
  }
  template <typename T>
  void add(T& word, std::type_identity_t<T> more) const {
    step();
    std::atomic_ref<T>(word).fetch_add(more, std::memory_order_acq_rel);
  }
  /// Copies 8-byte words, in order; words that are equal already are left alone.
  void copy(void* to, const void* from, std::size_t bytes) const;

 private:
  void step() const {
    if (before_store_) before_store_();
  }
  Hook before_store_;
};

/// A word that packets or other processes change.
template <typename T>
T load(const T& word) {
  return std::atomic_ref<T>(const_cast<T&>(word)).load(std::memory_order_acquire);
}

}  // namespace xlvs::encode
