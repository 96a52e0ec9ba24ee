// SPDX-License-Identifier: GPL-2.0-or-later
// The back end that keeps services in the maps of our XDP data plane.
#pragma once

#include "backend/backend.h"
#include "encode/table.h"

namespace xlvs::backend {

/// kUnsupported, before anything is changed, for what the data plane cannot do (encode/can_serve.h) and for
/// the sync daemon.
class XdpBackend : public YieldingBackend {
 public:
  /// The memory must be a formatted table (encode::Table::format); both outlive this object.
  XdpBackend(const encode::TableMemory& memory, encode::TableHost& host) : table_(memory, host) {}

  Result<model::EngineInfo> info() override { return model::EngineInfo{}; }

  Status add_service(const model::ServiceKey& key, const model::ServiceConfig& config) override;
  Status edit_service(const model::ServiceKey& key, const model::ServiceConfig& config) override;
  Status delete_service(const model::ServiceKey& key) override;
  Status hand_over(const model::ServiceKey& key) override;
  Status linger(const GoesOn& goes_on) override;
  Result<std::vector<std::pair<model::ServiceKey, model::Server>>> lingering() override;
  Status flush() override;
  Status zero(const model::ServiceKey* key) override;

  Status add_server(const model::ServiceKey& service, const model::ServerKey& server,
                    const model::ServerConfig& config) override;
  Status edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                     const model::ServerConfig& config) override;
  Status delete_server(const model::ServiceKey& service, const model::ServerKey& server) override;

  Result<std::vector<model::Service>> services() override;
  Result<model::Service> service(const model::ServiceKey& key) override;
  Result<std::vector<model::Server>> servers(const model::ServiceKey& key) override;
  Status connections(const std::function<void(const model::Connection&)>& each) override;

  Result<model::Timeouts> timeouts() override;
  Status set_timeouts(const model::Timeouts& timeouts) override;

  Result<std::vector<model::Daemon>> daemons() override;
  Status start_daemon(const model::Daemon& daemon) override;
  Status stop_daemon(model::DaemonState state, std::uint32_t sync_id) override;

  Status begin(Batch batch) override;
  Status commit() override;
  void cancel() override;

 private:
  encode::Table table_;
};

}  // namespace xlvs::backend
