// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/publish.h"

#include <algorithm>
#include <cassert>
#include <cstring>

#include "encode/allot.h"
#include "encode/compose.h"
#include "encode/convert.h"
#include "encode/filter.h"
#include "encode/ladder.h"
#include "encode/rows.h"

namespace xlvs::encode {
namespace {

/// Totals and rates begin at 0.
bool begins(const Change& c) { return !c.continues() || c.draft->zeroed(); }

/// A server from the trash still has the threshold of its last life there.
bool relieved(const TableMemory& memory, const Entry& e) {
  return e.relieved || (e.joined && (e.first_upper == 0 || e.first_upper > memory.loads[e.row].upper));
}

class Publisher {
 public:
  Publisher(const Shared& shared, Plan& plan) : shared_(shared), memory_(shared.memory), plan_(plan) {}

  Status run() {
    list_changes();
    if (changes_.empty()) return ok();
    shared_.writer.set(memory_.control->dirty, 1);
    forget_filter_ = collect_trash(shared_);
    if (Status s = prepare(); !s) {
      shared_.writer.set(memory_.control->dirty, 0);
      return s;
    }
    write_unseen();
    turn_over();
    settle();
    shared_.writer.set(memory_.control->dirty, 0);
    return ok();
  }

 private:
  void list_changes();
  // Decides everything; stores nothing, but that trash is gone if its rows were needed.
  Status prepare();
  void list_leaving();
  Status draw_zeros();
  void count_services(const Census& census);
  Status take_space();
  Status fill_index();
  // Stores where no packet looks yet.
  void write_unseen();
  void write_servers(const Change& change);
  void write_version(const Change& change);
  void forget_cached(std::uint32_t service, std::uint32_t row);
  void forget_all(std::uint32_t service);
  // The store.
  void turn_over();
  // After it.
  void settle();

  [[nodiscard]] bool whole() const { return plan_.replaces() || changes_.size() > 1; }
  [[nodiscard]] bool in_place() const { return !whole() && changes_.front().continues(); }

  const Shared& shared_;
  const TableMemory& memory_;
  Plan& plan_;
  std::vector<Change> changes_;
  std::vector<xlvs_index_bucket> half_;  // the other half as it will be, if whole()
  SlotPlace place_;                      // of the one service that comes or goes, else
  RowsTaken rows_;
  std::uint32_t services_ = 0, any_port_ = 0;  // as in xlvs_control
  std::uint32_t arena_cursor_ = 0, service_cursor_ = 0;
  bool forget_filter_ = false;
};

void Publisher::list_changes() {
  for (auto& [key, draft] : plan_.drafts()) {
    Change change{.key = key, .draft = draft ? &*draft : nullptr};
    change.old_row = find_service(memory_, to_abi(key));
    changes_.push_back(std::move(change));
  }
  if (plan_.replaces())
    for (const std::uint32_t row : published_services(memory_)) {
      model::ServiceKey key = to_model(memory_.services[row].key);
      if (!plan_.drafts().contains(key)) changes_.push_back({.key = std::move(key), .old_row = row});
    }
  for (Change& change : changes_) change.lingers = change.draft == nullptr && plan_.handed_over(change.key);
  for (Change& change : changes_)
    if (change.old_row != kNone)
      if (auto view = view_version(memory_, change.old_row)) change.old = *view;
}

Status Publisher::prepare() {
  const auto rows = allot_rows(shared_, changes_);
  if (!rows) return rows.error();
  rows_ = *rows;
  list_leaving();
  if (Status s = draw_zeros(); !s) return s;
  if (Status s = take_space(); !s) return s;
  return fill_index();
}

void Publisher::list_leaving() {
  std::vector<bool> stay(memory_.servers.size(), false);
  for (const Change& change : changes_)
    if (change.draft != nullptr)
      for (const Entry& e : change.draft->servers()) stay[e.row] = true;
  for (Change& change : changes_)
    if (change.old)
      for (const xlvs_record& record : change.old->records)
        if (!stay[record.server]) change.leave.push_back(&record);
}

/// Zero points of services and servers; abi/service.h says what they mean.
Status Publisher::draw_zeros() {
  std::vector<std::uint32_t> rows;
  for (const Change& c : changes_) {
    if (c.draft == nullptr) continue;
    for (const Entry& e : c.draft->servers())
      if (e.joined || begins(c)) rows.push_back(e.row);
    if (!begins(c))
      for (const xlvs_record* r : c.leave) rows.push_back(r->server);
  }
  const auto drawn = shared_.host.counters(rows);
  if (!drawn) return drawn.error();
  auto next = (*drawn).begin();
  for (Change& c : changes_) {
    if (c.draft == nullptr) continue;
    c.zero = begins(c) ? xlvs_counters{} : c.draft->zero();
    for (Entry& e : c.draft->servers())
      if (e.joined || begins(c)) {
        if (begins(c) || !e.counted) e.zero = *next;
        c.zero = add(c.zero, *next++);
      }
    if (!begins(c))
      for (std::size_t i = 0; i < c.leave.size(); ++i) c.zero = subtract(c.zero, *next++);
  }
  return ok();
}

void Publisher::count_services(const Census& census) {
  std::uint32_t ipv4 = census.ipv4, ipv6 = static_cast<std::uint32_t>(census.services.size()) - ipv4;
  any_port_ = census.any_port;
  for (const Change& change : changes_) {
    const xlvs_service_key key = to_abi(change.key);
    const std::uint32_t one = any_port(key) ? 1 : 0;
    std::uint32_t& family = key.family == XLVS_AF_INET ? ipv4 : ipv6;
    if (change.old_row != kNone) family -= 1, any_port_ -= one;
    if (change.draft != nullptr) family += 1, any_port_ += one;
  }
  assert(ipv4 + ipv6 <= memory_.control->max_services);  // Plan::create() sees to it
  services_ = services_word(ipv4, ipv6);
}

Status Publisher::take_space() {
  Census census = take_census(memory_);
  count_services(census);
  arena_cursor_ = memory_.control->arena_cursor;
  service_cursor_ = memory_.control->service_cursor;
  for (Change& change : changes_) {
    if (change.draft == nullptr) continue;
    change.maglev_seed = memory_.control->settings[XLVS_SET_MAGLEV_SEED];
    auto period = change.draft->period(change.maglev_seed);
    if (!period) return period.error();
    change.period = std::move(*period);
    if (const auto ladder = change.draft->ladder())
      change.ladder = to_blocks(*ladder, change.draft->position());
    if (change.draft->schedules() && change.draft->scheduler().dynamic())
      change.groups = group_servers(change.draft->servers());
    const auto blocks =
        xlvs_version_blocks(static_cast<__u32>(change.draft->servers().size()), change.slots());
    const auto first = census.blocks.take(blocks, arena_cursor_);
    if (!first)
      return Error{Errc::kNoSpace,
                   "the table's memory is full (" + std::to_string(census.blocks.size()) + " blocks)"};
    change.first = *first;
    const auto row = in_place() ? change.old_row : census.rows.take(1, service_cursor_);
    if (!row)
      return Error{Errc::kNoSpace,
                   "the table is full (" + std::to_string(census.rows.size()) + " rows of services)"};
    change.row = *row;
  }
  return ok();
}

Status Publisher::fill_index() {
  const Error full{Errc::kNoSpace, "the index of services is full where this one belongs"};
  if (in_place()) return ok();
  const IndexHalf now = published_half(memory_);
  if (!whole()) {
    const xlvs_service_key key = to_abi(changes_.front().key);
    auto place = find_slot(memory_, now, key);
    if (!place) place = free_slot(memory_, now, key);
    if (!place) return full;
    place_ = *place;
    return ok();
  }
  half_.assign(now.begin(), now.end());
  if (plan_.replaces()) half_.assign(now.size(), xlvs_index_bucket{});
  for (const Change& change : changes_) {
    const xlvs_service_key key = to_abi(change.key);
    // looked up in the published half: rows that half_ got here have no keys yet
    auto place = plan_.replaces() ? std::nullopt : find_slot(memory_, now, key);
    if (change.draft == nullptr) {
      if (place) half_[place->bucket].slot[place->way] = 0;
      continue;
    }
    if (!place) place = free_slot(memory_, half_, key);
    if (!place) return full;
    half_[place->bucket].slot[place->way] = slot_word(memory_, key, change.row);
  }
  return ok();
}

void Publisher::write_unseen() {
  for (const Change& change : changes_) {
    if (change.draft == nullptr) continue;
    write_servers(change);
    write_version(change);
    admit_service(shared_, to_abi(change.key));
  }
  xlvs_control& control = *memory_.control;
  // Packets trust these to be at least the truth: raised before, lowered after.
  const __u32 both = std::max(control.services & XLVS_SERVICES_COUNT, services_ & XLVS_SERVICES_COUNT) |
                     ((control.services | services_) & ~XLVS_SERVICES_COUNT);
  if (control.services != both) shared_.writer.set(control.services, both);
  if (control.any_port < any_port_) shared_.writer.set(control.any_port, any_port_);
  if (whole()) {
    const IndexHalf other = other_half(memory_);
    shared_.writer.copy(other.data(), half_.data(), other.size_bytes());
  }
}

void Publisher::write_servers(const Change& change) {
  for (const Entry& e : change.draft->servers()) {
    const xlvs_server& server = memory_.servers[e.row];
    const bool listed = available(server);
    if (!used(server)) {
      occupy(shared_, e.row, change.key, e);
      if (change.continues()) forget_cached(change.old_row, e.row);
    }
    // a service that begins has no set yet, whatever the server did in another life of it
    if (!change.continues()) leave_set(shared_, e.row);
    if (e.config.forward == model::Forward::kMasq) note_nat(shared_, e.row);
    if (listed) continue;  // packets see it: its fields change after its version did
    mirror(shared_, e.row, e.config, relieved(memory_, e));
    count_for(shared_, e.row, change.row);
    revive(shared_, e.row);
  }
}

/// lblc remembers a server by its row, which now is another server's.
void Publisher::forget_cached(std::uint32_t service, std::uint32_t row) {
  __u32& cached = memory_.services[service].cached;
  if (load(cached) == row + 1) shared_.writer.set(cached, 0);
}

/// Another scheduler is bound to a service that stays in its row.
void Publisher::forget_all(std::uint32_t service) {
  xlvs_service& row = memory_.services[service];
  if (load(row.cached) != 0) shared_.writer.set(row.cached, 0);
  if (load(row.forgotten) != load(row.joined)) shared_.writer.set(row.forgotten, load(row.joined));
}

void Publisher::write_version(const Change& change) {
  const std::vector<Block> blocks = version_blocks(change, shared_.host.now());
  shared_.writer.copy(&memory_.arena[change.first], blocks.data(), blocks.size() * sizeof(Block));
  if (in_place()) return;
  xlvs_service service{};
  service.key = to_abi(change.key);
  service.version = change.first;
  if (change.remembers()) {
    const xlvs_service& old = memory_.services[change.old_row];
    service.cached = load(old.cached);
    service.cached_at = load(old.cached_at);
    service.used = load(old.used);
    service.joined = load(old.joined);
    service.forgotten = load(old.forgotten);
    service.changed = load(old.changed);
  }
  shared_.writer.copy(&memory_.services[change.row], &service, sizeof service);
  const xlvs_rate rate = change.continues() ? service_rate(memory_, change.old_row) : xlvs_rate{};
  shared_.writer.copy(&service_rate(memory_, change.row), &rate, sizeof rate);
}

void Publisher::turn_over() {
  // Turns that packets took since the draft was made: the new schedule begins behind them.
  for (const Change& c : changes_)
    if (c.continues() && c.old) {
      auto& fresh = *reinterpret_cast<xlvs_version*>(&memory_.arena[c.first]);
      const __u64 taken = load(c.old->head->ticket) - c.draft->ticket();
      if (taken != 0) shared_.writer.set(fresh.ticket, taken);
    }
  const Change& change = changes_.front();
  if (whole()) {
    shared_.writer.set(memory_.control->half, memory_.control->half == 0 ? 1 : 0);
  } else if (in_place()) {
    shared_.writer.set(memory_.services[change.row].version, change.first);
  } else {
    __u64& word = published_half(memory_)[place_.bucket].slot[place_.way];
    shared_.writer.set(word,
                       change.draft != nullptr ? slot_word(memory_, to_abi(change.key), change.row) : 0);
  }
}

void Publisher::settle() {
  const Writer& writer = shared_.writer;
  xlvs_control& control = *memory_.control;
  std::uint32_t discarded = 0;
  std::vector<xlvs_service_key> ended;
  for (const Change& change : changes_)
    if (change.lingers && !change.leave.empty())
      writer.set(control.lingering, control.lingering + static_cast<std::uint32_t>(change.leave.size()));
  for (const Change& change : changes_) {
    for (const xlvs_record* record : change.leave) {
      discard(shared_, record->server, change.continues() ? &record->zero : nullptr, change.lingers);
      // its thresholds count again when it comes back
      const Entry* gone =
          change.continues() ? change.draft->gone(server_key(memory_.servers[record->server])) : nullptr;
      if (gone != nullptr) mirror(shared_, record->server, gone->config, gone->relieved);
    }
    discarded += static_cast<std::uint32_t>(change.leave.size());
    if (change.ends()) ended.push_back(to_abi(change.key));
    if (change.continues() && change.draft->rebound()) forget_all(change.row);
    if (change.draft != nullptr)
      for (const Entry& e : change.draft->servers()) {
        mirror(shared_, e.row, e.config, relieved(memory_, e));
        count_for(shared_, e.row, change.row);
        forget_totals(shared_, e.row);
        set_lingers(shared_, e.row, false);
        if (begins(change) || !e.counted) forget_rate(shared_, memory_.rates[e.row]);
      }
    if (change.draft != nullptr && begins(change))
      forget_rate(shared_, service_rate(memory_, change.row));
  }
  const auto before = [](const xlvs_service_key& a, const xlvs_service_key& b) {
    return std::memcmp(&a, &b, sizeof a) < 0;
  };
  std::sort(ended.begin(), ended.end(), before);
  if (!ended.empty() && control.trash != 0)
    forget_totals_if(shared_, [&](const xlvs_service_key& k) {
      return std::binary_search(ended.begin(), ended.end(), k, before);
    });
  if (const std::uint32_t trash = control.trash - rows_.revived + discarded; trash != control.trash)
    writer.set(control.trash, trash);
  const __u32 services = services_ | recount_lingering(shared_);
  if (control.services != services) writer.set(control.services, services);
  if (control.any_port != any_port_) writer.set(control.any_port, any_port_);
  if (forget_filter_ || rows_.reused || !ended.empty()) rebuild_filter(shared_);
  writer.set(control.arena_cursor, arena_cursor_);
  writer.set(control.service_cursor, service_cursor_);
  writer.set(control.server_cursor, rows_.cursor);
}

}  // namespace

Status publish(const Shared& shared, Plan& plan) { return Publisher(shared, plan).run(); }

}  // namespace xlvs::encode
