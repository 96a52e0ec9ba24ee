// SPDX-License-Identifier: GPL-2.0-or-later
// What every subcommand of xlvs is to main: a set of options and something to run.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "base/result.h"

namespace xlvs::command {

/// Exit statuses: part of the contract, see docs/man/xlvs.8.
enum Exit { kExitOk = 0, kExitFailed = 1, kExitUsage = 2 };

/// Prints "xlvs: what" and gives kExitFailed.
int fail(const Error& error);

/// Each adds its subcommand to `app`; when the user chose it, parsing sets `run`.
using Run = std::function<int()>;
void add_attach(CLI::App& app, Run& run);
void add_detach(CLI::App& app, Run& run);
void add_upgrade(CLI::App& app, Run& run);
void add_status(CLI::App& app, Run& run);
void add_sweep(CLI::App& app, Run& run);
void add_set(CLI::App& app, Run& run);
void add_get(CLI::App& app, Run& run);

}  // namespace xlvs::command
