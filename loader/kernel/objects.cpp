// SPDX-License-Identifier: GPL-2.0-or-later
// Opens the embedded objects, sets sizes and constants, loads, pins.
#include "kernel/objects.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>
#include <vector>

#include "abi/control.h"
#include "abi/maps.h"
#include "abi/server.h"
#include "abi/verdict.h"
#include "kernel/bpf_log.h"
#include "kernel/pinned.h"
#include "kernel/probe.h"

// the skeletons refer to abi types by name
#include "director.skel.h"
#include "slowpath.skel.h"
#include "sweep.skel.h"
#include "sweep_once.skel.h"

namespace xlvs::kernel {
namespace {

using Object = std::unique_ptr<bpf_object, decltype(&::bpf_object__close)>;

constexpr unsigned kLogLines = 20;

Error failed(const std::string& doing, int error, const BpfLog& log) {
  const std::string verifier = verifier_log_in(log.text(), kLogLines);
  std::string what = fmt::format("{}: {}", doing, std::strerror(error));
  const std::string remedy = load_remedy(error, verifier);
  if (!remedy.empty()) what += "; " + remedy;
  if (!verifier.empty()) what += "\nthe end of the verifier's log:\n" + verifier;
  return Error{error == EPERM ? Errc::kPermission : Errc::kUnsupported, what, error};
}

/// Sizes of the shared maps; maps that are not listed keep what the object says.
std::uint32_t entries_of(std::string_view map, const Capacity& c) {
  if (map == "xlvs_svc_index") return 2 * c.index_buckets;
  if (map == "xlvs_services") return 2 * c.max_services;
  if (map == "xlvs_arena") return c.arena_blocks;
  if (map == "xlvs_servers" || map == "xlvs_loads" || map == "xlvs_lines") return c.max_servers;
  if (map == "xlvs_changes") return xlvs_changes_rows(c.max_servers);
  if (map == "xlvs_rates") return c.max_servers + 2 * c.max_services;
  if (map == "xlvs_conns4") return c.buckets4;
  if (map == "xlvs_conns6") return c.buckets6;
  return 0;
}

/// The map is part of the table, whatever programs are loaded.
bool is_shared(std::string_view map) {
#define X(name) \
  if (map == #name) return !belongs_to_load(map);
  XLVS_MAPS(X)
#undef X
  return false;
}

/// Writes the constants into .rodata, at the place that the object's BTF gives.
Status set_limits(bpf_object* object, const xlvs_limits& limits) {
  const btf* types = ::bpf_object__btf(object);
  const int section = ::btf__find_by_name_kind(types, ".rodata", BTF_KIND_DATASEC);
  if (section < 0) return ok();  // an object without constants
  const btf_type* type = ::btf__type_by_id(types, static_cast<__u32>(section));
  const btf_var_secinfo* variable = ::btf_var_secinfos(type);
  bpf_map* rodata = nullptr;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string_view name = ::bpf_map__name(map);
    if (name.ends_with(".rodata")) rodata = map;
  }
  std::size_t size = 0;
  auto* bytes =
      rodata ? static_cast<char*>(const_cast<void*>(::bpf_map__initial_value(rodata, &size))) : nullptr;
  for (unsigned i = 0; bytes && i < btf_vlen(type); ++i, ++variable) {
    const btf_type* var = ::btf__type_by_id(types, variable->type);
    if (std::string_view(::btf__name_by_offset(types, var->name_off)) != "xlvs_limits") continue;
    if (variable->size != sizeof limits || variable->offset + sizeof limits > size)
      return Error{Errc::kSystem, "xlvs_limits in the BPF object has another layout than in abi/control.h"};
    std::memcpy(bytes + variable->offset, &limits, sizeof limits);
  }
  return ok();
}

/// Everything between open and load. Table maps that are pinned in `maps` are used, not made.
Status prepare(bpf_object* object, const std::string& maps, const Capacity& c, std::uint64_t seed) {
  xlvs_limits limits{};
  limits.index_buckets = c.index_buckets;
  limits.max_services = c.max_services;
  limits.max_servers = c.max_servers;
  limits.arena_blocks = c.arena_blocks;
  limits.buckets4 = c.buckets4;
  limits.buckets6 = c.buckets6;
  limits.seed = seed;
  limits.fib_src = fib_lookup_has_src() ? 1 : 0;
  limits.confirm = XLVS_CONFIRM_TICKS;
  if (auto s = set_limits(object, limits); !s) return s;
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = ::bpf_map__name(map);
    if (!is_shared(name)) continue;
    if (const auto pinned = open_pinned(maps, name)) {
      if (const int error = ::bpf_map__reuse_fd(map, pinned->get()); error != 0)
        return Error{Errc::kSystem,
                     fmt::format("cannot use the pinned map {}: {}", name, std::strerror(-error)), -error};
    } else if (const std::uint32_t entries = entries_of(name, c)) {
      ::bpf_map__set_max_entries(map, entries);
    }
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    // user-mode kernels have strict alignment
    ::bpf_program__set_flags(program, ::bpf_program__flags(program) | BPF_F_ANY_ALIGNMENT);
  }
  return ok();
}

/// Pins all programs, and the maps that are not pinned in `paths.maps` already.
Status pin(bpf_object* object, const LoadPaths& paths, const BpfLog& log) {
  bpf_map* map = nullptr;
  bpf_object__for_each_map(map, object) {
    const std::string name = ::bpf_map__name(map);
    if (!is_shared(name) && !belongs_to_load(name)) continue;
    if (is_shared(name) && open_pinned(paths.maps, name)) continue;
    if (const int error = ::bpf_map__pin(map, (paths.pins + "/" + name).c_str()); error != 0)
      return failed("cannot pin map " + name, -error, log);
  }
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    const std::string name = ::bpf_program__name(program);
    if (const int error = ::bpf_program__pin(program, (paths.pins + "/" + name).c_str()); error != 0)
      return failed("cannot pin program " + name, -error, log);
  }
  return ok();
}

/// Makes the object's programs hold the whole table, also the maps that only others use: a table whose pins
/// are lost is found again through a running program.
Status bind_maps(bpf_object* object, const BpfLog& log) {
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object) {
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, object) {
      if (!is_shared(::bpf_map__name(map))) continue;
      if (::bpf_prog_bind_map(::bpf_program__fd(program), ::bpf_map__fd(map), nullptr) != 0)
        return failed(fmt::format("cannot bind map {} to {}", ::bpf_map__name(map), ::bpf_program__name(program)),
                      errno, log);
    }
  }
  return ok();
}

struct Embedded {
  const char* name;
  const void* bytes;
  std::size_t size;
};

Result<Object> load(const Embedded& embedded, const LoadPaths& paths, const Capacity& capacity,
                    std::uint64_t seed, const BpfLog& log) {
  bpf_object_open_opts opts{};
  opts.sz = sizeof opts;
  opts.object_name = embedded.name;
  Object object(::bpf_object__open_mem(embedded.bytes, embedded.size, &opts), &::bpf_object__close);
  if (!object)
    return failed(fmt::format("cannot read the built-in BPF object {}", embedded.name), errno, log);
  if (auto s = prepare(object.get(), paths.maps, capacity, seed); !s) return s.error();
  if (const int error = ::bpf_object__load(object.get()); error != 0)
    return failed(fmt::format("the kernel refuses the BPF object {}", embedded.name), -error, log);
  if (auto s = bind_maps(object.get(), log); !s) return s.error();
  return object;
}

template <const void* (*Bytes)(std::size_t*)>
Embedded embedded(const char* name) {
  Embedded e{name, nullptr, 0};
  e.bytes = Bytes(&e.size);
  return e;
}

/// Loads one object, runs its program `start` if one is named, and pins everything.
Status load_and_pin(const Embedded& e, const LoadPaths& paths, const Capacity& capacity, std::uint64_t seed,
                    const char* start) {
  BpfLog log;
  const auto object = load(e, paths, capacity, seed, log);
  if (!object) return object.error();
  if (start) {
    const bpf_program* program = ::bpf_object__find_program_by_name(object->get(), start);
    const auto returned = run_program(program ? ::bpf_program__fd(program) : -1, 0, start);
    if (!returned) return returned.error();
    if (*returned != 0) return Error{Errc::kSystem, fmt::format("{} failed with {}", start, *returned)};
  }
  return pin(object->get(), paths, log);
}

}  // namespace

Status load_director(const LoadPaths& paths, const Capacity& capacity, std::uint64_t seed) {
  return load_and_pin(embedded<director__elf_bytes>("director"), paths, capacity, seed, nullptr);
}

Status load_slowpath(const LoadPaths& paths, const Capacity& capacity, std::uint64_t seed) {
  return load_and_pin(embedded<slowpath__elf_bytes>("slowpath"), paths, capacity, seed, nullptr);
}

Status load_sweep(const LoadPaths& paths, const Capacity& capacity, std::uint64_t seed) {
  const Embedded timed = embedded<sweep__elf_bytes>("sweep");
  const Embedded once = embedded<sweep_once__elf_bytes>("sweep_once");
  auto with_timer = load_and_pin(timed, paths, capacity, seed, kSweepStartName);
  if (with_timer) return with_timer;
  auto without = load_and_pin(once, paths, capacity, seed, nullptr);
  return without ? with_timer : without;
}

Result<int> run_program(int program, std::uint32_t argument, const char* name) {
  std::array<char, 64> frame{};
  __sk_buff context{};
  context.cb[0] = argument;
  bpf_test_run_opts opts{};
  opts.sz = sizeof opts;
  opts.data_in = frame.data();
  opts.data_size_in = frame.size();
  opts.ctx_in = &context;
  opts.ctx_size_in = sizeof context;
  opts.repeat = 1;
  if (const int error = -::bpf_prog_test_run_opts(program, &opts); error != 0)
    return Error{Errc::kSystem, fmt::format("cannot run {}: {}", name, std::strerror(error)), error};
  return static_cast<int>(opts.retval);
}

std::string load_remedy(int error, const std::string& verifier_log) {
  if (verifier_log.find("non-JITed") != std::string::npos)
    return "this kernel has no BPF JIT, or it is off: sysctl -w net.core.bpf_jit_enable=1";
  if (!verifier_log.empty())
    return "the kernel's verifier does not accept it: Linux 6.1 or newer is needed; on such a kernel this is "
           "a bug of xlvs, please report it with the log";
  switch (error) {
    case EPERM:
    case EACCES:
      return "run as root, or with CAP_NET_ADMIN and CAP_SYS_ADMIN (CAP_BPF and CAP_PERFMON can load the "
             "programs, but not find them again); a locked-down kernel may also forbid it";
    case ENOSYS:
      return "this kernel is built without BPF (CONFIG_BPF_SYSCALL)";
    case ENOMEM:
      return "not enough memory: lower --conns, --conns6, --servers or --services, or raise the cgroup's "
             "limit";
    case E2BIG:
      return "a map is larger than this kernel allows: lower --conns, --conns6 or --servers";
    case EINVAL:
    case ENOTSUP:
      return "this kernel lacks a BPF feature: Linux 6.1 or newer is needed";
    default:
      return "";
  }
}

}  // namespace xlvs::kernel
