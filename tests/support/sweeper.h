// SPDX-License-Identifier: GPL-2.0-or-later
// The real sweep beside a director that this process holds: its timer runs in the kernel as it does in production.
#pragma once

#include <memory>

#include "abi/sweep.h"
#include "support/director.h"

struct sweep;

namespace xlvs::support {

class Sweeper {
 public:
  /// Loads it on the director's maps and starts the timer, which runs as long as this object lives.
  static Result<Sweeper> start(const Director& director);
  /// What the timer has done since it started.
  [[nodiscard]] Result<xlvs_sweep_state> state() const;

 private:
  struct Close {
    void operator()(::sweep* skeleton) const;
  };
  explicit Sweeper(std::unique_ptr<::sweep, Close> skeleton) : skeleton_(std::move(skeleton)) {}
  std::unique_ptr<::sweep, Close> skeleton_;
};

}  // namespace xlvs::support
