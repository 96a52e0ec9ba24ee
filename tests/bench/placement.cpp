// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs-placement: simulates rules of placing connections in two buckets of four (docs/adr/0002).
#include <cstdint>
#include <cstdio>
#include <random>
#include <vector>

namespace {

constexpr unsigned kWays = 4;
constexpr std::uint32_t kInserts = 1u << 20;

/// A connection table reduced to hashes: high half = first bucket, low half = second.
class Table {
 public:
  explicit Table(std::uint32_t buckets)
      : buckets_(buckets), load_(buckets), entry_(std::size_t{buckets} * kWays) {}

  [[nodiscard]] std::uint32_t first(std::uint64_t hash) const { return reduce(hash >> 32); }
  [[nodiscard]] std::uint32_t second(std::uint64_t hash) const { return reduce(hash & 0xffffffffu); }
  [[nodiscard]] unsigned load(std::uint32_t bucket) const { return load_[bucket]; }

  bool put(std::uint32_t bucket, std::uint64_t hash) {
    if (load_[bucket] == kWays) return false;
    entry_[std::size_t{bucket} * kWays + load_[bucket]++] = hash;
    return true;
  }

  /// Puts `hash` in the place of an entry that can move to its other bucket.
  bool put_moving(std::uint32_t bucket, std::uint64_t hash) {
    for (unsigned way = 0; way < kWays; ++way) {
      std::uint64_t& entry = entry_[std::size_t{bucket} * kWays + way];
      const std::uint32_t other = first(entry) == bucket ? second(entry) : first(entry);
      if (other == bucket || !put(other, entry)) continue;
      entry = hash;
      return true;
    }
    return false;
  }

 private:
  [[nodiscard]] std::uint32_t reduce(std::uint64_t half) const {
    return static_cast<std::uint32_t>((half * buckets_) >> 32);
  }

  std::uint32_t buckets_;
  std::vector<std::uint8_t> load_;
  std::vector<std::uint64_t> entry_;
};

struct Rule {
  bool balance;  ///< the emptier bucket, else the second only when the first is full
  bool move;     ///< make room by moving one entry of either bucket
};

void simulate(double slots_per_connection, Rule rule) {
  Table table(static_cast<std::uint32_t>(kInserts * slots_per_connection / kWays));
  std::mt19937_64 random(1);  // NOLINT(cert-msc51-cpp): the same figures at each run
  long failed = 0, in_second = 0;
  for (std::uint32_t i = 0; i < kInserts; ++i) {
    const std::uint64_t hash = random();
    const std::uint32_t a = table.first(hash), b = table.second(hash);
    const bool second_better = rule.balance ? table.load(b) < table.load(a) : table.load(a) == kWays;
    if (!second_better && table.put(a, hash)) continue;
    if (table.put(b, hash)) {
      ++in_second;
    } else if (!rule.move || !(table.put_moving(a, hash) || table.put_moving(b, hash))) {
      ++failed;
    }
  }
  std::printf("%5.2f slots/connection  %-10s %-8s  no place %8.5f %%  in second bucket %5.1f %%\n",
              slots_per_connection, rule.balance ? "balanced" : "first full", rule.move ? "moving" : "",
              100.0 * static_cast<double>(failed) / kInserts,
              100.0 * static_cast<double>(in_second) / kInserts);
}

}  // namespace

int main() {
  for (double slots : {2.0, 1.67, 1.33})
    for (bool move : {false, true})
      for (bool balance : {false, true}) simulate(slots, {balance, move});
}
