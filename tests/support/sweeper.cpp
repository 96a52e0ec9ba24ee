// SPDX-License-Identifier: GPL-2.0-or-later
// The real sweep on a director's maps.
#include "support/sweeper.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstring>

#include "kernel/objects.h"
#include "sweep.skel.h"

namespace xlvs::support {
namespace {

Error failed(const char* doing, int error) {
  return Error{Errc::kSystem, fmt::format("{}: {}", doing, std::strerror(error)), error};
}

}  // namespace

void Sweeper::Close::operator()(::sweep* skeleton) const { sweep__destroy(skeleton); }

Result<Sweeper> Sweeper::start(const Director& director) {
  std::unique_ptr<::sweep, Close> s(sweep__open());
  if (!s) return failed("cannot open the sweep object", errno);
  s->rodata->xlvs_limits = director.limits();
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, s->obj) {
    const int fd = director.map(bpf_map__name(map));
    if (fd < 0) continue;
    if (const int rc = bpf_map__reuse_fd(map, fd); rc != 0) return failed("cannot share a map with the sweep", -rc);
  }
  if (const int rc = sweep__load(s.get()); rc != 0) return failed("cannot load the sweep object", -rc);
  const auto rc = kernel::run_program(bpf_program__fd(s->progs.xlvs_sweep_start), 0, "xlvs_sweep_start");
  if (!rc) return rc.error();
  if (*rc != 0) return failed("cannot start the sweep's timer", -*rc);
  return Sweeper(std::move(s));
}

Result<xlvs_sweep_state> Sweeper::state() const {
  const std::uint32_t row = 0;
  struct {
    bpf_timer timer;
    xlvs_sweep_state state;
  } value{};
  if (bpf_map_lookup_elem(bpf_map__fd(skeleton_->maps.xlvs_timers), &row, &value) != 0)
    return failed("cannot read xlvs_timers", errno);
  return value.state;
}

}  // namespace xlvs::support
