// SPDX-License-Identifier: GPL-2.0-or-later
// The table: every command of ipvsadm as an edit or a reading of the shared memory.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "encode/plan.h"
#include "encode/settings.h"
#include "encode/shared.h"

namespace xlvs::encode {

/// What a fresh table is made with; capacities are those of the memory.
struct Format {
  std::uint64_t seed = 0;          ///< of every hash: random, so that nobody outside can choose buckets
  std::uint64_t netns_cookie = 0;  ///< of the namespace that the table belongs to
  std::uint32_t max_conns = 0;     ///< connections, as asked for
};

/// Holds the table's lock; as a writer, repairs first what a dead writer left.
class TableLock {
 public:
  /// kUnsupported if the table has another ABI version.
  static Result<TableLock> take(const Shared& shared, bool exclusive);
  TableLock(TableLock&& other) noexcept : host_(std::exchange(other.host_, nullptr)) {}
  TableLock& operator=(TableLock&&) = delete;
  ~TableLock() {
    if (host_ != nullptr) host_->unlock();
  }

 private:
  explicit TableLock(TableHost& host) : host_(&host) {}
  TableHost* host_;
};

/// Edits are atomic (publish.h) and exclude each other; errors are kernel IPVS's (backend.h). Not for several
/// threads at once.
class Table {
 public:
  Table(const TableMemory& memory, TableHost& host, Writer::Hook before_store = {})
      : shared_{memory, host, Writer(std::move(before_store))} {}

  /// Makes zeroed memory an empty table with IPVS's default timeouts. The version is stored last.
  static Status format(const TableMemory& memory, const Format& format);

  Status add_service(const model::ServiceKey& key, const model::ServiceConfig& config);
  Status edit_service(const model::ServiceKey& key, const model::ServiceConfig& config);
  Status delete_service(const model::ServiceKey& key);
  /// The service is another owner's from now on: it goes if it is here, but connections that it has go on.
  Status hand_over(const model::ServiceKey& key);
  using GoesOn = std::function<bool(const model::ServiceKey&, const model::ServerKey&)>;
  /// For the servers of services that are not here, but have connections: whether those go on. Asked with the
  /// lock held.
  Status linger(const GoesOn& goes_on);
  /// Servers whose connections go on though their services are not here.
  Result<std::vector<std::pair<model::ServiceKey, model::Server>>> lingering();
  Status flush();
  Status zero(const model::ServiceKey* key);

  Status add_server(const model::ServiceKey& service, const model::ServerKey& server,
                    const model::ServerConfig& config);
  Status edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                     const model::ServerConfig& config);
  Status delete_server(const model::ServiceKey& service, const model::ServerKey& server);

  Result<std::vector<model::Service>> services();
  Result<model::Service> service(const model::ServiceKey& key);
  Result<std::vector<model::Server>> servers(const model::ServiceKey& key);
  Status connections(const std::function<void(const model::Connection&)>& each);

  Result<model::Timeouts> timeouts();
  Status set_timeouts(const model::Timeouts& timeouts);

  Result<std::vector<Setting>> settings();
  /// All or, when one cannot be, none. They were checked (parse_setting()).
  Status set_settings(const std::vector<Setting>& wanted);

  /// Between begin() and commit() edits are collected, and this object's readings show them; the lock is
  /// held. An edit that fails leaves the others. A failed commit() drops all.
  Status begin(bool replace);
  Status commit();
  /// Drops what was collected.
  void cancel();

 private:
  Status edit(const std::function<Status(Plan&)>& edits);
  template <typename T>
  Result<T> read(const std::function<Result<T>(const Plan&)>& reading);
  Result<std::vector<model::Service>> with_totals(const std::vector<Draft>& drafts);

  Shared shared_;
  std::optional<TableLock> batch_lock_;
  std::optional<Plan> batch_;
};

}  // namespace xlvs::encode
