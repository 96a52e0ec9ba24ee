// SPDX-License-Identifier: GPL-2.0-or-later
#include "encode/plan.h"

#include "encode/convert.h"

namespace xlvs::encode {
namespace {

/// One key, one spelling: with a firewall mark nothing else counts.
model::ServiceKey normal(const model::ServiceKey& key) { return to_model(to_abi(key)); }

Error no_service() { return {Errc::kNoService, "no such service"}; }

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
  drafts_.insert_or_assign(key, Draft(key, config));
  return ok();
}

Status Plan::remove(const model::ServiceKey& asked) {
  const model::ServiceKey key = normal(asked);
  const auto planned = drafts_.find(key);
  const std::uint32_t row = base(key);
  if (planned == drafts_.end() ? row == kNone : !planned->second) return no_service();
  if (row == kNone)
    drafts_.erase(key);
  else
    drafts_.insert_or_assign(key, std::nullopt);
  return ok();
}

void Plan::clear() {
  drafts_.clear();
  replace_ = true;
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
