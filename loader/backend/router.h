// SPDX-License-Identifier: GPL-2.0-or-later
// The XDP table and kernel IPVS as one table, service by service.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <utility>

#include "backend/backend.h"

namespace xlvs::backend {

/// Every service has one owner. XDP takes what it can serve; what it refuses with kUnsupported, and firewall
/// marks, which packets do not have yet when XDP sees them, go to kernel IPVS if there is one. Packets of
/// those pass XDP untouched.
///
/// A service stays with its owner. Only an edit that XDP cannot follow moves it, whole, to the kernel; the
/// way back is to delete it and add it again, or to restore the table. Connections that XDP has then go on
/// there as long as the kernel has their servers; in listings they count for those. See docs/adr/0006.
///
/// An edit holds the XDP table's lock from the question who owns the service to its answer, so that two
/// commands never give one service two owners. A batch publishes its XDP part at once. Its kernel part is
/// applied edit by edit (replacer.h); what a flush or a replacement removes from there goes last, after the
/// XDP part.
class Router final : public Backend {
 public:
  /// kIfThere: do not load a kernel module only to look.
  enum class Load { kIfThere, kLoad };
  using OpenKernel = std::function<Result<std::unique_ptr<Backend>>(Load)>;

  Router(std::unique_ptr<YieldingBackend> xdp, OpenKernel open_kernel)
      : xdp_(std::move(xdp)), open_kernel_(std::move(open_kernel)) {}

  Result<model::EngineInfo> info() override;

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
  /// Those of XDP first.
  Status connections(const std::function<void(const model::Connection&)>& each) override;

  Result<model::Timeouts> timeouts() override { return xdp_->timeouts(); }
  Status set_timeouts(const model::Timeouts& timeouts) override;

  Result<std::vector<model::Daemon>> daemons() override;
  Status start_daemon(const model::Daemon& daemon) override;
  Status stop_daemon(model::DaemonState state, std::uint32_t sync_id) override;

  Status begin(Batch batch) override;
  Status commit() override;
  void cancel() override;

 private:
  using Change = std::function<Status(Backend&)>;

  /// Null if there is none.
  Backend* kernel(Load load);
  /// The kernel, if it owns this service.
  Backend* kernel_with(const model::ServiceKey& key);
  Status edit(const std::function<Status()>& edits);
  /// A change to a service that exists, at its owner.
  Status at_owner(const model::ServiceKey& key, const Change& change, bool of_service = false);
  Status add_to_kernel(const model::ServiceKey& key, const model::ServiceConfig& config, const Error& why);
  Status move_to_kernel(const model::ServiceKey& key, const Change& change, const Error& why);
  /// Whether the kernel's sync daemon forbids it: its datagrams cannot carry connections of two families.
  bool forbidden_by_daemon(const model::ServiceKey& service, const model::ServerKey& server);
  Status move_any_port(const model::ServiceKey& beside);
  [[nodiscard]] bool kernel_has_port_of(const model::ServiceKey& any_port);
  void align_timeouts(Backend& kernel);
  /// Connections that XDP has of the kernel's services go on if the kernel has their servers.
  Status settle_connections();
  /// Adds them to what the kernel counts.
  void count_lingering(const model::ServiceKey& key, std::vector<model::Server>& servers);

  std::unique_ptr<YieldingBackend> xdp_;
  OpenKernel open_kernel_;
  std::unique_ptr<Backend> kernel_;
  bool tried_ = false, tried_loading_ = false;
  bool in_batch_ = false;
  Batch batch_ = Batch::kMerge;
  bool timeouts_aligned_ = false;
  using Lingering = std::map<std::pair<model::ServiceKey, model::ServerKey>, model::Server>;
  std::optional<Lingering> lingering_;  ///< as they were when a listing asked first
};

}  // namespace xlvs::backend
