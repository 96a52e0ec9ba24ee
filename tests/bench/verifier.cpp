// SPDX-License-Identifier: GPL-2.0-or-later
// xlvs-bench-verifier: what each program costs the kernel's verifier, and how deep its calls go, against
// limits.
#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "abi/control.h"
#include "base/result.h"

// the skeletons refer to abi types by name
#include "abi/maps.h"
#include "abi/server.h"
#include "abi/verdict.h"
#include "director.skel.h"
#include "slowpath.skel.h"
#include "sweep.skel.h"
#include "sweep_once.skel.h"

namespace {

using namespace xlvs;

constexpr int kSkipped = 77;                 // what ctest takes for "not run": without root
constexpr std::uint32_t kBpfStackStep = 32;  // Linux 6.1 rounds every frame up to so many bytes

/// What a program may cost at most: less than half of the million instructions, and not all of the 512 bytes
/// of stack, beyond which the kernel refuses it. docs/performance.md has what they cost.
struct Allowed {
  std::string_view program;
  std::uint32_t instructions, stack;
};
constexpr Allowed kAllowed[] = {
    {"xlvs_director", 450000, 400},
    {"xlvs_slowpath", 450000, 448},
    {"xlvs_sweep_start", 50000, 256},
    {"xlvs_sweep_once", 50000, 256},
};

struct Function {
  std::string name;
  std::uint32_t frame = 0;           ///< bytes, rounded as Linux 6.1 does
  std::vector<std::size_t> callees;  ///< numbers of functions
};

struct Program {
  std::string name;
  std::uint32_t instructions = 0;  ///< that the verifier went through
  std::vector<Function> functions;

  /// The deepest chain of calls from `from` on: its bytes, and the functions on it.
  [[nodiscard]] std::pair<std::uint32_t, std::vector<std::size_t>> deepest(std::size_t from = 0) const {
    std::pair<std::uint32_t, std::vector<std::size_t>> most;
    for (const std::size_t callee : functions[from].callees)
      if (auto below = deepest(callee); below.first > most.first) most = std::move(below);
    most.first += functions[from].frame;
    most.second.insert(most.second.begin(), from);
    return most;
  }
};

Error system_error(const std::string& what) {
  return Error{Errc::kSystem, fmt::format("{}: {}", what, std::strerror(errno)), errno};
}

/// The bytes of each function, in the order of the program's instructions, from "stack depth 96+32+...".
std::vector<std::uint32_t> frames_in(std::string_view log) {
  std::vector<std::uint32_t> frames;
  constexpr std::string_view kBefore = "stack depth ";
  std::size_t at = log.rfind(kBefore);
  if (at == std::string_view::npos) return frames;
  for (at += kBefore.size(); at < log.size();) {
    std::size_t end = at;
    while (end < log.size() && log[end] >= '0' && log[end] <= '9') ++end;
    if (end == at) break;
    const auto bytes = static_cast<std::uint32_t>(std::stoul(std::string(log.substr(at, end - at))));
    frames.push_back(std::max((bytes + kBpfStackStep - 1) / kBpfStackStep, 1u) * kBpfStackStep);
    at = end + 1;
    if (end == log.size() || log[end] != '+') break;
  }
  return frames;
}

std::uint32_t instructions_in(std::string_view log) {
  constexpr std::string_view kBefore = "processed ";
  const std::size_t at = log.rfind(kBefore);
  return at == std::string_view::npos
             ? 0
             : static_cast<std::uint32_t>(std::stoul(std::string(log.substr(at + kBefore.size(), 10))));
}

/// Names and calls of a loaded program's functions.
Result<std::vector<Function>> functions_of(int program, const btf* types) {
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  if (::bpf_obj_get_info_by_fd(program, &info, &size) != 0) return system_error("cannot ask for a program");
  std::vector<bpf_func_info> names(info.nr_func_info);
  std::vector<bpf_insn> code(info.xlated_prog_len / sizeof(bpf_insn));
  bpf_prog_info ask{};
  ask.nr_func_info = info.nr_func_info;
  ask.func_info_rec_size = sizeof(bpf_func_info);
  ask.func_info = reinterpret_cast<std::uintptr_t>(names.data());
  ask.xlated_prog_len = info.xlated_prog_len;
  ask.xlated_prog_insns = reinterpret_cast<std::uintptr_t>(code.data());
  size = sizeof ask;
  if (::bpf_obj_get_info_by_fd(program, &ask, &size) != 0) return system_error("cannot read a program");
  std::vector<Function> functions(names.size());
  for (std::size_t f = 0; f < names.size(); ++f) {
    const btf_type* type = ::btf__type_by_id(types, names[f].type_id);
    functions[f].name = type ? ::btf__name_by_offset(types, type->name_off) : "?";
    const std::size_t end = f + 1 < names.size() ? names[f + 1].insn_off : code.size();
    for (std::size_t i = names[f].insn_off; i < end; ++i) {
      if (code[i].code != (BPF_JMP | BPF_CALL) || code[i].src_reg != BPF_PSEUDO_CALL) continue;
    // a compiled program's calls name the function by number; an interpreted one's by distance
      std::size_t callee = static_cast<std::size_t>(code[i].imm);
      if (!info.jited_prog_len)
        callee = static_cast<std::size_t>(std::find_if(names.begin(), names.end(),
                                                       [&](const bpf_func_info& n) {
                                                         return n.insn_off ==
                                                                i + 1 + static_cast<std::size_t>(code[i].imm);
                                                       }) -
                                          names.begin());
      if (callee < functions.size()) functions[f].callees.push_back(callee);
    }
  }
  return functions;
}

template <typename Skeleton>
Status measure(const char* name, Skeleton* (*open)(), int (*load)(Skeleton*), void (*destroy)(Skeleton*),
               std::vector<Program>& found) {
  const std::unique_ptr<Skeleton, void (*)(Skeleton*)> object(open(), destroy);
  if (!object) return system_error(fmt::format("cannot open {}", name));
  // numbers as a real table's: what is known to be 1 or 0 would be left out
  object->rodata->xlvs_limits = {.index_buckets = 1u << 12,
                                 .max_services = 1u << 12,
                                 .max_servers = 1u << 16,
                                 .arena_blocks = 1u << 20,
                                 .buckets4 = 1u << 20,
                                 .buckets6 = 1u << 18,
                                 .seed = 0x5eed5eed5eed5eedull,
                                 .fib_src = 1,
                                 .confirm = XLVS_CONFIRM_TICKS};
  std::vector<std::vector<char>> logs;
  bpf_program* program = nullptr;
  bpf_object__for_each_program(program, object->obj) {
    logs.emplace_back(1u << 16);
    ::bpf_program__set_log_level(program, 4);  // the figures at the end, and no more
    ::bpf_program__set_log_buf(program, logs.back().data(), logs.back().size());
  }
  if (int rc = load(object.get()); rc != 0) {
    errno = -rc;
    return system_error(fmt::format("cannot load {}", name));
  }
  std::size_t log = 0;
  bpf_object__for_each_program(program, object->obj) {
    const std::string_view text = logs[log++].data();
    auto functions = functions_of(::bpf_program__fd(program), ::bpf_object__btf(object->obj));
    if (!functions) return functions.error();
    const std::vector<std::uint32_t> frames = frames_in(text);
    if (frames.size() != functions->size() || frames.empty())
      return Error{Errc::kSystem,
                   fmt::format("the verifier tells {} frames of {}'s {} functions", frames.size(),
                               ::bpf_program__name(program), functions->size())};
    for (std::size_t i = 0; i < frames.size(); ++i) (*functions)[i].frame = frames[i];
    found.push_back({::bpf_program__name(program), instructions_in(text), std::move(*functions)});
  }
  return ok();
}

Result<std::vector<Program>> measure_all() {
  std::vector<Program> found;
  if (Status s = measure("director", director__open, director__load, director__destroy, found); !s)
    return s.error();
  if (Status s = measure("slowpath", slowpath__open, slowpath__load, slowpath__destroy, found); !s)
    return s.error();
  if (Status s = measure("sweep", sweep__open, sweep__load, sweep__destroy, found); !s) return s.error();
  if (Status s = measure("sweep_once", sweep_once__open, sweep_once__load, sweep_once__destroy, found); !s)
    return s.error();
  return found;
}

void print(const std::vector<Program>& programs, bool functions) {
  for (const Program& p : programs) {
    const auto [bytes, chain] = p.deepest();
    fmt::print("{:<18} {:>7} instructions {:>4} bytes of stack:", p.name, p.instructions, bytes);
    for (const std::size_t f : chain) fmt::print(" {} {}", p.functions[f].name, p.functions[f].frame);
    fmt::print("\n");
    if (!functions) continue;
    for (std::size_t f = 0; f < p.functions.size(); ++f)
      fmt::print("    {:>4} {:>4} {}\n", p.functions[f].frame, p.deepest(f).first, p.functions[f].name);
  }
}

nlohmann::json json_of(const std::vector<Program>& programs) {
  nlohmann::json rows = nlohmann::json::array();
  for (const Program& p : programs)
    rows.push_back({{"program", p.name}, {"instructions", p.instructions}, {"stack", p.deepest().first}});
  return rows;
}

/// The programs that cost more than they may.
std::vector<std::string> excesses(const std::vector<Program>& programs) {
  std::vector<std::string> found;
  for (const Program& p : programs) {
    const auto* allowed = std::ranges::find(kAllowed, p.name, &Allowed::program);
    if (allowed == std::end(kAllowed)) {
      found.push_back(fmt::format("{} has no limit: give it one", p.name));
      continue;
    }
    if (p.instructions > allowed->instructions)
      found.push_back(
          fmt::format("{}: {} instructions, {} are allowed", p.name, p.instructions, allowed->instructions));
    if (const std::uint32_t bytes = p.deepest().first; bytes > allowed->stack)
      found.push_back(fmt::format("{}: {} bytes of stack, {} are allowed", p.name, bytes, allowed->stack));
  }
  return found;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{
      "What each BPF program costs the verifier, and its stack in steps of 32 bytes as Linux 6.1 counts it."};
  std::string json;
  bool functions = false;
  app.add_option("--json", json, "write the rows to this file");
  app.add_flag("--functions", functions, "each function: its own frame, the deepest chain from it on");
  CLI11_PARSE(app, argc, argv);
  if (::geteuid() != 0) {
    fmt::print("skipped: loading programs needs root\n");
    return kSkipped;
  }
  ::libbpf_set_print(nullptr);
  const auto programs = measure_all();
  if (!programs) {
    fmt::print(stderr, "xlvs-bench-verifier: {}\n", programs.error().what);
    return 1;
  }
  print(*programs, functions);
  if (!json.empty()) std::ofstream(json) << json_of(*programs).dump(2) << '\n';
  const std::vector<std::string> found = excesses(*programs);
  for (const std::string& line : found) fmt::print(stderr, "too much: {}\n", line);
  return found.empty() ? 0 : 1;
}
