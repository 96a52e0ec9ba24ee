// SPDX-License-Identifier: GPL-2.0-or-later
// A back end that forwards to one that the test owns.
#pragma once

#include "backend/backend.h"

namespace xlvs::testing {

/// Hands a back end that somebody else owns to a Router.
class Borrowed final : public backend::Backend {
 public:
  explicit Borrowed(backend::Backend& lender) : b_(lender) {}
  Result<model::EngineInfo> info() override { return b_.info(); }
  Status add_service(const model::ServiceKey& k, const model::ServiceConfig& c) override {
    return b_.add_service(k, c);
  }
  Status edit_service(const model::ServiceKey& k, const model::ServiceConfig& c) override {
    return b_.edit_service(k, c);
  }
  Status delete_service(const model::ServiceKey& k) override { return b_.delete_service(k); }
  Status flush() override { return b_.flush(); }
  Status zero(const model::ServiceKey* k) override { return b_.zero(k); }
  Status add_server(const model::ServiceKey& s, const model::ServerKey& k,
                    const model::ServerConfig& c) override {
    return b_.add_server(s, k, c);
  }
  Status edit_server(const model::ServiceKey& s, const model::ServerKey& k,
                     const model::ServerConfig& c) override {
    return b_.edit_server(s, k, c);
  }
  Status delete_server(const model::ServiceKey& s, const model::ServerKey& k) override {
    return b_.delete_server(s, k);
  }
  Result<std::vector<model::Service>> services() override { return b_.services(); }
  Result<model::Service> service(const model::ServiceKey& k) override { return b_.service(k); }
  Result<std::vector<model::Server>> servers(const model::ServiceKey& k) override { return b_.servers(k); }
  Status connections(const std::function<void(const model::Connection&)>& e) override {
    return b_.connections(e);
  }
  Result<model::Timeouts> timeouts() override { return b_.timeouts(); }
  Status set_timeouts(const model::Timeouts& t) override { return b_.set_timeouts(t); }
  Result<std::vector<model::Daemon>> daemons() override { return b_.daemons(); }
  Status start_daemon(const model::Daemon& d) override { return b_.start_daemon(d); }
  Status stop_daemon(model::DaemonState s, std::uint32_t i) override { return b_.stop_daemon(s, i); }
  Status begin(Batch batch) override { return b_.begin(batch); }
  Status commit() override { return b_.commit(); }
  void cancel() override { b_.cancel(); }

 private:
  backend::Backend& b_;
};

}  // namespace xlvs::testing
