// SPDX-License-Identifier: GPL-2.0-or-later
// Lines, batches, and the round trip of a table through its own saved text.
#include <gmock/gmock.h>

#include <cerrno>
#include <cstdlib>

#include "restore.h"
#include "support/fixed_names.h"
#include "support/memory_backend.h"

namespace xlvs::ipvsadm {
namespace {

using backend::Backend;
using ::testing::ElementsAre;
using xlvs::testing::MemoryBackend;

std::vector<std::vector<std::string>> lines_of(const std::string& text) {
  TextInput input(text);
  LineReader reader(input);
  std::vector<std::vector<std::string>> lines;
  while (auto line = reader.next()) lines.push_back(*line);
  return lines;
}

TEST(LineReader, SplitsAtBlanksAndKnowsNoQuotes) {
  EXPECT_THAT(lines_of("-A  -t\t'a b'\r\n\n x\n"),
              ElementsAre(ElementsAre("-A", "-t", "'a", "b'"), ElementsAre(), ElementsAre("x")));
}
TEST(LineReader, DropsItsOwnNameEverywhere) {
  EXPECT_THAT(lines_of("ipvsadm -A ipvsadm x\nipvsadm\n"),
              ElementsAre(ElementsAre("-A", "x"), ElementsAre()));
}
TEST(LineReader, TakesALastLineWithoutANewlineUnlessBlanksEndIt) {
  EXPECT_THAT(lines_of("a"), ElementsAre(ElementsAre("a")));
  EXPECT_THAT(lines_of("a "), ElementsAre(ElementsAre("a")));
  EXPECT_THAT(lines_of("a  "), ElementsAre());
}
TEST(LineReader, CutsWordsAtFourKilobytes) {
  const auto lines = lines_of(std::string(5000, 'x') + "\n");
  ASSERT_EQ(lines.size(), 1u);
  ASSERT_EQ(lines[0].size(), 2u);
  EXPECT_EQ(lines[0][0].size(), 4096u);
  EXPECT_EQ(lines[0][1].size(), 904u);
}

TEST(WithoutComments, LeavesOutLinesThatBeginWithTheSign) {
  EXPECT_EQ(without_comments("#a\nb\n #c\n#\nd"), "b\n #c\nd\n");
  EXPECT_EQ(without_comments(""), "");
}

TEST(FailureText, IsIpvsadms) {
  EXPECT_EQ(failure_text(Command::kAddService, Error{Errc::kExists, "x"}), "Service already exists");
  EXPECT_EQ(failure_text(Command::kAddServer, Error{Errc::kExists, "x"}), "Destination already exists");
  EXPECT_EQ(failure_text(Command::kFlush, Error{Errc::kPermission, "x"}),
            "Permission denied (you must be root)");
  EXPECT_EQ(failure_text(Command::kAddServer, Error{Errc::kRange, "x"}), "Numerical result out of range");
  EXPECT_EQ(failure_text(Command::kStartDaemon, Error{Errc::kSystem, "x", ENODEV}), "No such device");
  EXPECT_EQ(failure_text(Command::kAddServer, Error{Errc::kNoSpace, "x", ENOMEM}),
            "Memory allocation problem");
  EXPECT_EQ(failure_text(Command::kAddService, Error{Errc::kUnsupported, "x", EOPNOTSUPP}),
            "Operation not supported with IPv6");
}

TEST(FailureText, IsTheClosestForWhatOnlyXdpRefusesAndAHintSaysWhy) {
  const Error full{Errc::kNoSpace, "the table is full"};
  EXPECT_EQ(failure_text(Command::kAddServer, full), "Memory allocation problem");
  EXPECT_EQ(hint_text(full), "\nxlvs: the table is full");
  const Error scheduler{Errc::kUnsupported, "XDP does not have it", ENOENT};
  EXPECT_EQ(failure_text(Command::kAddService, scheduler), "Scheduler or persistence engine not found");
  EXPECT_EQ(hint_text(scheduler), "\nxlvs: XDP does not have it");
  const Error other{Errc::kUnsupported, "XDP cannot"};
  EXPECT_EQ(failure_text(Command::kAddServer, other), "Protocol not available");
  EXPECT_EQ(hint_text(other), "\nxlvs: XDP cannot");
}
TEST(FailureText, NeedsNoHintWhereTheKernelSpoke) {
  EXPECT_EQ(hint_text(Error{Errc::kUnsupported, "x", EOPNOTSUPP}), "");
  EXPECT_EQ(hint_text(Error{Errc::kNoSpace, "x", ENOMEM}), "");
  EXPECT_EQ(hint_text(Error{Errc::kNoService, "x"}), "");
}

/// An engine, and what was printed.
class RestoreTest : public ::testing::Test {
 protected:
  ~RestoreTest() override {
    std::fclose(out_);
    std::fclose(error_);
    std::free(out_data_);
    std::free(error_data_);
  }

  Outcome restore_text(const std::string& text, Backend::Batch batch = Backend::Batch::kMerge) {
    TextInput input(text);
    return restore(input, "ipvsadm", batch, session_);
  }
  std::string command(std::vector<std::string> args) {
    std::fflush(out_);
    const std::size_t before = out_size_;
    args.insert(args.begin(), "ipvsadm");
    TextInput input("");
    run(args, input, session_);
    std::fflush(out_);
    return {out_data_ + before, out_size_ - before};
  }
  std::string error() {
    std::fflush(error_);
    return {error_data_, error_size_};
  }

  MemoryBackend engine_;
  xlvs::testing::FixedNames names_;
  char *out_data_ = nullptr, *error_data_ = nullptr;
  std::size_t out_size_ = 0, error_size_ = 0;
  std::FILE* out_ = open_memstream(&out_data_, &out_size_);
  std::FILE* error_ = open_memstream(&error_data_, &error_size_);
  Session session_{engine_, names_, out_, error_};
};

TEST_F(RestoreTest, PublishesAllEditsAtOnce) {
  EXPECT_EQ(restore_text("-A -t 192.0.2.1:80\n-A -t 192.0.2.2:80\n-D -t 192.0.2.1:80\n").status, 0);
  EXPECT_EQ(engine_.commits, 1);
  EXPECT_EQ(command({"-Sn"}), "-A -t 192.0.2.2:80 -s wlc\n");
}
TEST_F(RestoreTest, ReplacesWithoutAMomentOfEmptiness) {
  restore_text("-A -t 192.0.2.1:80\n");
  /// Looks at what traffic sees, at every byte that is read.
  class Watching final : public Input {
   public:
    Watching(std::string text, const MemoryBackend& engine) : text_(std::move(text)), engine_(engine) {}
    int get() override {
      least = std::min(least, engine_.published_services());
      return text_.get();
    }
    bool waits() override { return false; }
    std::size_t least = 99;

   private:
    TextInput text_;
    const MemoryBackend& engine_;
  } input("-A -t 192.0.2.2:80\n-A -t 192.0.2.3:80\n", engine_);
  EXPECT_EQ(restore(input, "ipvsadm", Backend::Batch::kReplace, session_).status, 0);
  EXPECT_EQ(input.least, 1u);
  EXPECT_EQ(command({"-Sn"}), "-A -t 192.0.2.2:80 -s wlc\n-A -t 192.0.2.3:80 -s wlc\n");
}
TEST_F(RestoreTest, GoesOnAfterTheEnginesRefusal) {
  EXPECT_EQ(restore_text("-A -t 192.0.2.1:80\n-A -t 192.0.2.1:80\n-A -t 192.0.2.2:80\n").status, 0);
  EXPECT_EQ(error(), "Service already exists\n");
  EXPECT_EQ(engine_.published_services(), 2u);
}
TEST_F(RestoreTest, EndsAtAFaultAndKeepsWhatWasBefore) {
  const Outcome outcome = restore_text("-A -t 192.0.2.1:80\n-A -n\n-A -t 192.0.2.2:80\n");
  EXPECT_EQ(outcome.status, 2);
  EXPECT_TRUE(outcome.final);
  EXPECT_EQ(engine_.published_services(), 1u);
}
TEST_F(RestoreTest, ShowsEditsToCommandsThatLook) {
  restore_text("-A -t 192.0.2.1:80\n-Sn\n-A -t 192.0.2.2:80\n");
  EXPECT_EQ(engine_.commits, 2);
}
TEST_F(RestoreTest, PublishesWhenItWouldWait) {
  class Slow final : public Input {
   public:
    explicit Slow(std::string text) : text_(std::move(text)) {}
    int get() override { return text_.get(); }
    bool waits() override { return true; }

   private:
    TextInput text_;
  } input("-A -t 192.0.2.1:80\n-A -t 192.0.2.2:80\n");
  restore(input, "ipvsadm", Backend::Batch::kMerge, session_);
  EXPECT_EQ(engine_.commits, 2);
}
TEST_F(RestoreTest, RefusesARestoreInARestore) {
  EXPECT_EQ(restore_text("-R\n").status, 255);
  EXPECT_EQ(error(), "Try `ipvsadm -h' or 'ipvsadm --help' for more information.\n");
}
TEST_F(RestoreTest, SaveThenRestoreIsTheIdentityOfWhatIsSaved) {
  restore_text(
      "-A -t 192.0.2.1:80 -s sh -p 60 -M 255.255.0.0 -b sh-port\n"
      "-a -t 192.0.2.1:80 -r 192.0.2.8 -w 3\n"
      "-a -t 192.0.2.1:80 -r 192.0.2.9 -i --tun-type gue --tun-port 99 --tun-csum\n"
      "-a -t 192.0.2.1:80 -r 192.0.2.7:8080 -m\n"
      "-A -u [2001:db8::1]:53 -o -p -M 64 --pe sip\n"
      "-a -u [2001:db8::1]:53 -r [2001:db8::2]:53 -i --tun-type gre\n"
      "-A -f 9\n-A -f 9 -6 -s none\n-a -f 9 -r 192.0.2.9:7\n");
  const std::string saved = command({"-Sn"});
  EXPECT_EQ(restore_text(saved, Backend::Batch::kReplace).status, 0);
  EXPECT_EQ(command({"-Sn"}), saved);
  EXPECT_EQ(error(), "");
}

}  // namespace
}  // namespace xlvs::ipvsadm
