// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/plan.h"

#include <string>

#include "encode/convert.h"

namespace xlvs::encode {
namespace {

/// One key, one spelling: with a firewall mark nothing else counts.
model::ServiceKey normal(const model::ServiceKey& key) { return to_model(to_abi(key)); }

Error no_service() { return {Errc::kNoService, "no such service"}; }

Error full(std::size_t most, const char* of_what) {
  return {Errc::kNoSpace, "the table is full (" + std::to_string(most) + " " + of_what + ")"};
}

}  // namespace

std::uint32_t Plan::base(const model::ServiceKey& key) const {
  return replace_ ? kNone : find_service(memory_, to_abi(key));
}

Status Plan::create(const model::ServiceKey& asked, const model::ServiceConfig& config) {
  const model::ServiceKey key = normal(asked);
  const auto planned = drafts_.find(key);
  if (planned == drafts_.end() ? base(key) != kNone : planned->second.has_value())
    return Error{Errc::kExists, "it is there already"};
  if (Status s = check(key, config); !s) return s;
  const std::size_t most = memory_.control->max_services;
  Size& all = size();
  if (all.services >= most) return full(most, "services");
  ++all.services;
  drafts_.insert_or_assign(key, Draft(key, config));
  return ok();
}

Status Plan::remove(const model::ServiceKey& asked) {
  const model::ServiceKey key = normal(asked);
  const auto planned = drafts_.find(key);
  const std::uint32_t row = base(key);
  if (planned == drafts_.end() ? row == kNone : !planned->second) return no_service();
  if (size_) {
    --size_->services;
    size_->servers -= planned != drafts_.end() ? planned->second->servers().size() : size_of(row).servers;
  }
  if (row == kNone)
    drafts_.erase(key);
  else
    drafts_.insert_or_assign(key, std::nullopt);
  return ok();
}

void Plan::hand_over(const model::ServiceKey& key) {
  (void)remove(key);
  handed_over_.insert(normal(key));
}

void Plan::clear() {
  drafts_.clear();
  handed_over_.clear();
  replace_ = true;
  size_ = Size{};
}

Status Plan::add(const model::ServiceKey& service, const model::ServerKey& server,
                 const model::ServerConfig& config) {
  const auto draft = open(service);
  if (!draft) return draft.error();
  Size& all = size();
  const std::size_t most = memory_.servers.size();
  if (Status s = (*draft)->add(server, config, all.servers < most); !s)
    return s.error().code == Errc::kNoSpace ? full(most, "real servers") : s;
  ++all.servers;
  return ok();
}

Status Plan::remove(const model::ServiceKey& service, const model::ServerKey& server) {
  const auto draft = open(service);
  if (!draft) return draft.error();
  if (Status s = (*draft)->remove(server); !s) return s;
  if (size_) --size_->servers;
  return ok();
}

Size& Plan::size() {
  if (size_) return *size_;
  size_ = replace_ ? Size{} : published_size(memory_);
  for (const auto& [key, draft] : drafts_) {
    const Size before = size_of(base(key));
    size_->services += (draft ? 1 : 0) - before.services;
    size_->servers += (draft ? draft->servers().size() : 0) - before.servers;
  }
  return *size_;
}

Size Plan::size_of(std::uint32_t row) const {
  if (row == kNone) return {};
  const auto view = view_version(memory_, row);
  return {1, view ? (*view).records.size() : 0};
}

Result<Draft*> Plan::open(const model::ServiceKey& asked) {
  const model::ServiceKey key = normal(asked);
  const auto planned = drafts_.find(key);
  if (planned != drafts_.end()) {
    if (!planned->second) return no_service();
    return &*planned->second;
  }
  auto draft = look(key);
  if (!draft) return draft.error();
  return &*drafts_.emplace(key, std::move(*draft)).first->second;
}

Result<Draft> Plan::look(const model::ServiceKey& asked) const {
  const model::ServiceKey key = normal(asked);
  const auto planned = drafts_.find(key);
  if (planned != drafts_.end()) {
    if (!planned->second) return no_service();
    return *planned->second;
  }
  const std::uint32_t row = base(key);
  if (row == kNone) return no_service();
  return Draft::of(memory_, row);
}

std::vector<model::ServiceKey> Plan::keys() const {
  std::vector<model::ServiceKey> keys;
  for (const auto& [key, draft] : drafts_)
    if (draft) keys.push_back(key);
  if (replace_) return keys;
  for (const std::uint32_t row : published_services(memory_)) {
    model::ServiceKey key = to_model(memory_.services[row].key);
    if (!drafts_.contains(key)) keys.push_back(std::move(key));
  }
  return keys;
}

Result<std::vector<Draft>> Plan::look() const {
  std::vector<Draft> all;
  for (const model::ServiceKey& key : keys()) {
    auto draft = look(key);
    if (!draft) return draft.error();
    all.push_back(std::move(*draft));
  }
  return all;
}

}  // namespace xlvs::encode
