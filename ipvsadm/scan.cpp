// SPDX-License-Identifier: GPL-2.0-or-later
// The scanner of argument vectors; its rules are those that popt 1.19 follows for the same words.
#include "scan.h"

#include <utility>

namespace xlvs::ipvsadm {
namespace {

constexpr std::string_view kNextWord = "!#:+";

const Spelling* find_name(std::string_view name) {
  for (const Spelling& spelling : kSpellings)
    if (spelling.name == name) return &spelling;
  return nullptr;
}

const Spelling* find_letter(char letter) {
  if (letter == 0) return nullptr;
  for (const Spelling& spelling : kSpellings)
    if (spelling.letter == letter) return &spelling;
  return nullptr;
}

}  // namespace

Scanner::Step Scanner::next() {
  while (!cluster_) {
    if (next_ >= args_.size()) return {Kind::kEnd, nullptr, {}};
    if (removed_[next_]) {
      ++next_;
      continue;
    }
    const std::string& arg = args_[next_++];
    if (only_positional_ || arg.empty() || arg[0] != '-' || arg == "-") {
      positional_.push_back(arg);
      continue;
    }
    if (arg == "--") {
      only_positional_ = true;
      continue;
    }
    if (arg[1] != '-') {
      cluster_ = arg.substr(1);
      break;
    }
    const std::size_t equals = arg.find('=', 2);
    const Spelling* spelling =
        find_name(std::string_view(arg).substr(2, equals == arg.npos ? equals : equals - 2));
    if (!spelling) return {Kind::kUnknown, nullptr, {}};
    std::optional<std::string> attached;
    if (equals != arg.npos) attached = arg.substr(equals + 1);
    return option(*spelling, std::move(attached));
  }

  const std::string letters = *std::exchange(cluster_, std::nullopt);
  const Spelling* spelling = letters.empty() ? nullptr : find_letter(letters[0]);
  if (!spelling) return {Kind::kUnknown, nullptr, {}};
  std::optional<std::string> rest;
  if (letters.size() > 1) rest = letters.substr(letters[1] == '=' ? 2 : 1);
  if (spelling->value == Value::kNone) {
    if (rest && letters[1] == '=') return {Kind::kUnwantedValue, spelling, {}};
    cluster_ = std::move(rest);
    rest.reset();
  }
  return option(*spelling, std::move(rest));
}

Scanner::Step Scanner::option(const Spelling& spelling, std::optional<std::string> attached) {
  if (spelling.value == Value::kNone) return {attached ? Kind::kUnwantedValue : Kind::kOption, &spelling, {}};
  if (attached) return {Kind::kOption, &spelling, expand(*attached)};
  if (next_ >= args_.size()) {
    if (spelling.value == Value::kOptional) return {Kind::kOption, &spelling, {}};
    return {Kind::kMissingValue, &spelling, {}};
  }
  if (spelling.value == Value::kOptional && !args_[next_].empty() && args_[next_][0] == '-')
    return {Kind::kOption, &spelling, {}};
  return {Kind::kOption, &spelling, expand(args_[next_++])};
}

std::string Scanner::expand(const std::string& value) {
  std::string out;
  const std::string* word = nullptr;
  for (std::size_t i = 0; i < value.size();) {
    if (value.compare(i, kNextWord.size(), kNextWord) == 0) {
      if (!word) word = take_next_plain_word();
      if (word) {
        out += *word;
        i += kNextWord.size();
        continue;
      }
    }
    out += value[i++];
  }
  return out;
}

const std::string* Scanner::take_next_plain_word() {
  for (std::size_t i = next_; i < args_.size(); ++i) {
    if (removed_[i] || (!args_[i].empty() && args_[i][0] == '-')) continue;
    removed_[i] = true;
    return &args_[i];
  }
  return nullptr;
}

std::optional<std::string> Scanner::positional() {
  if (next_positional_ >= positional_.size()) return std::nullopt;
  return positional_[next_positional_++];
}

}  // namespace xlvs::ipvsadm
