// SPDX-License-Identifier: GPL-2.0-or-later
// Finds and runs the pinned sweep programs.
#include "kernel/sweep.h"

#include <algorithm>

#include "kernel/objects.h"
#include "kernel/pinned.h"
#include "kernel/table_dir.h"

namespace xlvs::kernel {
namespace {

constexpr std::uint64_t kChunk = 512;  // XLVS_SWEEP_CHUNK of bpf/sweep_once.bpf.c

}  // namespace

bool has_sweep_timer(const std::string& folder) {
  // the timer lives in its map, and only as long as a pin holds that
  return open_pinned(folder, kSweepStartName) && open_pinned(folder, kTimersName);
}

Status sweep_once() {
  const auto ns = current_netns();
  if (!ns) return ns.error();
  const auto table = find_table(system_files(), *ns);
  if (!table) return table.error();
  const auto control = read_pinned_control(fd_path(table->folder));
  if (control && control->abi != XLVS_ABI_VERSION) return other_abi(*table, control->abi);
  const auto program = open_pinned(fd_path(table->folder), kSweepOnceName);
  if (!program) {
    if (program.error().code != Errc::kNotFound) return program.error();
    if (has_sweep_timer(fd_path(table->folder))) return ok();  // nothing to do by hand
    return Error{Errc::kUnsupported,
                 "this kernel did not accept the sweep: connections go only by being replaced"};
  }
  const std::uint64_t buckets = control ? std::max(control->buckets4, control->buckets6) : 0;
  // as xlvs_sweep_once counts: a chunk each run, 1 = there is more
  for (std::uint64_t from = 0; from < buckets; from += kChunk) {
    const auto more = run_program(program->get(), static_cast<std::uint32_t>(from), kSweepOnceName);
    if (!more) return more.error();
    if (*more == 0) break;
  }
  return ok();
}

}  // namespace xlvs::kernel
