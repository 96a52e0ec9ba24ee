// SPDX-License-Identifier: GPL-2.0-or-later
// ipvsadm on an engine in memory, its output caught: what both fuzzers of it drive.
#pragma once

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "restore.h"
#include "support/fixed_names.h"
#include "support/memory_backend.h"

namespace xlvs::fuzz {

class IpvsadmSession {
 public:
  IpvsadmSession() { engine_.interfaces = {"veth0"}; }
  IpvsadmSession(const IpvsadmSession&) = delete;
  IpvsadmSession& operator=(const IpvsadmSession&) = delete;
  ~IpvsadmSession() {
    std::fclose(out_);
    std::free(data_);
  }

  ipvsadm::Session& session() { return session_; }

  /// What a command prints, on either stream.
  std::string print(const std::vector<std::string>& args) {
    std::fflush(out_);
    const std::size_t before = size_;
    ipvsadm::TextInput input("");
    ipvsadm::run(args, input, session_);
    std::fflush(out_);
    return {data_ + before, size_ - before};
  }

  /// Ends the run if restoring what is saved gives another table. Lines are compared without their order,
  /// which is not stable where addresses are far apart; large marks are saved with a sign that no command
  /// accepts.
  void check_round_trip() {
    const std::string saved = print({"ipvsadm", "-Sn"});
    if (saved.find("-f -") != saved.npos) return;
    ipvsadm::TextInput input(saved);
    restore(input, "ipvsadm", backend::Backend::Batch::kReplace, session_);
    if (sorted_lines(print({"ipvsadm", "-Sn"})) != sorted_lines(saved)) std::abort();
  }

 private:
  static std::vector<std::string> sorted_lines(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t from = 0; from < text.size();) {
      const std::size_t end = std::min(text.find('\n', from), text.size());
      lines.push_back(text.substr(from, end - from));
      from = end + 1;
    }
    std::sort(lines.begin(), lines.end());
    return lines;
  }

  testing::MemoryBackend engine_;
  testing::FixedNames names_;
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* out_ = open_memstream(&data_, &size_);
  ipvsadm::Session session_{engine_, names_, out_, out_};
};

}  // namespace xlvs::fuzz
