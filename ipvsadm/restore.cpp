// SPDX-License-Identifier: GPL-2.0-or-later
// Lines into commands, and edits into batches.
#include "restore.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace xlvs::ipvsadm {
namespace {

constexpr std::size_t kWordLimit = 4096;
constexpr std::string_view kOwnName = "ipvsadm";

bool blank(int c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

Outcome stop(const Stop& stop, Session& session) {
  std::fwrite(stop.out.data(), 1, stop.out.size(), session.out);
  std::fwrite(stop.error.data(), 1, stop.error.size(), session.error);
  return {stop.status, stop.final};
}

/// Begins a batch when an edit wants one, commits it at the latest when it goes.
class Edits {
 public:
  explicit Edits(Session& session) : session_(session) {}
  Edits(const Edits&) = delete;
  Edits& operator=(const Edits&) = delete;

  [[nodiscard]] bool begin(backend::Backend::Batch batch, Command command) {
    if (open_) return true;
    const Status status = session_.backend.begin(batch);
    if (!status) return report(failure_text(command, status.error()) + hint_text(status.error()));
    open_ = true;
    return true;
  }

  [[nodiscard]] bool commit() {
    if (!open_) return true;
    open_ = false;
    const Status status = session_.backend.commit();
    return status || report(failure_text(status.error()) + hint_text(status.error()));
  }

 private:
  bool report(const std::string& text) {
    std::fprintf(session_.error, "%s\n", text.c_str());
    return false;
  }

  Session& session_;
  bool open_ = false;
};

}  // namespace

int FdInput::get() {
  if (next_ == end_ && !fill()) return -1;
  return static_cast<unsigned char>(buffer_[next_++]);
}

bool FdInput::fill() {
  ssize_t n;
  do {
    n = ::read(fd_, buffer_, sizeof(buffer_));
  } while (n < 0 && errno == EINTR);
  if (n < 0) error_ = errno;
  next_ = 0;
  end_ = n > 0 ? static_cast<std::size_t>(n) : 0;
  return end_ > 0;
}

bool FdInput::waits() {
  pollfd poll{fd_, POLLIN, 0};
  return next_ == end_ && ::poll(&poll, 1, 0) == 0;
}

int LineReader::get() {
  if (pushed_back_ == kNothing) return input_.get();
  return std::exchange(pushed_back_, kNothing);
}

std::optional<std::vector<std::string>> LineReader::next() {
  std::vector<std::string> words;
  for (;;) {
    int c = get();
    if (c == -1) return words.empty() ? std::nullopt : std::optional(words);
    if (blank(c)) {
      while (c != '\n' && blank(c)) c = get();
      if (c == -1) return std::nullopt;
      if (c == '\n') return words;
      pushed_back_ = c;
      continue;
    }
    std::string word;
    while (c != -1 && !blank(c) && word.size() < kWordLimit) {
      word += static_cast<char>(c);
      c = get();
    }
    if (c != -1 && !blank(c)) pushed_back_ = c;
    word.resize(word.find('\0') == word.npos ? word.size() : word.find('\0'));
    if (word != kOwnName) words.push_back(std::move(word));
    if (c == '\n') return words;
  }
}

std::variant<std::vector<std::string>, Stop> save_arguments(const std::vector<std::string>& args) {
  bool numeric = false;
  for (std::size_t i = 1; i < args.size(); ++i) {
    if (args[i] == "-n")
      numeric = true;
    else if (args[i].starts_with('-'))
      return Stop{1,
                  {},
                  args[0].substr(args[0].rfind('/') + 1) +  // npos + 1 == 0
                      ": Script to save the IPVS table to stdout.\n"
                      "   With the -n option, prints out the table in numeric format.\n"};
  }
  std::vector<std::string> command{"ipvsadm", "-S"};
  if (numeric) command.emplace_back("-n");
  return command;
}

std::string without_comments(const std::string& text) {
  std::string kept;
  for (std::size_t from = 0; from < text.size();) {
    const std::size_t end = std::min(text.find('\n', from), text.size());
    if (text[from] != '#') kept.append(text, from, end - from).push_back('\n');
    from = end + 1;
  }
  return kept;
}

Outcome restore(Input& input, const std::string& program, backend::Backend::Batch batch, Session& session) {
  Edits edits(session);
  Outcome outcome;
  if (batch == backend::Backend::Batch::kReplace && !edits.begin(batch, Command::kFlush))
    outcome.status = kFailed;

  LineReader lines(input);
  for (;;) {
    if (input.waits() && !edits.commit()) outcome.status = kFailed;
    const auto words = lines.next();
    if (!words) break;
    if (words->empty()) continue;

    std::vector<std::string> args{program};
    args.insert(args.end(), words->begin(), words->end());
    const auto parsed = parse(args, session.names);
    if (const Stop* stopped = std::get_if<Stop>(&parsed)) {
      if (stopped->final && !edits.commit()) return {kFailed, true};
      outcome = stop(*stopped, session);
      if (outcome.final) return outcome;
      continue;
    }
    const auto& request = std::get<Request>(parsed);
    if (edits_table(request.command)) {
      if (edits.begin(backend::Backend::Batch::kMerge, request.command))
        outcome = execute(request, session);
      else
        outcome = {kFailed, false};
      continue;
    }
    if (!edits.commit()) outcome.status = kFailed;
    if (request.command == Command::kRestore) return stop(try_help(program), session);
    outcome = execute(request, session);
    if (outcome.final) return outcome;
  }
  if (!edits.commit()) outcome.status = kFailed;
  return outcome;
}

Outcome run(const std::vector<std::string>& args, Input& input, Session& session) {
  if (args.size() == 1) return execute(Request{}, session);
  const auto parsed = parse(args, session.names);
  if (const Stop* stopped = std::get_if<Stop>(&parsed)) return stop(*stopped, session);
  const auto& request = std::get<Request>(parsed);
  if (request.command == Command::kRestore)
    return restore(input, args[0], backend::Backend::Batch::kMerge, session);
  return execute(request, session);
}

}  // namespace xlvs::ipvsadm
