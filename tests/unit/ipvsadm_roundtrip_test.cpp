// SPDX-License-Identifier: GPL-2.0-or-later
// -S and then -R is the identity, for random tables whose services belong partly to XDP, partly to the
// kernel.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <random>
#include <utility>
#include <vector>

#include "backend/router.h"
#include "backend/xdp_backend.h"
#include "encode_memory.h"
#include "restore.h"
#include "support/borrowed_backend.h"
#include "support/fixed_names.h"
#include "support/memory_backend.h"

namespace xlvs::ipvsadm {
namespace {

using backend::Backend;
using testing::Borrowed;

/// An XDP table and a kernel, joined, and what was printed about them.
struct Machine {
  encode::OwnedMemory memory{encode::Sizes{.blocks = 8192}};  // an mh takes 256 of them
  encode::FakeHost host{encode::Sizes{}.servers};
  backend::XdpBackend xdp{memory.view(), host};
  testing::MemoryBackend kernel;
  backend::Router router{std::make_unique<backend::XdpBackend>(memory.view(), host),
                         [this](backend::Router::Load) -> Result<std::unique_ptr<Backend>> {
                           return std::unique_ptr<Backend>(std::make_unique<Borrowed>(kernel));
                         }};
  testing::FixedNames names;
  std::string errors;

  std::string run_lines(const std::string& text, Backend::Batch batch) {
    char *out = nullptr, *error = nullptr;
    std::size_t out_size = 0, error_size = 0;
    std::FILE* out_stream = open_memstream(&out, &out_size);
    std::FILE* error_stream = open_memstream(&error, &error_size);
    Session session{router, names, out_stream, error_stream};
    TextInput input(text);
    restore(input, "ipvsadm", batch, session);
    std::fclose(out_stream);
    std::fclose(error_stream);
    const std::string printed(out, out_size);
    errors.assign(error, error_size);
    std::free(out);
    std::free(error);
    return printed;
  }
  std::string saved() { return run_lines("-S -n\n", Backend::Batch::kMerge); }

  /// All that is set, by service and server, without what -S leaves out: the order of servers, thresholds.
  using Settings =
      std::map<model::ServiceKey, std::pair<std::string, std::map<model::ServerKey, std::string>>>;
  Settings settings() {
    Settings all;
    const auto services = router.services();
    for (const model::Service& s : *services) {
      const model::ServiceConfig& c = s.config;
      auto& [config, servers] = all[s.key];
      config = c.scheduler + " " + std::to_string(c.flags) + " " + std::to_string(c.timeout_s) + " " +
               std::to_string(c.netmask) + " " + c.pe_name;
      const auto listed = router.servers(s.key);
      for (const model::Server& r : *listed)
        servers[r.key] = std::to_string(static_cast<int>(r.config.forward)) + " " +
                         std::to_string(r.config.weight) + " " +
                         std::to_string(static_cast<int>(r.config.tun_type)) + " " +
                         std::to_string(r.config.tun_port) + " " + std::to_string(r.config.tun_flags);
    }
    return all;
  }
};

class Lines {
 public:
  explicit Lines(unsigned seed) : random_(seed) {}

  /// A table as its commands; some are faults or are refused, which is as good.
  std::vector<std::string> table() {
    std::vector<std::string> lines;
    const int services = below(7);
    for (int i = 0; i < services; ++i) {
      const std::string service = this->service();
      lines.push_back("-A " + service + " " + config());
      for (int n = below(5); n > 0; --n) lines.push_back("-a " + service + " " + server());
    }
    return lines;
  }

 private:
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool rarely() { return below(4) == 0; }
  std::string one_of(std::initializer_list<const char*> words) {
    return words.begin()[below(static_cast<int>(words.size()))];
  }
  std::string service() {
    if (below(6) == 0) return "-f " + std::to_string(1 + below(3)) + (rarely() ? " -6" : "");
    const std::string address = one_of({"192.0.2.1", "192.0.2.2", "[2001:db8::1]"});
    return one_of({"-t ", "-t ", "-u ", "--sctp-service "}) + address + ":" +
           one_of({"80", "80", "21", "53", "0"});
  }
  std::string config() {
    std::string text =
        "-s " + one_of({"rr", "wrr", "lc", "wlc", "sed", "nq", "fo", "ovf", "dh", "sh", "mh", "none"});
    if (below(2) == 0) text += one_of({" -p", " -p 60", " -p 86400"});
    if (text.find("-p") != text.npos && rarely()) text += " --pe sip";
    if (text.find("-p") != text.npos && rarely())
      text += one_of({" -M 255.255.255.0", " -M 64", " -M 0.0.0.0"});
    if (rarely()) text += " -o";
    // flag-3 of sh and mh is not saved: ipvsadm has no word for it
    if (rarely())
      text += " -b " + one_of({"flag-1", "flag-2", "flag-1,flag-2", "sh-port", "mh-port,mh-fallback"});
    return text;
  }
  std::string server() {
    std::string text = "-r " +
                       one_of({"198.51.100.1", "198.51.100.2", "200.0.0.1", "10.0.0.3", "[2001:db8:2::1]"}) +
                       one_of({"", ":8080", ":80"});
    text += one_of({" -g", " -m", " -i", " -i --tun-type gre", " -i --tun-type gre --tun-csum",
                    " -i --tun-type gue --tun-port 99", " -i --tun-type gue --tun-port 6080 --tun-remcsum"});
    if (below(2) == 0) text += " -w " + one_of({"0", "1", "7", "300", "2147483647"});
    if (rarely()) text += " -x 9 -y 3";
    return text;
  }

  std::minstd_rand random_;
};

TEST(RoundTrip, OfThousandsOfRandomTables) {
  int lines = 0, of_xdp = 0, of_kernel = 0;
  for (unsigned seed = 1; seed <= 6000; ++seed) {
    Lines random(seed);
    Machine machine, fresh;
    for (const std::string& line : random.table()) machine.run_lines(line, Backend::Batch::kMerge);
    const std::string saved = machine.saved();
    const auto settings = machine.settings();
    of_xdp += static_cast<int>((*machine.xdp.services()).size());
    of_kernel += static_cast<int>((*machine.kernel.services()).size());
    lines += static_cast<int>(std::count(saved.begin(), saved.end(), '\n'));

    fresh.run_lines(saved, Backend::Batch::kMerge);
    ASSERT_EQ(fresh.errors, "") << "seed " << seed << "\n" << saved;
    ASSERT_EQ(fresh.saved(), saved) << "seed " << seed;
    ASSERT_EQ(fresh.settings(), settings) << "seed " << seed;
    machine.run_lines(saved, Backend::Batch::kReplace);
    ASSERT_EQ(machine.errors, "") << "seed " << seed << "\n" << saved;
    ASSERT_EQ(machine.saved(), saved) << "seed " << seed;
    ASSERT_EQ(machine.settings(), settings) << "seed " << seed;
  }
  EXPECT_GT(lines, 20000);
  EXPECT_GT(of_xdp, 2000);
  EXPECT_GT(of_kernel, 2000);
}

}  // namespace
}  // namespace xlvs::ipvsadm
