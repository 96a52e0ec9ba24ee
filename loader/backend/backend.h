// SPDX-License-Identifier: GPL-2.0-or-later
// The seam between commands and engines: everything that ipvsadm asks of a director.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "base/result.h"
#include "model/service.h"

namespace xlvs::backend {

/// One engine's table in this network namespace. Every call is one atomic edit or one consistent read,
/// except between begin() and commit(). Errors carry the Errc that kernel IPVS's errno maps to
/// (see base/result.h), so that ipvsadm can word them by operation.
class Backend {
 public:
  virtual ~Backend() = default;

  virtual Result<model::EngineInfo> info() = 0;

  // Services. kExists, kNotFound (unknown scheduler or persistence engine), kNoService, kInvalidArgument.
  virtual Status add_service(const model::ServiceKey& key, const model::ServiceConfig& config) = 0;
  virtual Status edit_service(const model::ServiceKey& key, const model::ServiceConfig& config) = 0;
  virtual Status delete_service(const model::ServiceKey& key) = 0;
  virtual Status flush() = 0;
  /// Counters back to zero, of one service and its servers or, with null, of all.
  virtual Status zero(const model::ServiceKey* key) = 0;

  // Real servers. kNoService, kExists, kNotFound, kRange, kInvalidArgument.
  virtual Status add_server(const model::ServiceKey& service, const model::ServerKey& server,
                            const model::ServerConfig& config) = 0;
  virtual Status edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                             const model::ServerConfig& config) = 0;
  virtual Status delete_server(const model::ServiceKey& service, const model::ServerKey& server) = 0;

  // Listings, in the engine's own order: of services unspecified, of servers newest first.
  virtual Result<std::vector<model::Service>> services() = 0;
  virtual Result<model::Service> service(const model::ServiceKey& key) = 0;
  virtual Result<std::vector<model::Server>> servers(const model::ServiceKey& key) = 0;
  /// Calls `each` for every connection, in constant memory.
  virtual Status connections(const std::function<void(const model::Connection&)>& each) = 0;

  virtual Result<model::Timeouts> timeouts() = 0;
  /// Fields that are 0 keep their value.
  virtual Status set_timeouts(const model::Timeouts& timeouts) = 0;

  // The sync daemon.
  virtual Result<std::vector<model::Daemon>> daemons() = 0;
  virtual Status start_daemon(const model::Daemon& daemon) = 0;
  virtual Status stop_daemon(model::DaemonState state, std::uint32_t sync_id) = 0;

  /// What a batch starts from: the table as it is, or an empty one.
  enum class Batch { kMerge, kReplace };
  /// Collects the edits that follow, unseen by traffic and by other commands, until commit() publishes
  /// them at once. A back end that cannot do so applies them one by one. One that is
  /// neither committed nor cancelled is undone with this object.
  virtual Status begin(Batch batch) = 0;
  virtual Status commit() = 0;
  /// Ends a batch without publishing it.
  virtual void cancel() = 0;
};

/// A back end whose services can go to another one while the connections that they have stay and go on.
class YieldingBackend : public Backend {
 public:
  /// The service is another's from now on: it goes if it is here.
  virtual Status hand_over(const model::ServiceKey& key) = 0;
  using GoesOn = std::function<bool(const model::ServiceKey&, const model::ServerKey&)>;
  /// For each server of a service that is not here, but has connections: whether those go on. Not in a batch.
  virtual Status linger(const GoesOn& goes_on) = 0;
  /// Those servers whose connections go on, with the numbers of them.
  virtual Result<std::vector<std::pair<model::ServiceKey, model::Server>>> lingering() = 0;
};

}  // namespace xlvs::backend
