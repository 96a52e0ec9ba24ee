// SPDX-License-Identifier: GPL-2.0-or-later
// What an administrator asks for becomes sizes that hold it, or an error that names the option.
#include "kernel/sizing.h"

#include <gmock/gmock.h>

#include "abi/conn.h"
#include "abi/service.h"

namespace xlvs::kernel {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Capacity capacity(const CapacityRequest& request) {
  const auto c = capacity_for(request);
  EXPECT_TRUE(c) << c.error().what;
  return c ? *c : Capacity{};
}

TEST(Sizing, GivesEachConnectionTwoSlots) {
  for (const std::uint64_t conns : {1ull, 2ull, 3ull, 65535ull, 65536ull, 1000000000ull}) {
    const Capacity c = capacity({.conns = conns, .conns6 = conns});
    EXPECT_GE(std::uint64_t{c.buckets4} * XLVS_CONN_WAYS, 2 * conns) << conns;
    EXPECT_LT((std::uint64_t{c.buckets4} - 1) * XLVS_CONN_WAYS, 2 * conns) << conns;
    EXPECT_EQ(c.buckets6, c.buckets4);
  }
}

// Two places are a bucket: the table says what it holds, which may be one more than asked for.
TEST(Sizing, GivesIpv6AQuarterUnlessTold) {
  EXPECT_EQ(capacity({.conns = 1000}).max_conns6, 250u);
  EXPECT_EQ(capacity({.conns = 1001}).max_conns6, 252u);
  EXPECT_EQ(capacity({.conns = 1000, .conns6 = 7}).max_conns6, 8u);
}

TEST(Sizing, MakesTheIndexAPowerOfTwoHalfFull) {
  for (const std::uint64_t services : {1ull, 4ull, 5ull, 4096ull, 4097ull, 65536ull}) {
    const Capacity c = capacity({.services = services});
    EXPECT_EQ(c.index_buckets & (c.index_buckets - 1), 0u);
    EXPECT_GE(std::uint64_t{c.index_buckets} * XLVS_INDEX_WAYS, 2 * services) << services;
  }
}

TEST(Sizing, LeavesRoomForTheLargestServiceTwice) {
  const Capacity least = capacity({.services = 1, .servers = 1});
  EXPECT_GE(least.arena_blocks, 2 * xlvs_version_blocks(1, XLVS_MAX_SLOTS));
  // a restore of as many services as fit, each with the servers that fall to it and a schedule of sh, beside
  // the old table
  const Capacity usual = capacity({});
  const std::uint32_t each = usual.max_servers / usual.max_services;
  EXPECT_GE(usual.arena_blocks, 2ull * usual.max_services * xlvs_version_blocks(each, 256));
}

TEST(Sizing, NamesTheOptionItsValueAndTheLimits) {
  const auto error = [](const CapacityRequest& request) {
    const auto c = capacity_for(request);
    EXPECT_FALSE(c);
    EXPECT_EQ(c.error().code, Errc::kRange);
    return c.error().what;
  };
  EXPECT_THAT(error({.conns = 0}), AllOf(HasSubstr("--conns 0"), HasSubstr("1 to 1000000000")));
  EXPECT_THAT(error({.conns = 1000000001}), HasSubstr("--conns 1000000001"));
  EXPECT_THAT(error({.conns6 = 0}), HasSubstr("--conns6 0"));
  EXPECT_THAT(error({.services = UINT64_MAX}), HasSubstr("--services 18446744073709551615"));
  EXPECT_THAT(error({.servers = 0}), HasSubstr("--servers 0"));
  EXPECT_THAT(error({.blocks = 1ull << 40}), HasSubstr("--blocks 1099511627776"));
}

TEST(Sizing, CountsEveryMapOnce) {
  Capacity c;
  // control and filter have one row each, ports of 12 bytes as many as a page has bytes
  const std::uint64_t fixed = 4096u + sizeof(xlvs_filter) + 12 * 4096u;
  EXPECT_EQ(memory_bytes(c, 0), fixed);
  c.buckets4 = 32;  // of 128 bytes: one page
  EXPECT_EQ(memory_bytes(c, 0), fixed + 4096u);
  c.buckets4 = 33;
  EXPECT_EQ(memory_bytes(c, 0), fixed + 2 * 4096u);
  const Capacity usual = capacity({});
  EXPECT_EQ(memory_bytes(usual, 8) - memory_bytes(usual, 4), 4 * (64ull * usual.max_servers + 4096));
}

TEST(Sizing, RefusesMoreThanThereIs) {
  EXPECT_TRUE(check_memory(100, 100));
  const auto s = check_memory(3ull << 30, 1ull << 30);
  ASSERT_FALSE(s);
  EXPECT_EQ(s.error().code, Errc::kNoSpace);
  EXPECT_THAT(s.error().what, AllOf(HasSubstr("3.0 GiB"), HasSubstr("1.0 GiB"), HasSubstr("lower --conns")));
}

TEST(Sizing, TellsWhatAnExistingTableHasOtherwise) {
  const CapacityRequest made{.conns = 1000, .conns6 = 77, .services = 10, .servers = 20, .blocks = 30000};
  const Capacity wanted = capacity(made);
  xlvs_control control{};
  control.max_conns = wanted.max_conns;
  control.buckets4 = wanted.buckets4;
  control.buckets6 = wanted.buckets6;
  control.max_services = wanted.max_services;
  control.max_servers = wanted.max_servers;
  control.arena_blocks = wanted.arena_blocks;
  const Capacity table = capacity_of(control);
  EXPECT_EQ(mismatch({}, table), "");
  EXPECT_EQ(mismatch(made, table), "");
  EXPECT_EQ(mismatch({.conns = 1001}, table), "--conns 1001, but the table has 1000");
  EXPECT_THAT(mismatch({.conns6 = 200}, table), HasSubstr("--conns6 200"));
  EXPECT_EQ(mismatch({.services = 9}, table), "--services 9, but the table has 10");
  EXPECT_EQ(mismatch({.servers = 21}, table), "--servers 21, but the table has 20");
  EXPECT_EQ(mismatch({.blocks = 1}, table), "--blocks 1, but the table has 30000");
}

TEST(Sizing, PrintsBytesForPeople) {
  EXPECT_EQ(human_bytes(0), "0 B");
  EXPECT_EQ(human_bytes(1023), "1023 B");
  EXPECT_EQ(human_bytes(1536), "1.5 KiB");
  EXPECT_EQ(human_bytes(UINT64_MAX), "16.0 EiB");
}

}  // namespace
}  // namespace xlvs::kernel
