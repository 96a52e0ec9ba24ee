// SPDX-License-Identifier: GPL-2.0-or-later
// Opens pinned objects and asks the kernel about them.
#include "kernel/pinned.h"

#include <bpf/bpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <vector>

#include "abi/maps.h"

namespace xlvs::kernel {
namespace {

Error system_error(const std::string& doing, int error) {
  Errc code = Errc::kSystem;
  if (error == ENOENT) code = Errc::kNotFound;
  if (error == EACCES || error == EPERM) code = Errc::kPermission;
  return Error{code, doing + ": " + std::strerror(error), error};
}

constexpr std::uint32_t kMostMaps = 64;  // as many as the verifier allows to one program

}  // namespace

Result<UniqueFd> open_pinned(const std::string& folder, const std::string& name) {
  UniqueFd fd(::bpf_obj_get((folder + "/" + name).c_str()));
  if (!fd) return system_error("cannot open the pinned " + name, errno);
  return fd;
}

Result<MapShape> map_shape(const UniqueFd& map, const std::string& name) {
  bpf_map_info info{};
  __u32 len = sizeof info;
  if (::bpf_obj_get_info_by_fd(map.get(), &info, &len) != 0)
    return system_error("cannot ask for the size of map " + name, errno);
  return MapShape{info.id, info.value_size, info.max_entries};
}

Result<ProgramIdentity> program_identity(const UniqueFd& program) {
  std::vector<std::uint32_t> ids(kMostMaps);
  bpf_prog_info info{};
  __u32 len = sizeof info;
  info.nr_map_ids = kMostMaps;
  info.map_ids = reinterpret_cast<std::uintptr_t>(ids.data());
  if (::bpf_obj_get_info_by_fd(program.get(), &info, &len) != 0)
    return system_error("cannot ask for the name of a BPF program", errno);
  ids.resize(std::min(info.nr_map_ids, kMostMaps));
  return ProgramIdentity{info.id, std::string(info.name, ::strnlen(info.name, sizeof info.name)),
                         std::move(ids)};
}

Result<UniqueFd> program_by_id(std::uint32_t id) {
  UniqueFd fd(::bpf_prog_get_fd_by_id(id));
  if (fd) return fd;
  const int error = errno;
  const std::string doing = "cannot open BPF program " + std::to_string(id);
  if (error != EPERM) return system_error(doing, error);
  return Error{Errc::kPermission,
               doing + ": the kernel shows programs by their number only to who has CAP_SYS_ADMIN", error};
}

bool belongs_to_load(std::string_view map) { return map == kTimersName; }

Status pin_maps_of(const UniqueFd& director, const std::string& path) {
  const auto identity = program_identity(director);
  if (!identity) return identity.error();
  std::set<std::string> missing;
#define X(name) \
  if (!belongs_to_load(#name)) missing.insert(#name);
  XLVS_MAPS(X)
#undef X
  for (const std::uint32_t id : identity->map_ids) {
    const UniqueFd map(::bpf_map_get_fd_by_id(id));
    bpf_map_info of_map{};
    __u32 len = sizeof of_map;
    if (!map || ::bpf_obj_get_info_by_fd(map.get(), &of_map, &len) != 0)
      return system_error("cannot open the maps of a BPF program", errno);
    const std::string name(of_map.name, ::strnlen(of_map.name, sizeof of_map.name));
    if (missing.erase(name) == 0) continue;  // constants
    if (::bpf_obj_pin(map.get(), (path + "/" + name).c_str()) != 0)
      return system_error("cannot pin " + name, errno);
  }
  if (missing.empty()) return ok();
  return Error{Errc::kNotFound, "the BPF program does not use map " + *missing.begin()};
}

std::optional<xlvs_control> read_pinned_control(const std::string& folder) {
  const auto map = open_pinned(folder, "xlvs_control");
  if (!map) return std::nullopt;
  const auto shape = map_shape(*map, "xlvs_control");
  if (!shape || shape->value_size < sizeof(std::uint32_t)) return std::nullopt;
  std::vector<char> row(std::max<std::size_t>(shape->value_size, sizeof(xlvs_control)));
  const std::uint32_t key = 0;
  if (::bpf_map_lookup_elem(map->get(), &key, row.data()) != 0) return std::nullopt;
  xlvs_control control{};
  std::memcpy(&control, row.data(), sizeof control);
  return control;
}

}  // namespace xlvs::kernel
