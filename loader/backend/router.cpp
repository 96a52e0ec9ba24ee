// SPDX-License-Identifier: GPL-2.0-or-later
#include "backend/router.h"

#include <algorithm>
#include <set>
#include <utility>

#include "backend/key.h"
#include "backend/replacer.h"

namespace xlvs::backend {
namespace {

bool is(const Status& status, Errc code) { return !status && status.error().code == code; }

/// A scheduler that we do not know may be a module of the kernel.
bool kernel_may(const Status& status, bool of_service) {
  return is(status, Errc::kUnsupported) || (of_service && is(status, Errc::kNotFound));
}

Error no_service() { return {Errc::kNoService, "no such service"}; }
Error exists() { return {Errc::kExists, "it is there already"}; }

Error two_families() {
  return {Errc::kInvalidArgument, "the sync daemon cannot tell of servers of another address family"};
}

Error alone(Error why) {
  if (why.code == Errc::kUnsupported) why.what += ", and this kernel has no IPVS that could";
  return why;
}

}  // namespace

Backend* Router::kernel(Load load) {
  const bool loading = load == Load::kLoad;
  if (kernel_ || tried_loading_ || (tried_ && !loading)) return kernel_.get();
  tried_ = true;
  tried_loading_ = loading;
  auto opened = open_kernel_(load);
  if (!opened) return nullptr;
  kernel_ = std::make_unique<Replacer>(*std::move(opened));
  if (in_batch_ && !kernel_->begin(batch_)) kernel_.reset();
  return kernel_.get();
}

Backend* Router::kernel_with(const model::ServiceKey& key) {
  Backend* kernel = this->kernel(Load::kIfThere);
  return kernel != nullptr && kernel->service(key) ? kernel : nullptr;
}

Status Router::edit(const std::function<Status()>& edits) {
  if (in_batch_) return edits();
  if (Status s = begin(Batch::kMerge); !s) return s;
  if (Status s = edits(); !s) {
    cancel();
    return s;
  }
  return commit();
}

Status Router::at_owner(const model::ServiceKey& key, const Change& change, bool of_service) {
  return edit([&]() -> Status {
    Status s = change(*xdp_);
    if (is(s, Errc::kNoService)) {
      Backend* kernel = kernel_with(key);
      return kernel != nullptr ? change(*kernel) : s;
    }
    return kernel_may(s, of_service) ? move_to_kernel(key, change, s.error()) : s;
  });
}

Status Router::add_service(const model::ServiceKey& key, const model::ServiceConfig& config) {
  return edit([&]() -> Status {
    if (kernel_with(key) != nullptr) return exists();
    const bool rather_kernel = key.fwmark != 0 || kernel_has_port_of(key);
    if (rather_kernel && kernel(Load::kLoad) != nullptr) {
      if (xdp_->service(key)) return exists();
      return add_to_kernel(key, config, no_service());
    }
    Status s = xdp_->add_service(key, config);
    return kernel_may(s, true) ? add_to_kernel(key, config, s.error()) : s;
  });
}

Status Router::add_to_kernel(const model::ServiceKey& key, const model::ServiceConfig& config,
                             const Error& why) {
  Backend* kernel = this->kernel(Load::kLoad);
  if (kernel == nullptr) return alone(why);
  if (Status s = kernel->add_service(key, config); !s) return s;
  align_timeouts(*kernel);
  if (Status s = xdp_->hand_over(key); !s) return s;  // a replacement may find it in the old table
  return move_any_port(key);
}

/// Copies the service to the kernel, makes the change there, and takes it from XDP; or leaves all as it was.
/// Until the XDP table is published without it, XDP serves it: there is always one that does.
Status Router::move_to_kernel(const model::ServiceKey& key, const Change& change, const Error& why) {
  Backend* kernel = this->kernel(Load::kLoad);
  if (kernel == nullptr) return alone(why);
  const auto service = xdp_->service(key);
  const auto servers = xdp_->servers(key);
  if (!service) return service.error();
  if (!servers) return servers.error();
  if (kernel->service(key))  // what a command that was killed in here has left
    if (Status s = kernel->delete_service(key); !s) return s;
  if (Status s = kernel->add_service(key, service->config); !s) return s;
  const auto copy = [&]() -> Status {
    for (auto server = servers->rbegin(); server != servers->rend(); ++server)
      if (Status s = kernel->add_server(key, server->key, server->config); !s) return s;
    return change(*kernel);
  };
  if (Status s = copy(); !s) {
    (void)kernel->delete_service(key);
    return s;
  }
  align_timeouts(*kernel);
  if (Status s = xdp_->hand_over(key); !s) return s;
  return move_any_port(key);
}

/// XDP would take packets for the kernel's port too, if it had all ports of the address.
Status Router::move_any_port(const model::ServiceKey& beside) {
  if (beside.fwmark != 0 || beside.port == 0) return ok();
  model::ServiceKey any = beside;
  any.port = 0;
  if (!xdp_->service(any)) return ok();
  return move_to_kernel(
      any, [](Backend&) { return ok(); }, no_service());
}

bool Router::kernel_has_port_of(const model::ServiceKey& any) {
  Backend* kernel = any.fwmark == 0 && any.port == 0 ? this->kernel(Load::kIfThere) : nullptr;
  if (kernel == nullptr) return false;
  const auto services = kernel->services();
  return services && std::any_of(services->begin(), services->end(), [&](const model::Service& service) {
           const model::ServiceKey& key = service.key;
           return key.fwmark == 0 && key.family == any.family && key.protocol == any.protocol &&
                  key.address == any.address;
         });
}

/// Timeouts are one setting of both, and the XDP table has the valid one. Best effort: connections live with
/// the kernel's own otherwise.
void Router::align_timeouts(Backend& kernel) {
  if (std::exchange(timeouts_aligned_, true)) return;
  if (const auto timeouts = xdp_->timeouts()) (void)kernel.set_timeouts(*timeouts);
}

Status Router::edit_service(const model::ServiceKey& key, const model::ServiceConfig& config) {
  return at_owner(
      key, [&](Backend& owner) { return owner.edit_service(key, config); }, true);
}

Status Router::delete_service(const model::ServiceKey& key) {
  return edit([&]() -> Status {
    Status s = xdp_->delete_service(key);
    if (!s && s.error().code != Errc::kNoService) return s;
    Backend* kernel = kernel_with(key);
    return kernel != nullptr ? kernel->delete_service(key) : s;
  });
}

Status Router::flush() {
  return edit([&]() -> Status {
    if (Status s = xdp_->flush(); !s) return s;
    Backend* kernel = this->kernel(Load::kIfThere);
    return kernel != nullptr ? kernel->flush() : ok();
  });
}

Status Router::zero(const model::ServiceKey* key) {
  if (key != nullptr) return at_owner(*key, [&](Backend& owner) { return owner.zero(key); });
  if (Status s = xdp_->zero(nullptr); !s) return s;
  Backend* kernel = this->kernel(Load::kIfThere);
  return kernel != nullptr ? kernel->zero(nullptr) : ok();
}

bool Router::forbidden_by_daemon(const model::ServiceKey& service, const model::ServerKey& server) {
  if (service.family == server.address.family) return false;
  const auto daemons = this->daemons();
  return daemons && !daemons->empty() && xdp_->service(service);
}

Status Router::add_server(const model::ServiceKey& service, const model::ServerKey& server,
                          const model::ServerConfig& config) {
  if (forbidden_by_daemon(service, server)) return two_families();
  return at_owner(service, [&](Backend& owner) { return owner.add_server(service, server, config); });
}

Status Router::edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                           const model::ServerConfig& config) {
  if (forbidden_by_daemon(service, server)) return two_families();
  return at_owner(service, [&](Backend& owner) { return owner.edit_server(service, server, config); });
}

Status Router::delete_server(const model::ServiceKey& service, const model::ServerKey& server) {
  return at_owner(service, [&](Backend& owner) { return owner.delete_server(service, server); });
}

Result<std::vector<model::Service>> Router::services() {
  auto all = xdp_->services();  // first: a service that moves meanwhile is then seen at least once
  Backend* kernel = this->kernel(Load::kIfThere);
  if (!all || kernel == nullptr) return all;
  const auto others = kernel->services();
  if (!others) return others.error();
  std::set<model::ServiceKey> seen;
  for (const model::Service& service : *all) seen.insert(normal(service.key));
  for (const model::Service& service : *others)
    if (!seen.contains(normal(service.key))) all->push_back(service);
  return all;
}

Result<model::Service> Router::service(const model::ServiceKey& key) {
  auto found = xdp_->service(key);
  if (found || found.error().code != Errc::kNoService) return found;
  Backend* kernel = kernel_with(key);
  return kernel != nullptr ? kernel->service(key) : found;
}

Result<std::vector<model::Server>> Router::servers(const model::ServiceKey& key) {
  auto found = xdp_->servers(key);
  if (found || found.error().code != Errc::kNoService) return found;
  Backend* kernel = kernel_with(key);
  if (kernel == nullptr) return found;
  auto servers = kernel->servers(key);
  if (servers) count_lingering(key, *servers);
  return servers;
}

void Router::count_lingering(const model::ServiceKey& key, std::vector<model::Server>& servers) {
  if (!lingering_) {
    lingering_.emplace();
    if (const auto all = xdp_->lingering())
      for (const auto& [service, server] : *all) lingering_->emplace(std::pair(service, server.key), server);
  }
  if (lingering_->empty()) return;
  for (model::Server& server : servers) {
    const auto at = lingering_->find({normal(key), server.key});
    if (at == lingering_->end()) continue;
    server.active += at->second.active;
    server.inactive += at->second.inactive;
  }
}

Status Router::settle_connections() {
  lingering_.reset();
  if (!kernel_) return ok();
  std::map<model::ServiceKey, std::set<model::ServerKey>> known;
  return xdp_->linger([&](const model::ServiceKey& service, const model::ServerKey& server) {
    const auto [at, fresh] = known.try_emplace(service);
    if (fresh)
      if (const auto servers = kernel_->servers(service))
        for (const model::Server& s : *servers) at->second.insert(s.key);
    return at->second.contains(server);
  });
}

Status Router::connections(const std::function<void(const model::Connection&)>& each) {
  if (Status s = xdp_->connections(each); !s) return s;
  Backend* kernel = this->kernel(Load::kIfThere);
  return kernel != nullptr ? kernel->connections(each) : ok();
}

Result<model::EngineInfo> Router::info() {
  Backend* kernel = this->kernel(Load::kIfThere);
  return kernel != nullptr ? kernel->info() : xdp_->info();
}

Status Router::set_timeouts(const model::Timeouts& timeouts) {
  if (Backend* kernel = this->kernel(Load::kIfThere))
    if (Status s = kernel->set_timeouts(timeouts); !s) return s;
  return xdp_->set_timeouts(timeouts);
}

Result<std::vector<model::Daemon>> Router::daemons() {
  Backend* kernel = this->kernel(Load::kIfThere);
  return kernel != nullptr ? kernel->daemons() : xdp_->daemons();
}

Status Router::start_daemon(const model::Daemon& daemon) {
  Backend* kernel = this->kernel(Load::kLoad);
  if (kernel == nullptr) return xdp_->start_daemon(daemon);
  const auto services = xdp_->services();
  if (!services) return services.error();
  for (const model::Service& service : *services) {
    const auto servers = xdp_->servers(service.key);
    if (!servers) continue;  // deleted meanwhile
    for (const model::Server& server : *servers)
      if (server.key.address.family != service.key.family) return two_families();
  }
  return kernel->start_daemon(daemon);
}

Status Router::stop_daemon(model::DaemonState state, std::uint32_t sync_id) {
  Backend* kernel = this->kernel(Load::kIfThere);
  return kernel != nullptr ? kernel->stop_daemon(state, sync_id) : xdp_->stop_daemon(state, sync_id);
}

Status Router::begin(Batch batch) {
  if (Status s = xdp_->begin(batch); !s) return s;
  // a merge may do without the kernel, and then does not look for it
  Backend* kernel = batch == Batch::kReplace ? this->kernel(Load::kIfThere) : kernel_.get();
  if (kernel != nullptr)
    if (Status s = kernel->begin(batch); !s) {
      xdp_->cancel();
      return s;
    }
  in_batch_ = true;
  batch_ = batch;
  return ok();
}

Status Router::commit() {
  in_batch_ = false;
  if (Status s = xdp_->commit(); !s) {
    if (kernel_) kernel_->cancel();
    return s;
  }
  const Status s = kernel_ ? kernel_->commit() : ok();
  const Status settled = settle_connections();
  return s ? settled : s;
}

void Router::cancel() {
  in_batch_ = false;
  if (kernel_) kernel_->cancel();
  xdp_->cancel();
}

}  // namespace xlvs::backend
