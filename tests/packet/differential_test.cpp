// SPDX-License-Identifier: GPL-2.0-or-later
// Random packets and edits, the same through director, slow path and reference. XLVS_PACKETS=N for more (a million with
// XLVS_LONG=1), XLVS_SEED=N for others.
#include <fmt/format.h>

#include <cstdlib>

#include "support/generator.h"
#include "support/whole_director_test.h"

namespace xlvs::support {
namespace {

constexpr std::uint64_t kRound = 20000;  // packets to one table: after two minutes it forgets deleted servers, the reference does not

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 0) : otherwise;
}

class Differential : public WholeDirectorTest {
 protected:
  void apply(const Step& step) {
    switch (step.kind) {
      case Step::Kind::kAddService:
        services_.push_back(step.service);
        return add_service(step.service, step.scheduler);
      case Step::Kind::kAddServer:
        return add_server(step.service, step.server, step.config);
      case Step::Kind::kEditServer:
        return edit_server(step.service, step.server, step.config);
      case Step::Kind::kDeleteServer:
        return delete_server(step.service, step.server);
      default: {
        const bool server = step.kind == Step::Kind::kServer;
        const Outcome got = agree(step.frame, server ? director().network().server : 0);
        ++actions_[got.action];
        ++packets_;
      }
    }
  }
  void expect_equal_tables() {
    for (const auto& s : services_) expect_equal_counts(s);
    expect_equal_connections();
  }

  std::vector<model::ServiceKey> services_;
  std::map<std::uint32_t, std::uint64_t> actions_;
  std::uint64_t packets_ = 0;
};

TEST_F(Differential, DirectorAndReferenceAgree) {
  const std::uint64_t most = from_environment("XLVS_PACKETS", from_environment("XLVS_LONG", 0) ? 1000000 : 20000);
  const std::uint64_t seed = from_environment("XLVS_SEED", 1);
  for (std::uint64_t round = 0; packets_ < most && !HasFailure(); ++round) {
    if (round) WholeDirectorTest::SetUp();
    services_.clear();
    Generator generator(network_plan(), seed * 1000003 + round);
    for (const Step& step : generator.start()) apply(step);
    const std::uint64_t end = std::min(most, packets_ + kRound);
    for (std::uint64_t checked = packets_; packets_ < end && !HasFailure();) {
      SCOPED_TRACE(fmt::format("packet {} of seed {}", packets_, seed));
      for (const Step& step : generator.next())
        if (!HasFailure()) apply(step);
      if (packets_ - checked < 500) continue;
      checked = packets_;
      expect_equal_tables();
    }
    expect_equal_tables();
  }
  fmt::print("{} packets: {} passed ({} by the slow path: {} sent, {} to the stack, {} dropped), {} sent back, {} redirected, {} dropped\n",
             packets_, actions_[XDP_PASS], again_[7] + again_[0] + again_[2], again_[7], again_[0], again_[2], actions_[XDP_TX],
             actions_[XDP_REDIRECT], actions_[XDP_DROP]);
}

}  // namespace
}  // namespace xlvs::support
