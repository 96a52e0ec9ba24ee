// SPDX-License-Identifier: GPL-2.0-or-later
// A back end without traffic: what kernel IPVS answers to commands, kept in memory.
#pragma once

#include <string>
#include <vector>

#include "backend/backend.h"

namespace xlvs::testing {

/// Accepts and refuses as kernel IPVS 6.1 does, in the same order of checks; lists are newest first. The
/// network namespace around it is one with a loopback and the interfaces that a test names.
class MemoryBackend : public backend::Backend {
 public:
  /// Interfaces with multicast on which a sync daemon can start; all have an MTU of 1500.
  std::vector<std::string> interfaces;
  std::vector<model::Connection> connection_list;
  std::string own_scheduler;  ///< a module that only this kernel has
  int commits = 0;

  Result<model::EngineInfo> info() override { return model::EngineInfo{}; }

  Status add_service(const model::ServiceKey& key, const model::ServiceConfig& config) override;
  Status edit_service(const model::ServiceKey& key, const model::ServiceConfig& config) override;
  Status delete_service(const model::ServiceKey& key) override;
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

  Result<model::Timeouts> timeouts() override { return timeouts_; }
  Status set_timeouts(const model::Timeouts& timeouts) override;

  Result<std::vector<model::Daemon>> daemons() override { return daemons_; }
  Status start_daemon(const model::Daemon& daemon) override;
  Status stop_daemon(model::DaemonState state, std::uint32_t sync_id) override;

  Status begin(Batch batch) override;
  Status commit() override;
  void cancel() override;

  /// For tests that play the traffic; null if there is none.
  model::Service* find(const model::ServiceKey& key);
  model::Server* find(const model::ServiceKey& service, const model::ServerKey& server);

  /// What traffic sees: the table as of the last commit.
  [[nodiscard]] std::size_t published_services() const {
    return in_batch_ ? published_.size() : table_.size();
  }

 private:
  struct Entry {
    model::Service service;
    std::vector<model::Server> servers;
  };

  Entry* entry(const model::ServiceKey& key);
  [[nodiscard]] Status check_new_config(const model::ServiceKey& key,
                                        const model::ServiceConfig& config) const;
  [[nodiscard]] Status check_server(const model::ServiceKey& service, const model::ServerKey& server,
                                    const model::ServerConfig& config) const;

  std::vector<Entry> table_;
  std::vector<Entry> published_;  ///< during a batch
  bool in_batch_ = false;
  model::Timeouts timeouts_{900, 120, 300};
  std::vector<model::Daemon> daemons_;
};

}  // namespace xlvs::testing
