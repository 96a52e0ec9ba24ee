// SPDX-License-Identifier: GPL-2.0-or-later
// The xlvs command: attaches the balancer to interfaces and shows how it fares; ipvsadm configures it.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>

#include "xlvs/command.h"

namespace xlvs::command {

int fail(const Error& error) {
  fmt::print(stderr, "xlvs: {}\n", error.what);
  return kExitFailed;
}

}  // namespace xlvs::command

int main(int argc, char** argv) {
  using namespace xlvs::command;
  CLI::App app("Linux Virtual Server at XDP speed: attach it here, configure it with ipvsadm", "xlvs");
  app.set_version_flag("-V,--version", "xlvs " XLVS_VERSION);
  app.require_subcommand(0, 1);  // not 1: that would hide which word is no subcommand
  app.failure_message([](const CLI::App*, const CLI::Error& e) {
    return fmt::format("xlvs: {}; `xlvs --help` shows the usage\n", e.what());
  });
  Run run;
  add_attach(app, run);
  add_detach(app, run);
  add_upgrade(app, run);
  add_status(app, run);
  add_set(app, run);
  add_get(app, run);
  add_sweep(app, run);
  try {
    app.parse(argc, argv);
    if (!run) throw CLI::RequiredError::Subcommand(1);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? kExitOk : kExitUsage;
  }
  try {
    const int status = run();
    if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return status;
  } catch (const std::system_error& e) {  // fmt's, for a stream that takes no more
    errno = e.code().value();
  }
  return fail({xlvs::Errc::kSystem, std::string("cannot write the output: ") + std::strerror(errno), errno});
}
