// SPDX-License-Identifier: GPL-2.0-or-later
// Commands from a stream, one a line (-R, ipvsadm-restore), and the one entry for a single command.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "execute.h"

namespace xlvs::ipvsadm {

/// Bytes of a restore file.
class Input {
 public:
  virtual ~Input() = default;
  /// The next byte, or -1 at the end.
  virtual int get() = 0;
  /// Whether get() would have to wait for whoever writes.
  virtual bool waits() = 0;
};

class TextInput final : public Input {
 public:
  explicit TextInput(std::string text) : text_(std::move(text)) {}
  int get() override { return next_ < text_.size() ? static_cast<unsigned char>(text_[next_++]) : -1; }
  bool waits() override { return false; }

 private:
  std::string text_;
  std::size_t next_ = 0;
};

/// A descriptor, which stays the caller's.
class FdInput final : public Input {
 public:
  explicit FdInput(int fd) : fd_(fd) {}
  int get() override;
  bool waits() override;
  /// The errno for which the input has ended before its end, or 0.
  [[nodiscard]] int error() const { return error_; }

 private:
  bool fill();

  int fd_;
  int error_ = 0;
  char buffer_[4096];  // on the stack, of which there may be little
  std::size_t next_ = 0, end_ = 0;
};

/// Splits a stream into lines of words. A word is at most 4096 bytes between blanks; there are no quotes and
/// no comments; the word "ipvsadm" is dropped wherever it stands.
class LineReader {
 public:
  explicit LineReader(Input& input) : input_(input) {}
  /// The next line, maybe without words; none at the end. A last line that ends in two blanks instead of a
  /// newline is lost, as it is for ipvsadm.
  std::optional<std::vector<std::string>> next();

 private:
  int get();

  Input& input_;
  int pushed_back_ = kNothing;
  static constexpr int kNothing = -2;
};

/// What ipvsadm-save asks of ipvsadm, or its help. `args` as of main(), argument by argument: -n, and words
/// without a dash, which are ignored.
std::variant<std::vector<std::string>, Stop> save_arguments(const std::vector<std::string>& args);

/// A restore file without the lines that begin with #, each line ended by a newline.
std::string without_comments(const std::string& text);

/// Runs the lines of `input` as commands of `program`. What the engine refuses is reported and the next line
/// follows; a fault of usage ends it. Either way what was done before stays. Edits are published together,
/// at the end, before a command that looks, and whenever the input makes us wait.
/// @return  the last line's status.
Outcome restore(Input& input, const std::string& program, backend::Backend::Batch batch, Session& session);

/// The command in `args`, of which the first is the program's name. `input` is what -R reads.
Outcome run(const std::vector<std::string>& args, Input& input, Session& session);

}  // namespace xlvs::ipvsadm
