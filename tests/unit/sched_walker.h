// SPDX-License-Identifier: GPL-2.0-or-later
// rr and wrr one pick at a time, as kernel IPVS walks its list: they share no code with the makers of
// periods.
#pragma once

#include <algorithm>
#include <numeric>
#include <optional>
#include <utility>
#include <vector>

namespace xlvs::sched {

/// Servers are names and weights; the newest is the list's head.
template <typename Name>
class Walker {
 public:
  virtual ~Walker() = default;
  /// The scheduler's init_svc, for a service that has these servers, oldest first.
  void bind(const std::vector<std::pair<Name, int>>& servers) {
    list_.assign(servers.rbegin(), servers.rend());
    bound();
  }
  void add(const Name& name, int weight) {
    list_.insert(list_.begin(), {name, weight});
    added();
  }
  void edit(const Name& name, int weight) {
    for (auto& [n, w] : list_)
      if (n == name) w = weight;
    edited();
  }
  void remove(const Name& name) {
    const auto it = std::find_if(list_.begin(), list_.end(), [&](const auto& s) { return s.first == name; });
    const auto at = static_cast<std::size_t>(it - list_.begin());
    list_.erase(it);
    removed(at);
  }
  virtual std::optional<Name> pick() = 0;

 protected:
  virtual void bound() = 0;
  virtual void added() = 0;
  virtual void edited() = 0;
  virtual void removed(std::size_t at) = 0;
  std::vector<std::pair<Name, int>> list_;
};

/// ip_vs_rr_schedule(): behind the server served last, which is a node of the list or its head.
template <typename Name>
class RrWalkerOf : public Walker<Name> {
 public:
  std::optional<Name> pick() override {
    auto& list = this->list_;
    for (std::size_t step = 0; step < list.size(); ++step) {
      next_ = next_ % list.size();
      const auto& [name, weight] = list[next_++];
      if (weight > 0) return name;
    }
    return std::nullopt;
  }

 protected:
  void bound() override { next_ = 0; }
  void added() override {
    if (next_ > 0) ++next_;
  }
  void edited() override {}
  void removed(std::size_t at) override {
    if (next_ > at) --next_;
  }
  std::size_t next_ = 0;  ///< behind the pointer; 0: the pointer is the head
};

/// ip_vs_wrr_schedule() and ip_vs_wrr_dest_changed().
template <typename Name>
class WrrWalkerOf : public Walker<Name> {
 public:
  std::optional<Name> pick() override {
    auto& list = this->list_;
    if (mw_ == 0) return std::nullopt;
    while (true) {
      for (; at_ < list.size(); ++at_)
        if (list[at_].second >= cw_) return list[at_++].first;
      at_ = 0;
      cw_ -= di_;
      if (cw_ <= 0) cw_ = mw_;
    }
  }

 protected:
  void bound() override {
    cw_ = 0;
    changed();
  }
  void added() override { changed(); }
  void edited() override { changed(); }
  void removed(std::size_t) override { changed(); }

 private:
  void changed() {
    at_ = 0;
    di_ = 0;
    int max = 0;
    for (const auto& [name, w] : this->list_) {
      di_ = std::gcd(di_, w);
      max = std::max(max, w);
    }
    if (di_ == 0) di_ = 1;
    mw_ = max - (di_ - 1);
    if (cw_ > mw_ || cw_ == 0)
      cw_ = mw_;
    else if (di_ > 1)
      cw_ = cw_ / di_ * di_ + 1;
  }
  std::size_t at_ = 0;
  int cw_ = 0, mw_ = 0, di_ = 1;
};

using RrWalker = RrWalkerOf<int>;
using WrrWalker = WrrWalkerOf<int>;

}  // namespace xlvs::sched
