// SPDX-License-Identifier: GPL-2.0-or-later
// The packet ring: real object, bytes in, verdict and bytes out. Without root it is skipped, and says so.
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>

int main(int argc, char** argv) {
  testing::InitGoogleTest(&argc, argv);
  if (::geteuid() != 0) {
    std::puts("skipped: the packet ring needs root");
    return 77;
  }
  return RUN_ALL_TESTS();
}
