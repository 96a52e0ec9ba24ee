// SPDX-License-Identifier: GPL-2.0-or-later
// Runs tiny programs that ask one helper one question.
#include "kernel/probe.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/bpf.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <fstream>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "kernel/bpf_log.h"

namespace xlvs::kernel {
namespace {

constexpr unsigned kMostCpus = 8192;  // the largest CONFIG_NR_CPUS

constexpr int kFibParamsSize = 64;     // sizeof(struct bpf_fib_lookup)
constexpr int kFibLookupSrc = 1 << 4;  // BPF_FIB_LOOKUP_SRC, absent from older headers

bpf_insn instruction(int code, int dst, int src, int off, int imm) {
  bpf_insn i{};
  i.code = static_cast<__u8>(code);
  i.dst_reg = dst & 0xf;
  i.src_reg = src & 0xf;
  i.off = static_cast<__s16>(off);
  i.imm = imm;
  return i;
}

}  // namespace

unsigned possible_cpus() {
  {
    const BpfLog quiet;
    const int exact = ::libbpf_num_possible_cpus();
    if (exact > 0) return static_cast<unsigned>(exact);
  }
  // `ip netns exec` and the like may leave no /sys. The mask has as many bits as the kernel has CPU numbers.
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("Cpus_allowed:")) continue;
    const auto digits = std::count_if(line.begin() + static_cast<long>(line.find(':')), line.end(),
                                      [](unsigned char ch) { return std::isxdigit(ch) != 0; });
    return 4 * static_cast<unsigned>(digits);
  }
  return kMostCpus;
}

bool fib_lookup_has_src() {
  std::vector<bpf_insn> code;
  for (int off = -kFibParamsSize; off < 0; off += 8)  // *(u64 *)(fp + off) = 0
    code.push_back(instruction(BPF_ST | BPF_MEM | BPF_DW, BPF_REG_10, 0, off, 0));
  code.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_X, BPF_REG_2, BPF_REG_10, 0, 0));
  code.push_back(instruction(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_2, 0, 0, -kFibParamsSize));
  code.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_3, 0, 0, kFibParamsSize));
  code.push_back(instruction(BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_4, 0, 0, kFibLookupSrc));
  code.push_back(instruction(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_fib_lookup));
  code.push_back(instruction(BPF_JMP | BPF_EXIT, 0, 0, 0, 0));
  const UniqueFd program(
      ::bpf_prog_load(BPF_PROG_TYPE_XDP, "xlvs_probe", "GPL", code.data(), code.size(), nullptr));
  if (!program) return false;
  std::array<char, 64> frame{};
  bpf_test_run_opts opts{};
  opts.sz = sizeof opts;
  opts.data_in = frame.data();
  opts.data_size_in = frame.size();
  opts.repeat = 1;
  if (::bpf_prog_test_run_opts(program.get(), &opts) != 0) return false;
  return opts.retval !=
         static_cast<__u32>(-EINVAL);  // unknown flags are refused before anything else is looked at
}

}  // namespace xlvs::kernel
