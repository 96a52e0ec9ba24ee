// SPDX-License-Identifier: GPL-2.0-or-later
// Serves command lines of ipvsadm on an engine in memory; see Server in transcript.py for the other side.
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "restore.h"
#include "support/fixed_names.h"
#include "support/memory_backend.h"

namespace {

using namespace xlvs::ipvsadm;
using xlvs::testing::MemoryBackend;

bool read_size(std::size_t& size) {
  unsigned long value;
  if (std::scanf("%lu", &value) != 1) return false;
  size = value;
  return std::getchar() == '\n';
}

bool read_field(std::string& field) {
  std::size_t size;
  if (!read_size(size)) return false;
  field.resize(size);
  return std::fread(field.data(), 1, size, stdin) == size;
}

/// A stdio stream into memory.
class Capture {
 public:
  Capture() : stream_(open_memstream(&data_, &size_)) {}
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() {
    std::fclose(stream_);
    std::free(data_);
  }
  [[nodiscard]] std::FILE* stream() const { return stream_; }
  std::string text() {
    std::fflush(stream_);
    return {data_, size_};
  }

 private:
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* stream_;
};

int serve(const std::vector<std::string>& words, const std::string& input, Session& session) {
  TextInput text(input);
  if (words[0] == "ipvsadm-save") {
    const auto command = save_arguments(words);
    if (const Stop* stop = std::get_if<Stop>(&command)) {
      std::fputs(stop->error.c_str(), session.error);
      return stop->status;
    }
    return run(std::get<0>(command), text, session).status;
  }
  if (words[0] == "ipvsadm-restore") {
    TextInput lines(without_comments(input));
    return restore(lines, "ipvsadm", xlvs::backend::Backend::Batch::kReplace, session).status;
  }
  return run(words, text, session).status;
}

}  // namespace

int main() {
  auto backend = std::make_unique<MemoryBackend>();
  xlvs::testing::FixedNames names;
  std::size_t count;
  while (read_size(count)) {
    std::vector<std::string> words(count);
    std::string input;
    for (std::string& word : words)
      if (!read_field(word)) return 1;
    if (!read_field(input) || words.empty()) return 1;
    if (words[0] == "reset") {
      backend = std::make_unique<MemoryBackend>();
      backend->interfaces = {"veth0"};
    }
    Capture out, error;
    Session session{*backend, names, out.stream(), error.stream()};
    const int status = words[0] == "reset" ? 0 : serve(words, input, session);
    const std::string printed = out.text(), complained = error.text();
    std::printf("%d\n%zu\n", status, printed.size());
    std::fwrite(printed.data(), 1, printed.size(), stdout);
    std::printf("%zu\n", complained.size());
    std::fwrite(complained.data(), 1, complained.size(), stdout);
    std::fflush(stdout);
  }
  return 0;
}
