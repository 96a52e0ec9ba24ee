// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/table.h"

#include <bit>
#include <limits>

#include "encode/connections.h"
#include "encode/convert.h"
#include "encode/publish.h"
#include "encode/repair.h"
#include "encode/rows.h"
#include "model/text.h"

namespace xlvs::encode {
namespace {

Status in_context(std::string doing, Status status) {
  if (status) return status;
  const Error& e = status.error();
  return Error{e.code, std::move(doing) + ": " + e.what, e.sys};
}

std::string on(const char* verb, const model::ServiceKey& key) {
  return std::string("cannot ") + verb + " service " + model::describe(key);
}

std::string on(const char* verb, const model::ServiceKey& key, const model::ServerKey& server) {
  return std::string("cannot ") + verb + " real server " + model::describe(server) + " of " +
         model::describe(key);
}

/// Seconds by protocol and state, as in ip_vs_proto_tcp.c, _udp.c and _sctp.c.
constexpr __u32 kTimeouts[XLVS_TIMEOUT_ROWS][XLVS_TIMEOUT_STATES] = {
    {2, 900, 120, 60, 120, 120, 10, 60, 30, 120, 120},
    {300},
    {2, 4, 61, 61, 61, 61, 61, 61, 900, 61, 61, 61, 4, 61},
};

}  // namespace

Result<TableLock> TableLock::take(const Shared& shared, bool exclusive) {
  if (Status s = shared.host.lock(exclusive); !s) return s.error();
  TableLock lock(shared.host);
  const __u32 abi = load(shared.memory.control->abi);
  if (abi != XLVS_ABI_VERSION)
    return Error{Errc::kUnsupported, "the table has ABI version " + std::to_string(abi) +
                                         ", this program has " + std::to_string(XLVS_ABI_VERSION)};
  if (exclusive && shared.memory.control->dirty != 0) repair(shared);
  return lock;
}

Status Table::format(const TableMemory& memory, const Format& format) {
  const std::size_t buckets = memory.index.size() / 2;
  if (!std::has_single_bit(buckets) || memory.arena.size() < 2 || memory.services.size() < 2 ||
      memory.loads.size() != memory.servers.size() ||
      memory.changes.size() != xlvs_changes_rows(static_cast<std::uint32_t>(memory.servers.size())) ||
      memory.rates.size() != memory.servers.size() + memory.services.size())
    return Error{Errc::kInvalidArgument, "the table's memory has impossible sizes"};
  xlvs_control control{};
  const auto n = [](std::size_t size) { return static_cast<__u32>(size); };
  for (std::size_t row = 0; row < XLVS_TIMEOUT_ROWS; ++row)
    for (std::size_t state = 0; state < XLVS_TIMEOUT_STATES; ++state) {
      control.timeouts_s[row][state] = kTimeouts[row][state];
      control.timeouts[row][state] = xlvs_seconds_to_ticks(kTimeouts[row][state]);
    }
  default_settings(control);
  control.max_services = n(memory.services.size() / 2);
  control.index_buckets = n(buckets);
  control.max_servers = n(memory.servers.size());
  control.arena_blocks = n(memory.arena.size());
  control.buckets4 = n(memory.conns4.size());
  control.buckets6 = n(memory.conns6.size());
  control.max_conns = format.max_conns;
  control.seed = format.seed;
  control.netns_cookie = format.netns_cookie;
  const Writer writer;
  xlvs_version nobody{};
  nobody.service = kNone;  // block 0: what a service without a version would lead to
  writer.copy(&memory.arena[0], &nobody, sizeof nobody);
  writer.copy(memory.control, &control, sizeof control);
  writer.set(memory.control->abi, XLVS_ABI_VERSION);
  return ok();
}

Status Table::edit(const std::function<Status(Plan&)>& edits) {
  if (batch_) return edits(*batch_);
  const auto lock = TableLock::take(shared_, true);
  if (!lock) return lock.error();
  Plan plan(shared_.memory, false);
  if (Status s = edits(plan); !s) return s;
  return publish(shared_, plan);
}

template <typename T>
Result<T> Table::read(const std::function<Result<T>(const Plan&)>& reading) {
  if (batch_) return reading(*batch_);
  const auto lock = TableLock::take(shared_, false);
  if (!lock) return lock.error();
  return reading(Plan(shared_.memory, false));
}

Status Table::add_service(const model::ServiceKey& key, const model::ServiceConfig& config) {
  return in_context(on("add", key), edit([&](Plan& plan) { return plan.create(key, config); }));
}

Status Table::edit_service(const model::ServiceKey& key, const model::ServiceConfig& config) {
  return in_context(on("edit", key), edit([&](Plan& plan) -> Status {
                      const auto draft = plan.open(key);
                      return draft ? (*draft)->edit(config) : draft.error();
                    }));
}

Status Table::delete_service(const model::ServiceKey& key) {
  return in_context(on("delete", key), edit([&](Plan& plan) { return plan.remove(key); }));
}

Status Table::hand_over(const model::ServiceKey& key) {
  return in_context(on("hand over", key), edit([&](Plan& plan) {
                      plan.hand_over(key);
                      return ok();
                    }));
}

Status Table::linger(const GoesOn& goes_on) {
  const TableMemory& memory = shared_.memory;
  xlvs_control& control = *memory.control;
  if (load(control.trash) == 0 && load(control.lingering) == 0) return ok();
  const auto lock = TableLock::take(shared_, true);
  if (!lock) return lock.error();
  shared_.writer.set(control.dirty, 1);
  for (std::uint32_t row = 0; row < memory.servers.size(); ++row) {
    const xlvs_server& server = memory.servers[row];
    if (!in_trash(server)) continue;
    const bool does = has_connections(memory, row) && find_service(memory, server.svc) == kNone &&
                      goes_on(to_model(server.svc), server_key(server));
    if (does && !lingers(server)) {
      shared_.writer.set(control.lingering, control.lingering + 1);
      const bool ipv4 = server.svc.family == XLVS_AF_INET;
      shared_.writer.set_bits(control.services, ipv4 ? XLVS_SERVICES_IPV4 : XLVS_SERVICES_IPV6);
    }
    set_lingers(shared_, row, does);
  }
  const __u32 services = services_word(take_census(memory)) | recount_lingering(shared_);
  if (control.services != services) shared_.writer.set(control.services, services);
  shared_.writer.set(control.dirty, 0);
  return ok();
}

Result<std::vector<std::pair<model::ServiceKey, model::Server>>> Table::lingering() {
  using All = std::vector<std::pair<model::ServiceKey, model::Server>>;
  const TableMemory& memory = shared_.memory;
  All all;
  if (load(memory.control->lingering) == 0) return all;
  std::optional<TableLock> lock;
  if (!batch_) {
    auto taken = TableLock::take(shared_, false);
    if (!taken) return taken.error();
    lock.emplace(*std::move(taken));
  }
  for (std::uint32_t row = 0; row < memory.servers.size(); ++row) {
    const xlvs_server& server = memory.servers[row];
    if (!in_trash(server) || !lingers(server)) continue;
    const xlvs_load& l = memory.loads[row];
    model::Server counted{.key = server_key(server)};
    counted.active = load(l.active);
    counted.inactive = load(l.inactive);
    all.emplace_back(to_model(server.svc), std::move(counted));
  }
  return all;
}

Status Table::flush() {
  return in_context("cannot clear the table", edit([](Plan& plan) {
                      plan.clear();
                      return ok();
                    }));
}

Status Table::zero(const model::ServiceKey* key) {
  return in_context(key != nullptr ? on("zero", *key) : "cannot zero the table",
                    edit([&](Plan& plan) -> Status {
                      for (const model::ServiceKey& k : key != nullptr ? std::vector{*key} : plan.keys()) {
                        const auto draft = plan.open(k);
                        if (!draft) return draft.error();
                        (*draft)->zero_totals();
                      }
                      return ok();
                    }));
}

Status Table::add_server(const model::ServiceKey& service, const model::ServerKey& server,
                         const model::ServerConfig& config) {
  return in_context(on("add", service, server),
                    edit([&](Plan& plan) { return plan.add(service, server, config); }));
}

Status Table::edit_server(const model::ServiceKey& service, const model::ServerKey& server,
                          const model::ServerConfig& config) {
  return in_context(on("edit", service, server), edit([&](Plan& plan) -> Status {
                      const auto draft = plan.open(service);
                      return draft ? (*draft)->edit(server, config) : draft.error();
                    }));
}

Status Table::delete_server(const model::ServiceKey& service, const model::ServerKey& server) {
  return in_context(on("delete", service, server),
                    edit([&](Plan& plan) { return plan.remove(service, server); }));
}

Result<std::vector<model::Service>> Table::with_totals(const std::vector<Draft>& drafts) {
  std::vector<std::uint32_t> rows;
  for (const Draft& draft : drafts)
    for (const Entry& e : draft.servers())
      if (e.counted) rows.push_back(e.row);
  const auto counters = shared_.host.counters(rows);
  if (!counters) return counters.error();
  std::vector<model::Service> services;
  auto next = (*counters).begin();
  for (const Draft& draft : drafts) {
    xlvs_counters total{};
    for (const Entry& e : draft.servers())
      if (e.counted) total = add(total, *next++);
    services.push_back(
        {.key = draft.key(), .config = draft.config(), .stats = to_model(subtract(total, draft.zero()))});
    if (draft.base() != kNone) services.back().rates = to_model(service_rate(shared_.memory, draft.base()));
  }
  return services;
}

Result<std::vector<model::Service>> Table::services() {
  return read<std::vector<model::Service>>([&](const Plan& plan) -> Result<std::vector<model::Service>> {
    const auto drafts = plan.look();
    if (!drafts) return drafts.error();
    return with_totals(*drafts);
  });
}

Result<model::Service> Table::service(const model::ServiceKey& key) {
  return read<model::Service>([&](const Plan& plan) -> Result<model::Service> {
    auto draft = plan.look(key);
    if (!draft) return draft.error();
    auto services = with_totals({*std::move(draft)});
    if (!services) return services.error();
    return (*services).front();
  });
}

Result<std::vector<model::Server>> Table::servers(const model::ServiceKey& key) {
  return read<std::vector<model::Server>>([&](const Plan& plan) -> Result<std::vector<model::Server>> {
    const auto draft = plan.look(key);
    if (!draft) return draft.error();
    std::vector<std::uint32_t> rows;
    for (const Entry& e : (*draft).servers())
      if (e.counted) rows.push_back(e.row);
    const auto counters = shared_.host.counters(rows);
    if (!counters) return counters.error();
    std::vector<model::Server> servers;
    auto next = (*counters).begin();
    for (const Entry& e : (*draft).servers()) {
      model::Server server{.key = e.key, .config = e.config};
      if (e.row != kNone) {
        const xlvs_load& l = shared_.memory.loads[e.row];
        server.active = load(l.active);
        server.inactive = load(l.inactive);
        server.persistent = load(l.persistent);
        server.rates = to_model(shared_.memory.rates[e.row]);
      }
      if (e.counted) server.stats = to_model(subtract(*next++, e.zero));
      servers.push_back(std::move(server));
    }
    return servers;
  });
}

Status Table::connections(const std::function<void(const model::Connection&)>& each) {
  if (Status s = shared_.host.map_connections(); !s) return s;
  walk_connections(shared_.memory, shared_.host.now(), each);
  return ok();
}

Result<model::Timeouts> Table::timeouts() {
  return read<model::Timeouts>([&](const Plan&) -> Result<model::Timeouts> {
    const auto& s = shared_.memory.control->timeouts_s;
    return model::Timeouts{.tcp_s = s[XLVS_TIMEOUT_TCP][XLVS_TCP_ESTABLISHED],
                           .tcp_fin_s = s[XLVS_TIMEOUT_TCP][XLVS_TCP_FIN_WAIT],
                           .udp_s = s[XLVS_TIMEOUT_UDP][XLVS_UDP_NORMAL]};
  });
}

Status Table::set_timeouts(const model::Timeouts& timeouts) {
  constexpr std::uint32_t kMax_s =
      std::numeric_limits<std::int32_t>::max() / 100;  // the kernel's, at HZ = 100
  if (timeouts.tcp_s > kMax_s || timeouts.tcp_fin_s > kMax_s || timeouts.udp_s > kMax_s)
    return Error{Errc::kInvalidArgument,
                 "cannot set the timeouts: at most " + std::to_string(kMax_s) + " seconds"};
  std::optional<TableLock> lock;
  if (!batch_) {
    auto taken = TableLock::take(shared_, true);
    if (!taken) return taken.error();
    lock.emplace(*std::move(taken));
  }
  xlvs_control& control = *shared_.memory.control;
  const auto set = [&](std::size_t row, std::size_t state, std::uint32_t seconds) {
    if (seconds == 0) return;
    shared_.writer.set(control.timeouts_s[row][state], seconds);
    shared_.writer.set(control.timeouts[row][state], xlvs_seconds_to_ticks(seconds));
  };
  shared_.writer.set(control.dirty, 1);
  set(XLVS_TIMEOUT_TCP, XLVS_TCP_ESTABLISHED, timeouts.tcp_s);
  set(XLVS_TIMEOUT_TCP, XLVS_TCP_FIN_WAIT, timeouts.tcp_fin_s);
  set(XLVS_TIMEOUT_UDP, XLVS_UDP_NORMAL, timeouts.udp_s);
  shared_.writer.set(control.dirty, 0);
  return ok();
}

Result<std::vector<Setting>> Table::settings() {
  return read<std::vector<Setting>>(
      [&](const Plan&) -> Result<std::vector<Setting>> { return encode::settings(shared_.memory); });
}

Status Table::set_settings(const std::vector<Setting>& wanted) {
  const auto lock = TableLock::take(shared_, true);
  if (!lock) return lock.error();
  set(shared_, wanted);
  return ok();
}

Status Table::begin(bool replace) {
  if (batch_) return Error{Errc::kInvalidArgument, "a batch is open already"};
  auto lock = TableLock::take(shared_, true);
  if (!lock) return lock.error();
  batch_lock_.emplace(*std::move(lock));
  batch_.emplace(shared_.memory, replace);
  return ok();
}

Status Table::commit() {
  if (!batch_) return Error{Errc::kInvalidArgument, "no batch is open"};
  const std::optional<TableLock> lock = std::move(batch_lock_);
  batch_lock_.reset();
  const std::unique_ptr<Plan> plan = std::make_unique<Plan>(*std::move(batch_));
  batch_.reset();
  return in_context("cannot publish the table", publish(shared_, *plan));
}

void Table::cancel() {
  batch_.reset();
  batch_lock_.reset();
}

}  // namespace xlvs::encode
