// SPDX-License-Identifier: GPL-2.0-or-later
// The edits of one command or of a batch, collected over the published table before anything is stored.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "encode/draft.h"

namespace xlvs::encode {

class Plan {
 public:
  /// @param replace  start from an empty table instead of the published one.
  Plan(const TableMemory& memory, bool replace) : memory_(memory), replace_(replace) {}

  /// kExists, the errors of check(), kNoSpace when the table has no room for one more.
  Status create(const model::ServiceKey& key, const model::ServiceConfig& config);
  Status remove(const model::ServiceKey& key);
  /// The service is another owner's from now on: it goes if it is here, but connections that it has go on.
  void hand_over(const model::ServiceKey& key);
  [[nodiscard]] bool handed_over(const model::ServiceKey& key) const { return handed_over_.contains(key); }
  /// Forgets all services, collected and published.
  void clear();
  /// Adds a server to a service. kNoService, the errors of Draft::add(), kNoSpace.
  Status add(const model::ServiceKey& service, const model::ServerKey& server,
             const model::ServerConfig& config);
  /// Removes a server from a service. kNoService, kNotFound.
  Status remove(const model::ServiceKey& service, const model::ServerKey& server);
  /// The draft to edit, but not to add or remove servers; it is published even if nothing is done to it.
  /// kNoService.
  Result<Draft*> open(const model::ServiceKey& key);
  /// A service as it would be. kNoService.
  [[nodiscard]] Result<Draft> look(const model::ServiceKey& key) const;
  /// All services as they would be.
  [[nodiscard]] Result<std::vector<Draft>> look() const;
  [[nodiscard]] std::vector<model::ServiceKey> keys() const;

  /// Services that the plan touches; no draft = deleted.
  using Drafts = std::map<model::ServiceKey, std::optional<Draft>>;
  [[nodiscard]] Drafts& drafts() { return drafts_; }
  [[nodiscard]] bool replaces() const { return replace_; }

 private:
  /// Row of a service that counts as published for this plan, or kNone.
  [[nodiscard]] std::uint32_t base(const model::ServiceKey& key) const;

  /// The whole table as it would be; counted when it is first asked for.
  Size& size();
  /// What a published service adds to it.
  [[nodiscard]] Size size_of(std::uint32_t row) const;

  const TableMemory& memory_;
  bool replace_;
  Drafts drafts_;
  std::set<model::ServiceKey> handed_over_;
  std::optional<Size> size_;
};

}  // namespace xlvs::encode
