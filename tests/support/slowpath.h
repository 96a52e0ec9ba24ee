// SPDX-License-Identifier: GPL-2.0-or-later
// The real slow path object on a director's table, and the wires behind its interfaces.
#pragma once

#include <linux/bpf.h>

#include <functional>
#include <memory>

#include "abi/verdict.h"
#include "base/unique_fd.h"
#include "support/director.h"

struct slowpath;

namespace xlvs::support {

class Slowpath {
 public:
  static Result<std::unique_ptr<Slowpath>> load(Director& director);
  ~Slowpath();

  /// As after load(): no fragments that wait or are known.
  void forget();
  /// On the TC ingress hook of an interface, until this ends.
  Status attach(std::uint32_t ifindex);

  /// One frame that the director has passed on to be looked at once more.
  /// @return  the TC action and the frame afterwards
  Result<Outcome> again(const Bytes& frame, std::uint32_t ifindex);
  /// What it ordered last: meant where again() answered TC_ACT_REDIRECT.
  [[nodiscard]] Result<xlvs_meta> order() const;

 private:
  [[nodiscard]] Bytes empty_cases() const;
  struct Close {
    void operator()(::slowpath* skeleton) const;
  };
  explicit Slowpath(std::unique_ptr<::slowpath, Close> skeleton) : skeleton_(std::move(skeleton)) {}

  std::unique_ptr<::slowpath, Close> skeleton_;
  std::vector<std::uint32_t> attached_;
};

/// Everything that arrives at the other end of a link.
class Wire {
 public:
  explicit Wire(const char* peer);
  /// The next frame that `is_it` takes, or an empty one: nothing came for two seconds.
  Bytes next(const std::function<bool(const Bytes&)>& is_it);
  /// All frames that have arrived.
  std::vector<Bytes> arrived();

 private:
  Bytes receive();

  UniqueFd fd_;
};

}  // namespace xlvs::support
