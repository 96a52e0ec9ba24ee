// SPDX-License-Identifier: GPL-2.0-or-later
// ipvsadm on an engine in memory, its output caught: what both fuzzers of it drive.
#pragma once

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

  /// Ends the run if restoring what is saved gives another table.
  void check_round_trip() {
    const std::string saved = print({"ipvsadm", "-Sn"});
    ipvsadm::TextInput input(saved);
    restore(input, "ipvsadm", backend::Backend::Batch::kReplace, session_);
    // Signs of large marks, masks of services that do not persist and local servers are not saved as they
    // were, so it is the second saving that must be the first.
    if (saved.find("-f -") == saved.npos && print({"ipvsadm", "-Sn"}) != saved) std::abort();
  }

 private:
  testing::MemoryBackend engine_;
  testing::FixedNames names_;
  char* data_ = nullptr;
  std::size_t size_ = 0;
  std::FILE* out_ = open_memstream(&data_, &size_);
  ipvsadm::Session session_{engine_, names_, out_, out_};
};

}  // namespace xlvs::fuzz
