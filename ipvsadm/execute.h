// SPDX-License-Identifier: GPL-2.0-or-later
// Carries a Request out on an engine and prints what came of it.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "backend/backend.h"
#include "names.h"
#include "parse.h"

namespace xlvs::ipvsadm {

/// What a command works with. Streams are C's, so that output interleaves as ipvsadm's does.
struct Session {
  backend::Backend& backend;
  Names& names;
  std::FILE* out;
  std::FILE* error;
};

struct Outcome {
  int status = 0;
  bool final = false;  ///< the process ends here, also in the middle of a restore
};

constexpr int kFailed = 255;  ///< a change that the engine refused
constexpr int kListingFailed = 1;

/// Any command but restore, which has no meaning for one engine call (see restore.h).
Outcome execute(const Request& request, Session& session);

/// Whether a command changes the table of services and servers, and nothing else.
bool edits_table(Command command);

/// What ipvsadm says when `command` fails so.
std::string failure_text(Command command, const Error& error);

/// The same without a command: errors whose words do not depend on what was tried.
std::string failure_text(const Error& error);

/// Why, after a newline, where kernel IPVS knows no such refusal and its words do not tell; else "".
std::string hint_text(const Error& error);

}  // namespace xlvs::ipvsadm
