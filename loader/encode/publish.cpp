// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/publish.h"

#include <algorithm>
#include <cassert>
#include <cstring>
#include <unordered_map>

#include "encode/convert.h"
#include "encode/filter.h"
#include "encode/ladder.h"
#include "encode/rows.h"

namespace xlvs::encode {
namespace {

static_assert(sched::kMaxSlots == XLVS_MAX_SLOTS);

xlvs_sched how(sched::Pick pick) {
  switch (pick) {
    case sched::Pick::kTurn:
      return XLVS_SCHED_TURN;
    case sched::Pick::kLc:
      return XLVS_SCHED_LC;
    case sched::Pick::kWlc:
      return XLVS_SCHED_WLC;
    case sched::Pick::kSed:
      return XLVS_SCHED_SED;
    case sched::Pick::kNq:
      return XLVS_SCHED_NQ;
    case sched::Pick::kFo:
      return XLVS_SCHED_FO;
    case sched::Pick::kOvf:
      return XLVS_SCHED_OVF;
    case sched::Pick::kTwos:
      return XLVS_SCHED_TWOS;
    case sched::Pick::kLblc:
      return XLVS_SCHED_LBLC;
    case sched::Pick::kLblcr:
      return XLVS_SCHED_LBLCR;
    case sched::Pick::kDh:
      return XLVS_SCHED_DH;
    case sched::Pick::kSh:
      return XLVS_SCHED_SH;
    case sched::Pick::kMh:
      return XLVS_SCHED_MH;
  }
  return XLVS_SCHED_NONE;
}

/// One service that the plan changes.
struct Change {
  model::ServiceKey key;
  Draft* draft = nullptr;                   ///< null: the service goes
  std::uint32_t old_row = kNone;            ///< published so far; kNone: nothing is
  std::optional<VersionView> old{};         ///< its version
  std::vector<const xlvs_record*> leave{};  ///< servers that are not in the new list

  std::uint32_t row = kNone;  ///< where the draft goes
  std::uint32_t first = 0;    ///< first block of its version
  std::vector<sched::Slot> period{};
  std::vector<Block> ladder{};  ///< in the place of a period that is too long
  xlvs_counters zero{};

  /// The service lives on: totals, and what its trash keeps, too.
  [[nodiscard]] bool continues() const { return draft != nullptr && draft->base() != kNone; }
  [[nodiscard]] __u32 slots() const {
    return static_cast<__u32>(ladder.empty() ? period.size() : ladder.size() * XLVS_SLOTS_PER_BLOCK);
  }
  /// The scheduler stays bound: what it remembers holds.
  [[nodiscard]] bool remembers() const { return continues() && old && !draft->rebound(); }
  [[nodiscard]] bool ends() const { return old_row != kNone && !continues(); }
};

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
  // Decides everything and stores nothing.
  Status prepare();
  void find_rows_in_old(Change& change);
  void find_rows_in_trash();
  Status take_rows();
  void list_leaving();
  Status draw_zeros();
  Status count_services(const Census& census);
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
  std::uint32_t revived_ = 0;            // servers that leave the trash
  std::uint32_t services_ = 0, any_port_ = 0;
  std::uint32_t arena_cursor_ = 0, service_cursor_ = 0, server_cursor_ = 0;
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
  for (Change& change : changes_)
    if (change.old_row != kNone)
      if (auto view = view_version(memory_, change.old_row)) change.old = *view;
}

Status Publisher::prepare() {
  for (Change& change : changes_)
    if (change.draft != nullptr && change.old) find_rows_in_old(change);
  find_rows_in_trash();
  if (Status s = take_rows(); !s) return s;
  list_leaving();
  if (Status s = draw_zeros(); !s) return s;
  if (Status s = take_space(); !s) return s;
  return fill_index();
}

/// Servers that were deleted and added again within this plan, or that a replaced service has in both lives.
void Publisher::find_rows_in_old(Change& change) {
  std::map<model::ServerKey, Entry*> wanted;
  for (Entry& e : change.draft->servers())
    if (e.row == kNone) wanted.emplace(e.key, &e);
  if (wanted.empty()) return;
  for (const xlvs_record& record : change.old->records) {
    const auto found = wanted.find(server_key(memory_.servers[record.server]));
    if (found == wanted.end()) continue;
    Entry& e = *found->second;
    e.row = record.server;
    if (!change.continues()) continue;
    e.zero = record.zero;
    e.counted = true;
    e.joined = false;
  }
}

void Publisher::find_rows_in_trash() {
  if (memory_.control->trash == 0) return;
  struct Wanted {
    Entry* entry;
    bool continues;
  };
  std::map<std::pair<model::ServiceKey, model::ServerKey>, Wanted> wanted;
  for (const Change& change : changes_)
    if (change.draft != nullptr)
      for (Entry& e : change.draft->servers())
        if (e.row == kNone) wanted.emplace(std::pair(change.key, e.key), Wanted{&e, change.continues()});
  if (wanted.empty()) return;
  for (std::uint32_t row = 0; row < memory_.servers.size(); ++row) {
    const xlvs_server& server = memory_.servers[row];
    if (!in_trash(server)) continue;
    const auto found = wanted.find({to_model(server.svc), server_key(server)});
    if (found == wanted.end()) continue;
    auto [entry, continues] = found->second;
    entry->row = row;
    ++revived_;
    if (!continues || (server.flags & XLVS_SERVER_F_KEPT) == 0) continue;
    entry->zero = server.zero;
    entry->counted = true;
  }
}

Status Publisher::take_rows() {
  const auto n = static_cast<std::uint32_t>(memory_.servers.size());
  std::uint32_t tried = 0;
  server_cursor_ = memory_.control->server_cursor;
  for (const Change& change : changes_) {
    if (change.draft == nullptr) continue;
    for (Entry& e : change.draft->servers())
      for (; e.row == kNone; ++tried) {
        if (tried == n)
          return Error{Errc::kNoSpace, "the table is full (" + std::to_string(n) + " real servers)"};
        const std::uint32_t row = server_cursor_ < n ? server_cursor_ : 0;
        server_cursor_ = row + 1;
        if (!used(memory_.servers[row])) e.row = row;
      }
  }
  return ok();
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
  const auto begins = [](const Change& c) { return !c.continues() || c.draft->zeroed(); };
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

Status Publisher::count_services(const Census& census) {
  services_ = static_cast<std::uint32_t>(census.services.size());
  any_port_ = census.any_port;
  for (const Change& change : changes_) {
    const std::uint32_t one = any_port(to_abi(change.key)) ? 1 : 0;
    if (change.old_row != kNone) services_ -= 1, any_port_ -= one;
    if (change.draft != nullptr) services_ += 1, any_port_ += one;
  }
  const std::uint32_t most = memory_.control->max_services;
  if (services_ <= most) return ok();
  return Error{Errc::kNoSpace, "the table is full (" + std::to_string(most) + " services)"};
}

Status Publisher::take_space() {
  Census census = take_census(memory_);
  if (Status s = count_services(census); !s) return s;
  arena_cursor_ = memory_.control->arena_cursor;
  service_cursor_ = memory_.control->service_cursor;
  for (Change& change : changes_) {
    if (change.draft == nullptr) continue;
    auto period = change.draft->period();
    if (!period) return period.error();
    change.period = std::move(*period);
    if (const auto ladder = change.draft->ladder())
      change.ladder = to_blocks(*ladder, change.draft->position());
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
  if (control.services < services_) shared_.writer.set(control.services, services_);
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
    if (!change.continues() && load(memory_.loads[e.row].joined) != 0)
      shared_.writer.set(memory_.loads[e.row].joined, 0);
    if (e.config.forward == model::Forward::kMasq) note_nat(shared_, e.row);
    if (listed) continue;  // packets see it: its fields change after its version did
    mirror(shared_, e.row, e.config);
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
  const Draft& draft = *change.draft;
  const auto servers = static_cast<__u32>(draft.servers().size());
  const __u32 slots = change.slots();
  std::vector<Block> blocks(xlvs_version_blocks(servers, slots));
  xlvs_version head{};
  head.service = change.row;
  head.blocks = static_cast<__u32>(blocks.size());
  head.sched = draft.schedules() ? how(draft.scheduler().pick) : XLVS_SCHED_NONE;
  if (!change.ladder.empty()) head.sched = XLVS_SCHED_LADDER;
  head.flags = draft.config().flags;
  head.timeout_s = draft.config().timeout_s;
  head.netmask = draft.config().netmask;
  head.servers = servers;
  head.slots = slots;
  if (draft.scheduler().turns != nullptr) {
    head.state[0] = draft.position().threshold;
    head.state[1] = draft.position().last;
  } else {
    head.state[0] = change.remembers() ? change.old->head->state[0] : shared_.host.now();
  }
  draft.config().scheduler.copy(head.scheduler, sizeof head.scheduler - 1);
  xlvs_version_zero zero{};
  zero.zero = change.zero;
  draft.config().pe_name.copy(zero.pe_name, sizeof zero.pe_name - 1);
  std::memcpy(&blocks[0], &head, sizeof head);
  std::memcpy(&blocks[1], &zero, sizeof zero);

  auto* picks = reinterpret_cast<xlvs_pick*>(&blocks[XLVS_FIRST_PICK]);
  std::size_t at = xlvs_first_record(servers);
  for (const Entry& e : draft.servers()) {
    xlvs_record record = to_abi(e.config);
    record.server = e.row;
    record.last_weight = e.last_weight;
    record.zero = e.zero;
    *picks++ = {e.row, record.weight};
    std::memcpy(&blocks[at++], &record, sizeof record);
  }
  std::copy(change.ladder.begin(), change.ladder.end(), blocks.begin() + xlvs_first_slot(servers));
  auto* slot = reinterpret_cast<__u32*>(&blocks[xlvs_first_slot(servers)]);
  const bool hashed = draft.scheduler().table != nullptr;  // turns leave servers of weight 0 out
  for (const sched::Slot position : change.period) {
    const Entry& e = draft.servers()[position];
    *slot++ = e.row | (hashed && e.config.weight == 0 ? XLVS_SLOT_QUIESCED : 0);
  }
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
  for (const Change& change : changes_) {
    for (const xlvs_record* record : change.leave)
      discard(shared_, record->server, change.continues() ? &record->zero : nullptr);
    discarded += static_cast<std::uint32_t>(change.leave.size());
    if (change.ends()) ended.push_back(to_abi(change.key));
    if (change.continues() && change.draft->rebound()) forget_all(change.row);
    if (change.draft != nullptr)
      for (const Entry& e : change.draft->servers()) {
        mirror(shared_, e.row, e.config);
        forget_totals(shared_, e.row);
      }
  }
  const auto before = [](const xlvs_service_key& a, const xlvs_service_key& b) {
    return std::memcmp(&a, &b, sizeof a) < 0;
  };
  std::sort(ended.begin(), ended.end(), before);
  if (!ended.empty() && control.trash != 0)
    forget_totals_if(shared_, [&](const xlvs_service_key& k) {
      return std::binary_search(ended.begin(), ended.end(), k, before);
    });
  if (const std::uint32_t trash = control.trash - revived_ + discarded; trash != control.trash)
    writer.set(control.trash, trash);
  if (control.services != services_) writer.set(control.services, services_);
  if (control.any_port != any_port_) writer.set(control.any_port, any_port_);
  if (forget_filter_ || !ended.empty()) rebuild_filter(shared_);
  writer.set(control.arena_cursor, arena_cursor_);
  writer.set(control.service_cursor, service_cursor_);
  writer.set(control.server_cursor, server_cursor_);
}

}  // namespace

Status publish(const Shared& shared, Plan& plan) { return Publisher(shared, plan).run(); }

}  // namespace xlvs::encode
