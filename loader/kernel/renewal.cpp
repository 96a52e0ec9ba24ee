// SPDX-License-Identifier: GPL-2.0-or-later
// Loads programs beside the running ones, on the same maps, and swaps them by compare-and-swap.
#include "kernel/renewal.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "kernel/objects.h"
#include "kernel/pinned.h"
#include "kernel/programs.h"

namespace xlvs::kernel {
namespace {

namespace fs = std::filesystem;

/// Loads all objects; the sweep's problem, "" for none.
Result<std::string> load_all(const LoadPaths& paths, const xlvs_control& control) {
  const Capacity capacity = capacity_of(control);
  if (auto s = load_director(paths, capacity, control.seed); !s) return s.error();
  if (auto s = load_slowpath(paths, capacity, control.seed); !s) return s.error();
  const auto sweep = load_sweep(paths, capacity, control.seed);
  return sweep ? std::string() : sweep.error().what;
}

/// Puts the programs pinned in `pins` on every interface that carries another director of the same table.
Status swap_on_interfaces(const std::string& pins, std::uint32_t table) {
  const auto programs = open_programs(pins);
  if (!programs) return programs.error();
  const auto carriers = attachments(table);
  if (!carriers) return carriers.error();
  for (const auto& a : *carriers) {
    const auto old = director_by_id(a.program_id);
    if (!old) return old.error();
    if (!*old) continue;  // the interface went away
    if (auto s = put_on(a.interface, a.mode, *programs, &(*old)->program); !s) return s;
  }
  return ok();
}

constexpr std::string_view kBesides = "_new";

/// Renames the pins in `from` that `which` chooses into `to`, replacing what is there, with `suffix` instead
/// of kBesides.
Status move_pins(const std::string& from, bool (*which)(std::string_view), const std::string& to,
                 std::string_view suffix) {
  std::vector<std::string> names;
  std::error_code ec;
  for (const auto& entry : fs::directory_iterator(from, ec)) names.push_back(entry.path().filename());
  for (const auto& name : names) {
    if (!which(name)) continue;
    const bool besides = std::string_view(name).ends_with(kBesides);
    const std::string plain = besides ? name.substr(0, name.size() - kBesides.size()) : name;
    const std::string target = fmt::format("{}/{}{}", to, plain, suffix);
    if (std::rename((from + "/" + name).c_str(), target.c_str()) != 0)
      return Error{Errc::kSystem, fmt::format("cannot rename pin {}: {}", name, std::strerror(errno)), errno};
  }
  return ok();
}

}  // namespace

Result<MadeTable> recover_table(const TablesLock& lock, const Netns& ns, const UniqueFd& director) {
  auto folder = UnfinishedFolder::make(lock, folder_name(ns));
  if (!folder) return folder.error();
  const std::string path = folder->path();
  if (auto s = pin_maps_of(director, path); !s) return s.error();
  const auto control = read_pinned_control(path);
  if (!control || control->abi != XLVS_ABI_VERSION || control->netns_cookie != ns.cookie)
    return Error{Errc::kNotFound, "the program on the interface belongs to another table"};
  // anew, for what only these programs used went with its pin: the timer
  auto sweep_problem = load_all({path, path}, *control);
  if (!sweep_problem) return sweep_problem.error();
  const auto table = table_id(path);
  if (!table) return table.error();
  if (auto s = swap_on_interfaces(path, *table); !s) return s.error();
  auto dir = folder->finish();
  if (!dir) return dir.error();
  return MadeTable{std::move(*dir), std::move(*sweep_problem)};
}

Result<std::string> renew_programs(const TablesLock& lock, const Netns& ns, const TableDir& table) {
  const std::string old = fd_path(table.folder);
  const auto control = read_pinned_control(old);
  if (!control) return Error{Errc::kSystem, "cannot read the table's control row"};
  const auto id = table_id(old);
  if (!id) return id.error();
  if (const auto carriers = attachments(*id); !carriers)
    return carriers.error();  // before anything is changed
  const auto folder = UnfinishedFolder::make(lock, folder_name(ns));
  if (!folder) return folder.error();
  auto sweep_problem = load_all({old, folder->path()}, *control);
  if (!sweep_problem) return sweep_problem;
  // What only the new programs use must live from their first packet on, and what only the old ones use until
  // their last, also when we die in between: so for a while the table's folder holds both.
  if (auto s = move_pins(folder->path(), belongs_to_load, old, kBesides); !s) return s.error();
  if (auto s = swap_on_interfaces(folder->path(), *id); !s) {
    (void)swap_on_interfaces(old, *id);
    return s.error();
  }
  const auto all = [](std::string_view) { return true; };
  const auto beside = [](std::string_view name) { return name.ends_with(kBesides); };
  if (auto s = move_pins(folder->path(), all, old, ""); !s) return s.error();
  if (auto s = move_pins(old, beside, old, ""); !s) return s.error();
  return sweep_problem;
}

}  // namespace xlvs::kernel
