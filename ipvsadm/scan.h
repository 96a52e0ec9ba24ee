// SPDX-License-Identifier: GPL-2.0-or-later
// Splits an argument vector into options and positional words, in popt's manner.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "grammar.h"

namespace xlvs::ipvsadm {

/// Words are taken from the left; options and positional words may be mixed. The manner is popt 1.19's:
/// letters cluster (-Ln, -At ADDR), a value may follow directly, after '=' or as the next word, long names
/// are never abbreviated, "--" ends the options, "-" is positional, and "!#:+" inside a value stands for the
/// next word that is no option.
class Scanner {
 public:
  /// @param args  the program's name and its arguments; must outlive the scanner.
  explicit Scanner(const std::vector<std::string>& args) : args_(args), removed_(args.size(), false) {}

  enum class Kind { kOption, kEnd, kUnknown, kMissingValue, kUnwantedValue };
  struct Step {
    Kind kind;
    const Spelling* spelling = nullptr;  ///< unless kEnd or kUnknown
    std::optional<std::string> value;
  };
  /// The next option. After kUnknown, kMissingValue or kUnwantedValue the rest is not scanned.
  Step next();

  /// The word that the last step came from, whole: what faults quote.
  [[nodiscard]] const std::string& word() const { return args_[next_ - 1]; }

  /// Takes the next positional word, in order of appearance; complete once next() gave kEnd.
  std::optional<std::string> positional();

 private:
  Step option(const Spelling& spelling, std::optional<std::string> attached);
  std::string expand(const std::string& value);
  const std::string* take_next_plain_word();

  const std::vector<std::string>& args_;
  std::vector<bool> removed_;  ///< words that an expansion has used up
  std::size_t next_ = 1;
  std::optional<std::string> cluster_;  ///< letters of the current word that are still to come
  bool only_positional_ = false;
  std::vector<std::string> positional_;
  std::size_t next_positional_ = 0;
};

}  // namespace xlvs::ipvsadm
