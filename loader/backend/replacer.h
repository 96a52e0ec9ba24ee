// SPDX-License-Identifier: GPL-2.0-or-later
// Batches for kernel IPVS, which has none: a replacement as the few edits that lead from one table to the
// other.
#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "backend/backend.h"

namespace xlvs::backend {

/// Edits go to the kernel one by one, so that each gets the kernel's own answer. But between begin() and
/// commit() a flush, or a replacement, takes nothing away yet: it only hides what is there from the edits
/// that follow. A service or real server that is added again is changed in its place, or left alone if it
/// is the same; what nobody has added by the commit goes then. So no service that stays is ever without
/// servers, and its connections live.
///
/// The result is that of a flush and the same edits: real servers stand in the order in which they were
/// added. One that stands behind its place is taken out and put in again, by two requests. Different from
/// a flush: a service that stays keeps its counters and its scheduler's position.
class Replacer final : public Backend {
 public:
  explicit Replacer(std::unique_ptr<Backend> kernel) : kernel_(std::move(kernel)) {}

  Result<model::EngineInfo> info() override { return kernel_->info(); }

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
  Status connections(const std::function<void(const model::Connection&)>& each) override {
    return kernel_->connections(each);
  }

  Result<model::Timeouts> timeouts() override { return kernel_->timeouts(); }
  Status set_timeouts(const model::Timeouts& timeouts) override { return kernel_->set_timeouts(timeouts); }

  Result<std::vector<model::Daemon>> daemons() override { return kernel_->daemons(); }
  Status start_daemon(const model::Daemon& daemon) override { return kernel_->start_daemon(daemon); }
  Status stop_daemon(model::DaemonState state, std::uint32_t sync_id) override {
    return kernel_->stop_daemon(state, sync_id);
  }

  Status begin(Batch batch) override;
  Status commit() override;
  /// What was added or changed stays; what a flush has hidden is seen again.
  void cancel() override;

 private:
  /// A real server of a service that stays, not added again so far.
  struct Waiting {
    std::size_t place;  ///< in the kernel's list, counted from the oldest
    model::ServerConfig config;
  };
  struct Staying {
    std::map<model::ServerKey, Waiting> waiting;
    std::size_t next = 0;    ///< servers in places before it have been passed over
    bool appending = false;  ///< one was added: whoever comes now must be newer than that
  };

  [[nodiscard]] bool hidden(const model::ServiceKey& key) const;
  Status stay(const model::ServiceKey& key, const model::ServiceConfig& before,
              const model::ServiceConfig& config);
  Status add_again(const model::ServiceKey& service, const model::ServerKey& server,
                   const model::ServerConfig& config, Staying& staying);
  Status take_out(const model::ServiceKey& service, const model::ServerKey& server);
  Status remove_waiting(const model::ServiceKey& service, const Staying& staying);

  std::unique_ptr<Backend> kernel_;
  bool in_batch_ = false;
  bool only_flushed_ = false;  ///< nothing was added since the flush
  std::map<model::ServiceKey, model::ServiceConfig> hidden_;
  std::map<model::ServiceKey, Staying> staying_;
};

}  // namespace xlvs::backend
