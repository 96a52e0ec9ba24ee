// SPDX-License-Identifier: GPL-2.0-or-later
#include "backend/xdp_backend.h"

namespace xlvs::backend {

Status XdpBackend::add_service(const model::ServiceKey& key, const model::ServiceConfig& config) {
  return table_.add_service(key, config);
}

Status XdpBackend::edit_service(const model::ServiceKey& key, const model::ServiceConfig& config) {
  return table_.edit_service(key, config);
}

Status XdpBackend::delete_service(const model::ServiceKey& key) { return table_.delete_service(key); }

Status XdpBackend::hand_over(const model::ServiceKey& key) { return table_.hand_over(key); }

Status XdpBackend::linger(const GoesOn& goes_on) { return table_.linger(goes_on); }

Result<std::vector<std::pair<model::ServiceKey, model::Server>>> XdpBackend::lingering() {
  return table_.lingering();
}

Status XdpBackend::flush() { return table_.flush(); }

Status XdpBackend::zero(const model::ServiceKey* key) { return table_.zero(key); }

Status XdpBackend::add_server(const model::ServiceKey& service, const model::ServerKey& server,
                              const model::ServerConfig& config) {
  return table_.add_server(service, server, config);
}

Status XdpBackend::edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                               const model::ServerConfig& config) {
  return table_.edit_server(service, server, config);
}

Status XdpBackend::delete_server(const model::ServiceKey& service, const model::ServerKey& server) {
  return table_.delete_server(service, server);
}

Result<std::vector<model::Service>> XdpBackend::services() { return table_.services(); }

Result<model::Service> XdpBackend::service(const model::ServiceKey& key) { return table_.service(key); }

Result<std::vector<model::Server>> XdpBackend::servers(const model::ServiceKey& key) {
  return table_.servers(key);
}

Status XdpBackend::connections(const std::function<void(const model::Connection&)>& each) {
  return table_.connections(each);
}

Result<model::Timeouts> XdpBackend::timeouts() { return table_.timeouts(); }

Status XdpBackend::set_timeouts(const model::Timeouts& timeouts) { return table_.set_timeouts(timeouts); }

Result<std::vector<model::Daemon>> XdpBackend::daemons() { return std::vector<model::Daemon>{}; }

Status XdpBackend::start_daemon(const model::Daemon&) {
  return Error{Errc::kUnsupported, "cannot start the sync daemon: XDP does not have one, kernel IPVS has"};
}

Status XdpBackend::stop_daemon(model::DaemonState, std::uint32_t) {
  return Error{Errc::kNoService, "cannot stop the sync daemon: none is running"};
}

Status XdpBackend::begin(Batch batch) { return table_.begin(batch == Batch::kReplace); }

Status XdpBackend::commit() { return table_.commit(); }

void XdpBackend::cancel() { table_.cancel(); }

}  // namespace xlvs::backend
