// SPDX-License-Identifier: GPL-2.0-or-later
// The reference's schedulers.
#include "support/reference_sched.h"

#include <algorithm>
#include <numeric>

namespace xlvs::support {
namespace {

using Server = std::shared_ptr<ReferenceServer>;

bool usable(const Server& s) { return s->config.weight > 0 && !s->overload; }

/// Behind `last`, or at the head.
ReferenceScheduler::List::const_iterator behind(const ReferenceScheduler::List& list, const Server& last) {
  auto at = std::find(list.begin(), list.end(), last);
  return at == list.end() ? list.begin() : std::next(at);
}

}  // namespace

Server ReferenceScheduler::pick(const List& list) {
  if (name_ == "rr") return rr(list);
  if (name_ == "wrr") return wrr(list);
  return wlc(list);
}

Server ReferenceScheduler::rr(const List& list) {
  auto at = behind(list, last_);
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (at == list.end()) at = list.begin();
    if (usable(*at)) return last_ = *at;
    ++at;
  }
  return nullptr;
}

Server ReferenceScheduler::wrr(const List& list) {
  if (most_ == 0) return nullptr;
  auto at = behind(list, last_);
  // every threshold once from the list's head to its end, and the one that we are in the midst of
  for (std::int64_t pass = 0; pass <= most_ / step_ + 2; ++pass) {
    for (; at != list.end(); ++at)
      if (!(*at)->overload && (*at)->config.weight >= current_) return last_ = *at;
    current_ -= step_;
    if (current_ <= 0) current_ = most_;
    at = list.begin();
  }
  return nullptr;
}

Server ReferenceScheduler::wlc(const List& list) {
  Server least;
  const auto overhead = [](const Server& s) { return std::uint64_t{s->active} * 256 + s->inactive; };
  for (const Server& s : list) {
    if (!usable(s)) continue;
    if (!least || overhead(least) * static_cast<std::uint64_t>(s->config.weight) >
                      overhead(s) * static_cast<std::uint64_t>(least->config.weight))
      least = s;
  }
  return least;
}

void ReferenceScheduler::changed(const List& list) {
  if (name_ != "wrr") return;
  std::int64_t divisor = 0, top = 0;
  for (const Server& s : list) {
    divisor = std::gcd(divisor, std::int64_t{s->config.weight});
    top = std::max(top, std::int64_t{s->config.weight});
  }
  last_ = nullptr;
  step_ = divisor ? divisor : 1;
  most_ = top - (step_ - 1);
  if (current_ > most_ || current_ == 0)
    current_ = most_;
  else if (step_ > 1)
    current_ = current_ / step_ * step_ + 1;
}

void ReferenceScheduler::leaving(const List& list, const Server& gone) {
  if (name_ != "rr" || last_ != gone) return;
  const auto at = std::find(list.begin(), list.end(), gone);
  last_ = at == list.begin() ? nullptr : *std::prev(at);
}

}  // namespace xlvs::support
