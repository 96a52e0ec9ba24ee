// SPDX-License-Identifier: GPL-2.0-or-later
// The reference's schedulers: the kernel's own walks, step by step, where the data plane has tables and
// scans.
#pragma once

#include <list>
#include <memory>
#include <string>

#include "support/reference.h"

namespace xlvs::support {

/// rr, wrr or wlc over one service's list of real servers, newest first.
class ReferenceScheduler {
 public:
  using List = std::list<std::shared_ptr<ReferenceServer>>;

  explicit ReferenceScheduler(std::string name) : name_(std::move(name)) {}
  /// Null if no server can take a connection.
  std::shared_ptr<ReferenceServer> pick(const List& list);
  /// After a server joined or changed.
  void changed(const List& list);
  /// Before `gone` leaves the list.
  void leaving(const List& list, const std::shared_ptr<ReferenceServer>& gone);

 private:
  std::shared_ptr<ReferenceServer> rr(const List& list);
  std::shared_ptr<ReferenceServer> wrr(const List& list);
  static std::shared_ptr<ReferenceServer> wlc(const List& list);

  std::string name_;
  std::shared_ptr<ReferenceServer> last_;  ///< null = the list's head
  std::int64_t current_ = 0, step_ = 1, most_ = 0;
};

}  // namespace xlvs::support
