// SPDX-License-Identifier: GPL-2.0-or-later
// The words of drivers and of the verifier reach the user, with a remedy.
#include <gmock/gmock.h>

#include <cerrno>

#include "kernel/bpf_log.h"
#include "kernel/objects.h"
#include "kernel/xdp_hook.h"

namespace xlvs::kernel {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(KernelMessage, IsTheLastOneInItsOwnWords) {
  EXPECT_EQ(kernel_message_in(""), "");
  EXPECT_EQ(kernel_message_in("libbpf: something else\n"), "");
  EXPECT_EQ(kernel_message_in("libbpf: Kernel error message: first\nlibbpf: Kernel error message: "
                              "veth: Peer MTU is too large to set XDP\nmore\n"),
            "veth: Peer MTU is too large to set XDP");
  EXPECT_EQ(kernel_message_in("libbpf: Kernel error message: cut"), "cut");
}

TEST(VerifierLog, IsItsEnd) {
  const std::string text =
      "libbpf: prog 'x': BPF program load failed: Permission denied\n"
      "libbpf: prog 'x': -- BEGIN PROG LOAD LOG --\n"
      "0: one\n1: two\nR0 !read_ok\n"
      "-- END PROG LOAD LOG --\nlibbpf: failed to load object\n";
  EXPECT_EQ(verifier_log_in(text, 2), "1: two\nR0 !read_ok\n");
  EXPECT_EQ(verifier_log_in(text, 20), "0: one\n1: two\nR0 !read_ok\n");
  EXPECT_EQ(verifier_log_in("libbpf: no log\n", 20), "");
}

TEST(XdpRemedy, NamesTheInterfaceAndWhatHelps) {
  const auto native = [](int error, const std::string& words) {
    return xdp_remedy("eth7", XdpMode::kNative, error, words);
  };
  EXPECT_THAT(native(ERANGE, "veth: Peer MTU is too large to set XDP"),
              AllOf(HasSubstr("peer"), HasSubstr("eth7")));
  EXPECT_THAT(native(EINVAL, "MTU is too large for XDP"), HasSubstr("ip link set dev eth7 mtu"));
  EXPECT_THAT(native(EINVAL, "XDP does not support LRO"), HasSubstr("ethtool -K eth7 lro off"));
  EXPECT_THAT(native(ENOMEM, "Too few free TX rings available"), HasSubstr("ethtool -L eth7"));
  EXPECT_THAT(native(EOPNOTSUPP, ""), AllOf(HasSubstr("no native XDP"), HasSubstr("--mode generic")));
  EXPECT_THAT(native(EIO, "firmware is sulking"), HasSubstr("--mode generic"));
  EXPECT_EQ(xdp_remedy("eth7", XdpMode::kGeneric, EIO, ""), "");
}

TEST(LoadRemedy, TellsCauseAndCure) {
  EXPECT_THAT(load_remedy(EPERM, ""), AllOf(HasSubstr("root"), HasSubstr("CAP_BPF")));
  EXPECT_THAT(load_remedy(ENOSYS, ""), HasSubstr("CONFIG_BPF_SYSCALL"));
  EXPECT_THAT(load_remedy(ENOMEM, ""), HasSubstr("lower --conns"));
  EXPECT_THAT(load_remedy(EACCES, "R0 !read_ok"), AllOf(HasSubstr("6.1"), Not(HasSubstr("root"))));
  EXPECT_THAT(load_remedy(EINVAL, "callbacks are not allowed in non-JITed programs"),
              HasSubstr("bpf_jit_enable"));
}

}  // namespace
}  // namespace xlvs::kernel
