// SPDX-License-Identifier: GPL-2.0-or-later
// The fixture of tests that follow a packet through the director and on through the slow path.
#pragma once

#include <map>

#include "support/director_test.h"
#include "support/slowpath.h"

namespace xlvs::support {

class WholeDirectorTest : public DirectorTest {
 protected:
  static void TearDownTestSuite() { slowpath_.reset(); }
  void SetUp() override;

  /// As in DirectorTest; what the director leaves to be looked at again, slow path and reference must agree about, too:
  /// action, bytes, way out, pieces of what is cut, frames that waited, counted reason.
  Outcome agree(const Bytes& frame, std::uint32_t ifindex = 0);

  /// Frames that went on to the slow path, by TC action.
  std::map<int, std::uint64_t> again_;

 private:
  void agree_again(const Bytes& frame, std::uint32_t ifindex);
  void expect_way(const Route& want);
  void expect_pieces(const Bytes& last, const SlowExpected& want);
  void expect_received_anew(const SlowExpected& want);
  Wire& wire(std::uint32_t ifindex);

  static std::unique_ptr<Slowpath> slowpath_;  ///< one for all tests of a process, as the director
  std::map<std::uint32_t, std::unique_ptr<Wire>> wires_;
};

}  // namespace xlvs::support
