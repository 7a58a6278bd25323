// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tune files: what is read, refused, dropped and merged, and which kernel is
// chosen.

#include "runtime/Tune/Choice.h"
#include "runtime/Tune/Journal.h"
#include "tests/Tools/Folder.h"
#include <algorithm>
#include <gtest/gtest.h>

using namespace nybl;
using namespace nybl::tests;
using namespace nybl::tune;

namespace {

const Gpu gpu{"NVIDIA GeForce RTX 5090", "sm_120a", 170};
const std::string keyA(64, 'a'), keyB(64, 'b');

GemmProblem problem(const char *line = "gemm n=96 k=64") {
  return *parseProblem(line);
}

Record record(int64_t m, const char *schedule, const std::string &kernel,
              int64_t nanoseconds) {
  return {print(specialise(problem())),
          m,
          gpu,
          13000,
          "events 1",
          schedule,
          kernel,
          nanoseconds,
          10,
          30,
          "naive kernel"};
}

std::string fileOf(const std::vector<Record> &records) {
  std::string text;
  for (const Record &r : records)
    text += print(r) + "\n";
  return text;
}

/// With one piece of a good line replaced.
std::string changed(const std::string &from, const std::string &to) {
  std::string line = print(record(16, "kind=plain", keyA, 1500));
  size_t at = line.find(from);
  EXPECT_NE(at, line.npos) << from;
  return line.replace(at, from.size(), to);
}

TEST(TuneRecord, PrintsAndParsesToItself) {
  Record r = record(16, "kind=plain", keyA, 1500);
  r.gpu.name = "a \"GPU\" \xc3\xa9";
  auto again = parseRecord(print(r));
  ASSERT_TRUE(again) << again.message();
  EXPECT_EQ(*again, r);
}

TEST(TuneRecord, WrongLinesNameTheField) {
  const std::tuple<const char *, const char *, const char *> table[] = {
      {"tune 1", "tune 2", "'nybl': expected 'tune 1'"},
      {"\"m\":16", "\"m\":0", "'m': expected an integer from 1 on"},
      {"\"m\":16", "\"m\":1.5", "'m'"},
      {"\"m\":16", "\"m\":\"16\"", "'m'"},
      {"\"m\":16", "\"m\":99999999999999999999", "'m'"},
      {"\"m\":16", "\"m\":18446744073709551615", "'m'"},
      {"\"m\":16,", "", "'m'"},
      {"\"runs\":30", "\"runs\":-1", "'runs'"},
      {"\"ns\":1500", "\"ns\":0", "'ns'"},
      {"\"runs\":30", "\"runs\":30,\"more\":1", "of another version?"},
      {"gemm m=?", "gemm m=16", "'problem'"},
      {"n=96", "n=0", "'problem'"},
      {"k=64", "k=65", "'problem'"},
      {"kind=plain", "", "'schedule': expected one line"},
      {"kind=plain", "kind\\nplain", "'schedule': expected one line"},
      {"aaaaaaaa", "aaaaaaaX", "'kernel': expected 64"},
      {"{\"nybl\"", "[\"nybl\"", "expected a JSON object"}};
  for (const auto &[from, to, part] : table) {
    auto parsed = parseRecord(changed(from, to));
    ASSERT_FALSE(parsed) << to;
    EXPECT_NE(parsed.message().find(part), std::string::npos)
        << parsed.message();
  }
  EXPECT_FALSE(parseRecord(changed("kind=plain", std::string(9000, 'x'))));
}

TEST(TuneFile, ATornLastLineIsDroppedAndAnotherIsNot) {
  Record a = record(16, "kind=plain", keyA, 1500), b = record(17, "x", keyB, 2);
  std::string text = fileOf({a, b});
  size_t first = text.find('\n') + 1;
  // Every place at which its writer may have died.
  for (size_t size = first; size < text.size(); ++size) {
    auto file = parseFile(text.substr(0, size));
    ASSERT_TRUE(file) << size << ": " << file.message();
    EXPECT_EQ(file->records, std::vector<Record>{a});
    EXPECT_EQ(file->whole, first);
  }
  auto broken = parseFile(text.substr(0, first - 5) + "\n" + text);
  ASSERT_FALSE(broken);
  EXPECT_NE(broken.message().find("line 1: "), std::string::npos);
}

TEST(TuneJournal, GoesOnBehindATornLine) {
  Folder folder;
  std::string path = folder / "tune.jsonl";
  Record a = record(16, "kind=plain", keyA, 1500), b = record(17, "x", keyB, 2);
  writeText(path, fileOf({a}) + print(b).substr(0, 40));
  {
    auto journal = Journal::open(path);
    ASSERT_TRUE(journal) << journal.message();
    EXPECT_TRUE(journal->find(a));
    EXPECT_FALSE(journal->find(b));
    auto second = Journal::open(path);
    ASSERT_FALSE(second);
    EXPECT_NE(second.message().find("another process"), std::string::npos);
    EXPECT_TRUE(journal->append(b));
    EXPECT_TRUE(journal->find(b));
  }
  EXPECT_EQ(contentOf(path), fileOf({a, b}));
}

TEST(TuneJournal, LeavesWhatIsNoTuneFile) {
  Folder folder;
  std::string path = folder / "notes", text = "my notes\nhalf a line";
  writeText(path, text);
  auto journal = Journal::open(path);
  ASSERT_FALSE(journal);
  EXPECT_EQ(journal.status().code(), ErrorCode::Invalid);
  EXPECT_EQ(contentOf(path), text);
}

TEST(TuneMerge, AnyOrderGivesTheSame) {
  std::vector<Record> records = {
      record(16, "a", keyA, 5), record(16, "a", keyA, 3),
      record(17, "a", keyA, 9), record(16, "b", keyB, 4)};
  std::vector<Record> merged = merge(records);
  EXPECT_EQ(merged.size(), 3u);
  EXPECT_EQ(merged.front().nanoseconds, 3);
  std::sort(records.begin(), records.end(), std::greater<>());
  EXPECT_EQ(merge(records), merged);
  EXPECT_EQ(merge(merged), merged);
}

TEST(TuneChoice, TheLeastProductOfRelativeTimes) {
  std::vector<Record> records = {
      record(1, "small", keyA, 10), record(1024, "small", keyA, 400),
      record(1, "large", keyB, 15), record(1024, "large", keyB, 100)};
  auto schedule = [&](const char *line) {
    auto choice = choose(records, problem(line), gpu);
    return choice ? choice->schedule : "";
  };
  for (int i = 0; i < 24; ++i) {
    EXPECT_EQ(schedule("gemm n=96 k=64"), "large");
    EXPECT_EQ(schedule("gemm m=1 n=96 k=64"), "") << "a class of few rows";
    EXPECT_EQ(schedule("gemm m=1..200 n=96 k=64"), "small");
    EXPECT_EQ(schedule("gemm m=100..2000 n=96 k=64"), "large");
    EXPECT_EQ(schedule("gemm m=2 n=96 k=64"), "");
    EXPECT_EQ(schedule("gemm n=96 k=80"), "");
    std::next_permutation(records.begin(), records.end());
  }
  auto choice = choose(records, problem(), gpu);
  EXPECT_EQ(choice->kernel, keyB);
  EXPECT_EQ(choice->reason,
            "measured, 0.015 us at M = 1, 0.100 us at M = 1024");
}

TEST(TuneChoice, ARetuneSupersedesTheKernelsOfAnotherCompiler) {
  std::vector<Record> records = {record(1, "kind=plain", keyB, 10),
                                 record(16, "kind=plain", keyB, 10),
                                 record(16, "kind=plain", keyA, 1500),
                                 record(16, "kind=other", keyB, 2000)};
  auto choice = choose(records, problem(), gpu);
  ASSERT_TRUE(choice);
  EXPECT_EQ(choice->schedule, "kind=plain");
  EXPECT_EQ(choice->kernel, keyA) << "though it was slower, at fewer rows";
  std::vector<Record> merged = merge(records);
  ASSERT_EQ(merged.size(), 2u);
  EXPECT_EQ(choose(merged, problem(), gpu), choice);
  records.push_back(record(16, "kind=plain", keyB, 9)); // and back again
  EXPECT_EQ(choose(records, problem(), gpu)->kernel, keyB);
}

TEST(TuneJournal, FindsNoRecordOfAKernelThatWasSuperseded) {
  Folder folder;
  std::string path = folder / "tune.jsonl";
  Record older = record(16, "kind=plain", keyA, 1500),
         newer = record(16, "kind=plain", keyB, 1400);
  writeText(path, fileOf({older, newer}));
  auto journal = Journal::open(path);
  ASSERT_TRUE(journal) << journal.message();
  EXPECT_FALSE(journal->find(older)) << "it is to be timed anew";
  EXPECT_TRUE(journal->find(newer));
  EXPECT_TRUE(journal->append(older));
  EXPECT_TRUE(journal->find(older));
  EXPECT_FALSE(journal->find(newer));
}

TEST(TuneJournal, WhoHoldsItIsAloneAndWhatIsNotThereNeedsNoHold) {
  Folder folder;
  std::string path = folder / "tune.jsonl";
  EXPECT_TRUE(Journal::hold(path));
  EXPECT_TRUE(folder.files().empty()) << "it makes none";
  auto journal = Journal::open(path);
  ASSERT_TRUE(journal) << journal.message();
  auto second = Journal::hold(path);
  ASSERT_FALSE(second);
  EXPECT_NE(second.message().find("another process tunes into"),
            std::string::npos);
}

TEST(TuneChoice, OtherGpusDoNotCount) {
  std::vector<Record> records = {record(1, "a", keyA, 10)};
  for (Gpu other : {Gpu{"another", "sm_120a", 170},
                    Gpu{gpu.name, "sm_121a", 170}, Gpu{gpu.name, "sm_120a", 2}})
    EXPECT_FALSE(choose(records, problem(), other));
  EXPECT_TRUE(choose(records, problem(), gpu));
}

TEST(TuneChoice, MeasuredBeforeEstimatedAndWholeBeforePart) {
  std::vector<Record> records = {record(1, "estimated", keyA, 1),
                                 record(1, "measured", keyB, 10)};
  records[0].runs = 0;
  EXPECT_EQ(choose(records, problem(), gpu)->schedule, "measured");
  records.pop_back();
  EXPECT_EQ(choose(records, problem(), gpu)->reason.substr(0, 9), "estimated");
  // "part" is faster where it was timed, but nobody knows it at M = 2.
  records = {record(1, "part", keyA, 1), record(1, "whole", keyB, 10),
             record(2, "whole", keyB, 10)};
  EXPECT_EQ(choose(records, problem(), gpu)->schedule, "whole");
  // Times of two drivers are not compared.
  records = {record(1, "old", keyA, 1), record(1, "new", keyB, 10)};
  records[1].driver = 13010;
  EXPECT_EQ(choose(records, problem(), gpu)->schedule, "new");
}

} // namespace
