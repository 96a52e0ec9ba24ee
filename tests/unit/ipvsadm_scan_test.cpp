// SPDX-License-Identifier: GPL-2.0-or-later
// The scanner's manner, word by word. Oracle: the transcripts of tests/golden/corpus/words.txt.
#include <gmock/gmock.h>

#include "scan.h"

namespace xlvs::ipvsadm {
namespace {

using ::testing::ElementsAre;

/// What the scanner makes of `words`: options as name or name=value, a fault as "!word", positional words
/// last.
std::vector<std::string> scanned(std::vector<std::string> words) {
  words.insert(words.begin(), "ipvsadm");
  Scanner scanner(words);
  std::vector<std::string> seen;
  for (;;) {
    const Scanner::Step step = scanner.next();
    if (step.kind == Scanner::Kind::kEnd) break;
    if (step.kind != Scanner::Kind::kOption) {
      seen.push_back("!" + scanner.word());
      return seen;
    }
    std::string text(step.spelling->name);
    if (step.value) text += "=" + *step.value;
    seen.push_back(std::move(text));
  }
  while (auto word = scanner.positional()) seen.push_back("+" + *word);
  return seen;
}

TEST(Scanner, ClustersLetters) {
  EXPECT_THAT(scanned({"-Lnc"}), ElementsAre("list", "numeric", "connection"));
  EXPECT_THAT(scanned({"-At", "x"}), ElementsAre("add-service", "tcp-service=x"));
  EXPECT_THAT(scanned({"-Atxs", "y"}), ElementsAre("add-service", "tcp-service=xs", "+y"));
}
TEST(Scanner, TakesAValueWhereverItStands) {
  EXPECT_THAT(scanned({"-t", "x"}), ElementsAre("tcp-service=x"));
  EXPECT_THAT(scanned({"-tx"}), ElementsAre("tcp-service=x"));
  EXPECT_THAT(scanned({"-t=x"}), ElementsAre("tcp-service=x"));
  EXPECT_THAT(scanned({"--tcp-service=x"}), ElementsAre("tcp-service=x"));
  EXPECT_THAT(scanned({"--tcp-service", "-x"}), ElementsAre("tcp-service=-x"));
  EXPECT_THAT(scanned({"-t="}), ElementsAre("tcp-service="));
}
TEST(Scanner, DropsOneEqualsSignOnly) { EXPECT_THAT(scanned({"-t==x"}), ElementsAre("tcp-service==x")); }
TEST(Scanner, FaultsWithoutAValue) {
  EXPECT_THAT(scanned({"-L", "-t"}), ElementsAre("list", "!-t"));
  EXPECT_THAT(scanned({"-Lt"}), ElementsAre("list", "!-Lt"));
}
TEST(Scanner, FaultsWithAValueTooMany) {
  EXPECT_THAT(scanned({"--list=x"}), ElementsAre("!--list=x"));
  EXPECT_THAT(scanned({"-L="}), ElementsAre("!-L="));
}
TEST(Scanner, FaultsOnWhatItDoesNotKnow) {
  EXPECT_THAT(scanned({"-LQ"}), ElementsAre("list", "!-LQ"));
  EXPECT_THAT(scanned({"--lis"}), ElementsAre("!--lis"));
  EXPECT_THAT(scanned({"--=x"}), ElementsAre("!--=x"));
}
TEST(Scanner, GivesTheOptionalValueOnlyIfItIsNoOption) {
  EXPECT_THAT(scanned({"-p"}), ElementsAre("persistent"));
  EXPECT_THAT(scanned({"-p", "5"}), ElementsAre("persistent=5"));
  EXPECT_THAT(scanned({"-p", ""}), ElementsAre("persistent="));
  EXPECT_THAT(scanned({"-p", "-n"}), ElementsAre("persistent", "numeric"));
  EXPECT_THAT(scanned({"-pn"}), ElementsAre("persistent=n"));
}
TEST(Scanner, KeepsPositionalWordsApart) {
  EXPECT_THAT(scanned({"a", "-L", "-", "b", "--", "-n", "--"}),
              ElementsAre("list", "+a", "+-", "+b", "+-n", "+--"));
}
TEST(Scanner, PutsTheNextPlainWordIntoAValue) {
  EXPECT_THAT(scanned({"-t", "!#:+:80", "-L", "host", "x"}),
              ElementsAre("tcp-service=host:80", "list", "+x"));
  EXPECT_THAT(scanned({"-t", "!#:+!#:+", "ab"}), ElementsAre("tcp-service=abab"));
  EXPECT_THAT(scanned({"-t", "!#:+"}), ElementsAre("tcp-service=!#:+"));
}

}  // namespace
}  // namespace xlvs::ipvsadm
