// SPDX-License-Identifier: GPL-2.0-or-later
#include "backend/replacer.h"

#include <utility>

#include "backend/key.h"

namespace xlvs::backend {
namespace {

bool same(const model::ServiceConfig& a, const model::ServiceConfig& b) {
  constexpr std::uint32_t kSet = ~std::uint32_t{model::kSvcHashed};
  return a.scheduler == b.scheduler && (a.flags & kSet) == (b.flags & kSet) && a.timeout_s == b.timeout_s &&
         a.netmask == b.netmask && a.pe_name == b.pe_name;
}

bool same(const model::ServerConfig& a, const model::ServerConfig& b) {
  return a.forward == b.forward && a.weight == b.weight && a.upper == b.upper && a.lower == b.lower &&
         a.tun_type == b.tun_type && a.tun_port == b.tun_port && a.tun_flags == b.tun_flags;
}

/// What the kernel makes of the port: without NAT a server has the service's.
model::ServerKey in_kernel(const model::ServiceKey& service, model::ServerKey server,
                           const model::ServerConfig& config) {
  const bool keeps = config.forward == model::Forward::kDirect || config.forward == model::Forward::kTunnel;
  if (service.fwmark == 0 && keeps) server.port = service.port;
  return server;
}

Error no_service() { return {Errc::kNoService, "no such service"}; }

bool gone(const Status& status) {
  return !status && (status.error().code == Errc::kNoService || status.error().code == Errc::kNotFound);
}

}  // namespace

bool Replacer::hidden(const model::ServiceKey& key) const { return hidden_.contains(normal(key)); }

Status Replacer::add_service(const model::ServiceKey& key, const model::ServiceConfig& config) {
  only_flushed_ = false;
  const auto at = hidden_.find(normal(key));
  if (at == hidden_.end()) return kernel_->add_service(key, config);
  if (Status s = stay(key, at->second, config); !s) return s;
  hidden_.erase(at);
  return ok();
}

Status Replacer::stay(const model::ServiceKey& key, const model::ServiceConfig& before,
                      const model::ServiceConfig& config) {
  const auto servers = kernel_->servers(key);  // newest first
  if (!servers) return servers.error();
  if (!same(before, config))
    if (Status s = kernel_->edit_service(key, config); !s) return s;
  Staying& staying = staying_[normal(key)];
  std::size_t place = (*servers).size();
  for (const model::Server& server : *servers) staying.waiting[server.key] = {--place, server.config};
  return ok();
}

Status Replacer::edit_service(const model::ServiceKey& key, const model::ServiceConfig& config) {
  return hidden(key) ? no_service() : kernel_->edit_service(key, config);
}

Status Replacer::delete_service(const model::ServiceKey& key) {
  if (hidden(key)) return no_service();
  staying_.erase(normal(key));
  return kernel_->delete_service(key);
}

Status Replacer::flush() {
  if (!in_batch_) return kernel_->flush();
  const auto services = kernel_->services();
  if (!services) return services.error();
  staying_.clear();
  for (const model::Service& service : *services) hidden_[normal(service.key)] = service.config;
  only_flushed_ = true;
  return ok();
}

Status Replacer::zero(const model::ServiceKey* key) {
  return key != nullptr && hidden(*key) ? no_service() : kernel_->zero(key);
}

Status Replacer::add_server(const model::ServiceKey& service, const model::ServerKey& server,
                            const model::ServerConfig& config) {
  if (hidden(service)) return no_service();
  const auto at = staying_.find(normal(service));
  if (at == staying_.end()) return kernel_->add_server(service, server, config);
  return add_again(service, in_kernel(service, server, config), config, at->second);
}

Status Replacer::add_again(const model::ServiceKey& service, const model::ServerKey& server,
                           const model::ServerConfig& config, Staying& staying) {
  const auto at = staying.waiting.find(server);
  if (at != staying.waiting.end() && !staying.appending && at->second.place >= staying.next) {
    if (!same(at->second.config, config))
      if (Status s = kernel_->edit_server(service, server, config); !s) return s;
    staying.next = at->second.place + 1;
    staying.waiting.erase(at);
    return ok();
  }
  if (Status s = take_out(service, server); !s) return s;
  if (Status s = kernel_->add_server(service, server, config); !s) return s;
  staying.appending = true;
  return ok();
}

/// From the kernel, if it is there only because the batch is not over.
Status Replacer::take_out(const model::ServiceKey& service, const model::ServerKey& server) {
  const auto at = staying_.find(normal(service));
  if (at == staying_.end() || at->second.waiting.erase(server) == 0) return ok();
  const Status s = kernel_->delete_server(service, server);
  return gone(s) ? ok() : s;
}

Status Replacer::edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                             const model::ServerConfig& config) {
  if (hidden(service)) return no_service();
  if (Status s = take_out(service, in_kernel(service, server, config)); !s) return s;
  return kernel_->edit_server(service, server, config);
}

Status Replacer::delete_server(const model::ServiceKey& service, const model::ServerKey& server) {
  if (hidden(service)) return no_service();
  if (Status s = take_out(service, server); !s) return s;
  return kernel_->delete_server(service, server);
}

Result<std::vector<model::Service>> Replacer::services() {
  auto services = kernel_->services();
  if (services) std::erase_if(*services, [this](const model::Service& s) { return hidden(s.key); });
  return services;
}

Result<model::Service> Replacer::service(const model::ServiceKey& key) {
  if (hidden(key)) return no_service();
  return kernel_->service(key);
}

Result<std::vector<model::Server>> Replacer::servers(const model::ServiceKey& key) {
  if (hidden(key)) return no_service();
  auto servers = kernel_->servers(key);
  const auto at = staying_.find(normal(key));
  if (servers && at != staying_.end())
    std::erase_if(*servers, [&](const model::Server& s) { return at->second.waiting.contains(s.key); });
  return servers;
}

Status Replacer::begin(Batch batch) {
  in_batch_ = true;
  if (batch == Batch::kMerge) return ok();
  Status s = flush();
  if (!s) cancel();
  return s;
}

Status Replacer::commit() {
  const auto hidden = std::exchange(hidden_, {});
  const auto staying = std::exchange(staying_, {});
  in_batch_ = false;
  if (std::exchange(only_flushed_, false)) return kernel_->flush();
  for (const auto& [service, rest] : staying)
    if (Status s = remove_waiting(service, rest); !s) return s;
  for (const auto& [service, config] : hidden)
    if (Status s = kernel_->delete_service(service); !s && !gone(s)) return s;
  return ok();
}

Status Replacer::remove_waiting(const model::ServiceKey& service, const Staying& staying) {
  for (const auto& [server, waiting] : staying.waiting)
    if (Status s = kernel_->delete_server(service, server); !s && !gone(s)) return s;
  return ok();
}

void Replacer::cancel() {
  hidden_.clear();
  staying_.clear();
  in_batch_ = only_flushed_ = false;
}

}  // namespace xlvs::backend
