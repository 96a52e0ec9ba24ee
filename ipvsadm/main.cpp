// SPDX-License-Identifier: GPL-2.0-or-later
// ipvsadm, and under their own names ipvsadm-save and ipvsadm-restore.
#include <fcntl.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "backend/open.h"
#include "restore.h"

namespace {

using namespace xlvs::ipvsadm;
using xlvs::backend::Backend;

constexpr int kNoEngine = 2, kNoInput = 2;
constexpr std::size_t kBuffer = 65536;  // what a pipe holds

/// Something about our table or our settings, not the kernel's answer: its modules have nothing to do with
/// it.
bool ours(const xlvs::Error& error) {
  switch (error.code) {
    case xlvs::Errc::kInvalidArgument:
    case xlvs::Errc::kNotFound:
    case xlvs::Errc::kUnsupported:
      return true;
    case xlvs::Errc::kSystem:
      return error.sys == 0;
    default:
      return false;
  }
}

std::unique_ptr<Backend> open_engine() {
  auto backend = xlvs::backend::open_backend();
  if (backend) return *std::move(backend);
  const xlvs::Error& error = backend.error();
  if (ours(error)) {
    std::fprintf(stderr, "xlvs: %s\n", error.what.c_str());
    return nullptr;
  }
  // the real one's words and no more; `xlvs status` says what helps
  std::fprintf(stderr,
               "Can't initialize ipvs: %s\n"
               "Are you sure that IP Virtual Server is built in the kernel or as module?\n",
               failure_text(error).c_str());
  return nullptr;
}

int run_command(const std::vector<std::string>& args) {
  const auto backend = open_engine();
  if (!backend) return kNoEngine;
  Session session{*backend, system_names(), stdout, stderr};
  FdInput input(0);
  return run(args, input, session).status;
}

int save(const std::vector<std::string>& args) {
  const auto command = save_arguments(args);
  if (const Stop* stop = std::get_if<Stop>(&command)) {
    std::fputs(stop->error.c_str(), stderr);
    return stop->status;
  }
  return run_command(std::get<0>(command));
}

/// Replaces the whole table at once by the one that stdin describes; lines that begin with # are left out.
/// Nothing is replaced by what cannot be read.
int restore_all() {
  FdInput in(0);
  std::string text;
  for (int c = in.get(); c != -1; c = in.get()) text += static_cast<char>(c);
  if (in.error() != 0) {
    std::fprintf(stderr, "xlvs: cannot read the standard input: %s\n", std::strerror(in.error()));
    return kNoInput;
  }
  const auto backend = open_engine();
  if (!backend) return kNoEngine;
  Session session{*backend, system_names(), stdout, stderr};
  TextInput input(without_comments(text));
  return restore(input, "ipvsadm", Backend::Batch::kReplace, session).status;
}

/// The next socket must not become the input or output that was closed before: -R would read netlink's
/// answers. /dev/null the wrong way round fails as a closed descriptor does.
void fill_closed_streams() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(fd, F_GETFD) < 0) (void)::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

}  // namespace

int main(int argc, char** argv) {
  fill_closed_streams();
  const std::vector<std::string> args(argv, argv + argc);
  if (args.empty()) return kNoEngine;
  // one write for most listings: `ipvsadm -Ln | head -n 1` must not end by a signal
  static char buffer[kBuffer];  // glibc does not allocate what setvbuf() is told
  if (::isatty(STDOUT_FILENO) == 0) std::setvbuf(stdout, buffer, _IOFBF, sizeof buffer);
  std::string_view own_name = args[0];
  own_name.remove_prefix(own_name.rfind('/') + 1);  // npos + 1 == 0
  if (own_name == "ipvsadm-save") return save(args);
  if (own_name == "ipvsadm-restore") return restore_all();
  return run_command(args);
}
