// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs set and xlvs get: the settings that kernel IPVS has under net.ipv4.vs.
#include <fmt/format.h>

#include <memory>

#include "kernel/settings.h"
#include "xlvs/command.h"

namespace xlvs::command {
namespace {

using Words = std::vector<std::string>;

int run_set(const Words& assignments) {
  const Status done = kernel::set_settings(assignments);
  return done ? kExitOk : fail(done.error());
}

int run_get(const Words& names) {
  const auto lines = kernel::get_settings(names);
  if (!lines) return fail(lines.error());
  for (const std::string& line : *lines) fmt::print("{}\n", line);
  return kExitOk;
}

}  // namespace

void add_set(CLI::App& app, Run& run) {
  auto* cmd = app.add_subcommand("set", "Change settings, named as in net.ipv4.vs");
  const auto words = std::make_shared<Words>();
  cmd->add_option("setting", *words, "NAME=VALUE")->required();
  cmd->callback([words, &run] { run = [words] { return run_set(*words); }; });
}

void add_get(CLI::App& app, Run& run) {
  auto* cmd = app.add_subcommand("get", "Show settings: all as NAME=VALUE, or the values of those named");
  const auto words = std::make_shared<Words>();
  cmd->add_option("name", *words, "NAME");
  cmd->callback([words, &run] { run = [words] { return run_get(*words); }; });
}

}  // namespace xlvs::command
