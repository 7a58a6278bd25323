// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl bundle, inspect and cache, with a compiler of one kernel and a ptxas
// that only says its version.

#include "runtime/Abi/Problem.h"
#include "runtime/Bundle/Bundle.h"
#include "runtime/Tune/Record.h"
#include "tests/Tools/Command.h"
#include "tools/nybl/Progress.h"
#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <pty.h>
#include <set>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace nybl;
using namespace nybl::tests;
using Json = nlohmann::json;

namespace {

using Arguments = std::vector<std::string>;

class BundleCommand : public testing::Test {
protected:
  void SetUp() override {
    writeText(folder / "ptxas", "#!/bin/sh\necho 'release 13.0, V13.0.88'\n");
    chmod((folder / "ptxas").c_str(), 0700);
    writeText(folder / "problems", "# two layers\n\ngemm n=24 k=48 d=f32\n"
                                   "gemm m=8 n=16 k=48 d=f32\n"
                                   "gemm n=24 k=48 d=f32\n");
  }
  Outcome command(const Arguments &arguments,
                  std::map<std::string, std::string> more = {}) {
    more.insert({{"NYBL_JIT", NYBL_TEST_FAKE_JIT},
                 {"NYBL_PTXAS", folder / "ptxas"},
                 {"NYBL_CACHE", "on"},
                 {"NYBL_CACHE_PATH", folder / "cache"}});
    return nyblCommand(arguments, more);
  }
  Outcome bundle(const std::string &out, const Arguments &more = {},
                 const std::map<std::string, std::string> &environment = {}) {
    Arguments arguments = {
        "bundle", folder / "problems", "--chips",     "sm_120a,sm_121a",
        "-o",     folder / out,        "--no-generic"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return command(arguments, environment);
  }
  Json json(const Arguments &arguments) {
    Outcome outcome = command(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return Json::parse(outcome.out, nullptr, false);
  }
  void expectError(const Outcome &outcome, int code, const char *part) {
    EXPECT_EQ(outcome.code, code) << outcome.err;
    EXPECT_NE(outcome.err.find(part), std::string::npos) << outcome.err;
  }
  /// Path of an entry of the cache.
  std::string entry() {
    return folder / ("cache/" + folder.files("cache").front());
  }

  Folder folder;
};

/// A command that was installed without the program it compiles in.
TEST_F(BundleCommand, WithoutAProcessToCompileInThatIsSaid) {
  std::filesystem::copy_file(NYBL_TEST_COMMAND, folder / "alone");
  auto run = [&](const char *place) {
    std::string command =
        std::string(place) + " NYBL_CACHE=off '" + (folder / "alone") +
        "' bundle '" + (folder / "problems") + "' --chips sm_120a --jit '" +
        NYBL_TEST_FAKE_JIT "' --ptxas '" + (folder / "ptxas") + "' -o '" +
        (folder / "made") + "' 2>'" + (folder / "err") + "' >/dev/null";
    int status = std::system(command.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  };
  EXPECT_EQ(run(""), 0);
  std::string said = contentOf(folder / "err");
  EXPECT_EQ(said.find("nybl: warning: no process to compile in: looked for '"),
            0u)
      << said;
  EXPECT_NE(said.find("the compiler runs in this process"), said.npos) << said;
  EXPECT_EQ(run("NYBL_COMPILE=inprocess"), 0);
  EXPECT_EQ(contentOf(folder / "err"), "");
  EXPECT_EQ(run("NYBL_COMPILE=child"), 3);
  said = contentOf(folder / "err");
  EXPECT_NE(said.find("no process to compile in"), said.npos) << said;
  EXPECT_EQ(run("NYBL_COMPILE=maybe"), 2);
}

TEST_F(BundleCommand, SameBytesFromTheCompilerAndFromTheCache) {
  Outcome first = bundle("one");
  EXPECT_EQ(first.code, 0) << first.err;
  EXPECT_NE(first.out.find("4 kernels in "), std::string::npos) << first.out;
  EXPECT_NE(first.out.find("), 0 from the cache"), std::string::npos);
  EXPECT_EQ(folder.files("cache").size(), 4u);
  Outcome second = bundle("two", {"--jobs", "1"});
  EXPECT_NE(second.out.find("), 4 from the cache"), std::string::npos)
      << second.out;
  Outcome third = bundle("three", {}, {{"NYBL_CACHE", "off"}});
  EXPECT_NE(third.out.find("), 0 from the cache"), std::string::npos);
  std::string bytes = contentOf(folder / "one");
  EXPECT_FALSE(bytes.empty());
  EXPECT_TRUE(contentOf(folder / "two") == bytes);
  // Without a cache nobody asks which ptxas there is; the fake was told none.
  auto read = bundle::Bundle::read(contentOf(folder / "three"));
  ASSERT_TRUE(read) << read.message();
  EXPECT_EQ(read->rows().front().request.compiler, "fake 1");
}

TEST_F(BundleCommand, AKernelForEachClassOfM) {
  writeText(folder / "problems", "gemm n=24 k=64 d=f32\ngemm m=9..40 n=24 k=64 "
                                 "d=f32\n");
  ASSERT_EQ(bundle("b", {"--all-classes"}).code, 0);
  auto read = bundle::Bundle::read(contentOf(folder / "b"));
  ASSERT_TRUE(read) << read.message();
  std::set<std::string> rows;
  for (const bundle::Row &row : read->rows())
    rows.insert(row.request.chip + row.request.problem.substr(4, 9));
  EXPECT_EQ(rows,
            (std::set<std::string>{"sm_120a m=0..128", "sm_120a m=0..16 ",
                                   "sm_120a m=0..32 ", "sm_120a m=0..64 ",
                                   "sm_120a m=? n=24", "sm_121a m=0..128",
                                   "sm_121a m=0..16 ", "sm_121a m=0..32 ",
                                   "sm_121a m=0..64 ", "sm_121a m=? n=24"}));
  EXPECT_EQ(read->rows().size(), 10u) << "each once";
}

/// One for each set of formats and layouts, which serves what is not in there.
TEST_F(BundleCommand, TheGenericKernelsComeAlong) {
  writeText(folder / "problems",
            "gemm n=24 k=64 d=f32\ngemm m=9 n=40 k=64 d=f32 weights=static\n"
            "gemm n=24 k=64 d=f32 sfa=linear\n");
  Arguments arguments = {"bundle", folder / "problems", "--chips", "sm_120a",
                         "-o",     folder / "b"};
  Outcome made = command(arguments);
  EXPECT_EQ(made.code, 0) << made.err;
  auto rowsOf = [&] {
    auto read = bundle::Bundle::read(contentOf(folder / "b"));
    EXPECT_TRUE(read) << read.message();
    std::set<std::string> rows;
    for (const bundle::Row &row : read->rows())
      rows.insert(row.request.problem.substr(0, 17));
    return std::pair(read->rows().size(), rows);
  };
  auto [count, rows] = rowsOf();
  EXPECT_EQ(count, 5u);
  EXPECT_TRUE(rows.contains("gemm m=? n=? k=? "));
  Outcome text = command({"inspect", folder / "b"});
  EXPECT_NE(text.out.find("gemm m=? n=? k=? a=nvfp4 b=nvfp4 sfa=linear"),
            std::string::npos)
      << text.out;
  EXPECT_NE(text.out.find("M up to 1048576, N up to 1000, K up to 1048576"),
            std::string::npos)
      << text.out;
  for (Arguments more :
       {Arguments{"--no-generic"}, Arguments{"--schedule", "kind=any"}}) {
    Arguments other = arguments;
    other.insert(other.end(), more.begin(), more.end());
    ASSERT_EQ(command(other).code, 0);
    EXPECT_EQ(rowsOf().first, 3u) << more[0];
  }
}

TEST_F(BundleCommand, InspectSaysWhatIsInIt) {
  ASSERT_EQ(bundle("b", {"--schedule", "kind=any"}).code, 0);
  Outcome text = command({"inspect", folder / "b"});
  EXPECT_EQ(text.code, 0) << text.err;
  for (const char *part :
       {"4 kernels, ", "every SHA-256 is right",
        "gemm m=0..16 n=16 k=48 a=nvfp4", "on sm_121a, kind=fake (asked for)",
        "proven by fake 1 for M up to 1048576", "fake 1; ptxas 13.0.88",
        "for drivers of CUDA 13.0 and later, by its PTX of 12.8"})
    EXPECT_NE(text.out.find(part), std::string::npos) << text.out;
  Json all = json({"inspect", folder / "b", "--json"});
  ASSERT_EQ(all["kernels"].size(), 4u);
  EXPECT_EQ(all["kernels"][0]["schedule_asked"], "kind=any");
  EXPECT_EQ(all["kernels"][0]["manifest"]["kernel"], "fake_gemm");
  std::string bytes = contentOf(folder / "b");
  bytes[bytes.find("ld.param")] ^= 1;
  writeText(folder / "b", bytes);
  expectError(command({"inspect", folder / "b"}), 2,
              "expected a part with the SHA-256");
  expectError(command({"inspect", folder / "problems"}), 2,
              "expected a bundle of Nybl");
  expectError(command({"inspect", folder / "none"}), 3, "cannot open");
}

TEST_F(BundleCommand, WhatIsWrongLeavesNoFile) {
  auto problems = [&](const char *text) {
    writeText(folder / "problems", text);
    return bundle("b");
  };
  expectError(problems("gemm n=24 k=48\ngemm n=24 kk=48\n"), 2,
              "problems, line 2: at word");
  expectError(problems("gemm n=0 k=48\n"), 2, "needs no kernel");
  expectError(problems("# nothing\n"), 2, "expected a problem line");
  writeText(folder / "problems", "gemm n=24 k=48\n");
  expectError(bundle("b", {"--schedule", "refuse"}), 1, "for sm_12");
  expectError(bundle("b", {"--schedule", "unproven"}), 4,
              "but nobody has proven L2, L3");
  expectError(bundle("b", {"--jit", "/nonexistent"}), 3, "no compiler");
  expectError(bundle("b", {"--jobs", "0"}), 2, "--jobs");
  expectError(command({"bundle", folder / "none", "--chips", "sm_120a"}), 3,
              "cannot open");
  EXPECT_EQ(access((folder / "b").c_str(), F_OK), -1);
}

/// "chosen" has no schedule for sm_121a; all else that is refused is a fault.
TEST_F(BundleCommand, WherePossibleLeavesOutWhatHasNoScheduleAlone) {
  expectError(bundle("b", {"--schedule", "chosen"}), 1, "no schedule fits");
  Outcome said = bundle("b", {"--schedule", "chosen", "--where-possible"});
  EXPECT_EQ(said.code, 0) << said.err;
  for (const char *part :
       {"left out 'gemm m=? n=24 k=48 ", "left out 'gemm m=0..16 n=16 k=48 ",
        "for sm_121a: no schedule fits\n", "2 kernels in "})
    EXPECT_NE(said.out.find(part), said.out.npos) << said.out;
  EXPECT_EQ(said.out.find("for sm_120a"), said.out.npos) << said.out;
  for (auto [schedule, why] : {std::pair("refuse", "the fake refuses"),
                               {"refuted", "refuted: with M = 5"}}) {
    said = bundle("c", {"--schedule", schedule, "--where-possible"});
    expectError(said, 1, why);
    EXPECT_EQ(said.out, "");
  }
  EXPECT_EQ(access((folder / "c").c_str(), F_OK), -1);
}

/// Of the first problem, on a GPU that is not here.
tune::Record record(const char *schedule, int64_t nanoseconds,
                    const tune::Gpu &gpu) {
  auto problem = parseProblem("gemm n=24 k=48 d=f32");
  return {print(specialise(*problem)),
          16,
          gpu,
          13000,
          "events 1",
          schedule,
          std::string(64, '0'),
          nanoseconds,
          0,
          30,
          "naive kernel"};
}

const tune::Gpu large{"NVIDIA GeForce RTX 5090", "sm_120a", 170},
    small{"NVIDIA GeForce RTX 5080", "sm_120a", 84};

TEST_F(BundleCommand, RecordsOfATuneFileChoose) {
  auto tuned = [&](const char *out, const std::vector<tune::Record> &records,
                   const Arguments &more = {}) {
    std::string text;
    for (const tune::Record &r : records)
      text += print(r) + "\n";
    writeText(folder / "tune", text);
    Arguments arguments = {
        "bundle",     folder / "problems", "--chips",       "sm_120a",     "-o",
        folder / out, "--tuned",           folder / "tune", "--no-generic"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return command(arguments);
  };
  tune::Record slow = record("kind=slow", 9000, large),
               fast = record("kind=fast", 1500, large),
               other = record("kind=other", 10, small);
  Outcome said = tuned("b", {slow, fast});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_NE(said.out.find("\n1 as the records of "), std::string::npos)
      << said.out;
  EXPECT_NE(said.out.find(", 1 without a record"), std::string::npos);
  auto read = bundle::Bundle::read(contentOf(folder / "b"));
  ASSERT_TRUE(read) << read.message();
  ASSERT_EQ(read->rows().size(), 2u);
  const std::string why = "measured, 1.500 us at M = 16 on NVIDIA GeForce RTX "
                          "5090 (sm_120a, 170 multiprocessors)";
  EXPECT_EQ(read->rows()[0].tuned, "") << "m=0..16: no record";
  EXPECT_EQ(read->rows()[1].tuned, why);
  EXPECT_EQ(read->rows()[1].request.schedule, "") << "found without asking";
  said = command({"inspect", folder / "b"});
  EXPECT_NE(said.out.find("kind=fake (tuned: " + why + ")\n"),
            std::string::npos)
      << said.out;
  EXPECT_EQ(json({"inspect", folder / "b", "--json"})["kernels"][1]["tuned"],
            why);
  EXPECT_EQ(tuned("c", {fast, slow, fast}).code, 0);
  EXPECT_TRUE(contentOf(folder / "c") == contentOf(folder / "b"));
  // Of several GPUs one must be named.
  expectError(tuned("d", {slow, fast, other}), 2,
              "expected records of one GPU of sm_120a, got 'NVIDIA GeForce RTX "
              "5080 (sm_120a, 84 multiprocessors)', 'NVIDIA GeForce RTX 5090");
  for (const char *name :
       {"NVIDIA GeForce RTX 5090", "NVIDIA GeForce RTX 5090 (sm_120a, 170 "
                                   "multiprocessors)"}) {
    said = tuned("d", {slow, fast, other}, {"--gpu", name});
    EXPECT_EQ(said.code, 0) << said.err;
    EXPECT_TRUE(contentOf(folder / "d") == contentOf(folder / "b"));
  }
}

TEST_F(BundleCommand, RecordsThatDoNotFitAreSaid) {
  auto tuned = [&](const tune::Record &one, const char *chips,
                   const Arguments &more = {}) {
    writeText(folder / "tune", print(one) + "\n");
    Arguments arguments = {
        "bundle", folder / "problems", "--chips", chips,
        "-o",     folder / "b",        "--tuned", folder / "tune"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return command(arguments);
  };
  tune::Record right = record("kind=fast", 1500, large), wrong = right;
  wrong.kernel.front() = '1';
  expectError(tuned(wrong, "sm_120a"), 1,
              "was timed as kernel 100000000000, and is kernel 000000000000");
  expectError(tuned(wrong, "sm_120a", {"--where-possible"}), 1,
              "run `nybl tune` anew");
  expectError(tuned(right, "sm_120a,sm_121a"), 2,
              "expected records of one GPU of sm_121a, got none");
  expectError(tuned(right, "sm_120a", {"--gpu", "H100"}), 2,
              "--gpu: expected a GPU with records");
  expectError(tuned(right, "sm_120a", {"--schedule", "kind=any"}), 2,
              "--schedule");
  expectError(bundle("b", {"--gpu", "H100"}), 2, "expected a tune file");
  expectError(bundle("b", {"--tuned", folder / "none"}), 3, "none");
  expectError(bundle("b", {"--tuned", folder / "problems"}), 2, "line 1");
  EXPECT_EQ(access((folder / "b").c_str(), F_OK), -1);
}

TEST_F(BundleCommand, RunsFromABundleWithoutACompiler) {
  ASSERT_EQ(bundle("b").code, 0);
  auto run = [&](const char *problem) {
    return command({"run", problem, "--in", folder / "none", "--out",
                    folder / "d", "--device", "emu:sm_120a", "--bundle",
                    folder / "b", "--jit", "/nonexistent"});
  };
  expectError(run("gemm n=24 k=48 d=f32"), 3, "none'");
  expectError(command({"run", "gemm n=24 k=48", "--in", "x", "--out", "y",
                       "--bundle", ""}),
              2, "expected the name of a file");
}

#ifdef NYBL_TEST_SIGNAL_ON_SYNC // no sanitizer, whose runtime has files of its
                                // own
TEST_F(BundleCommand, CtrlCLeavesNoHalfFile) {
  Outcome outcome =
      bundle("b", {},
             {{"LD_PRELOAD", NYBL_TEST_SIGNAL_ON_SYNC}, {"NYBL_CACHE", "off"}});
  EXPECT_EQ(outcome.code, 128 + SIGINT);
  EXPECT_EQ(folder.files(), (Arguments{"problems", "ptxas"}));
}
#endif

TEST_F(BundleCommand, TheCacheIsListed) {
  Outcome none = command({"cache", "ls"});
  EXPECT_EQ(none.code, 0) << none.err;
  EXPECT_NE(none.out.find("cache: 0 kernels, 0 B"), std::string::npos)
      << none.out;
  ASSERT_EQ(bundle("b").code, 0);
  Outcome text = command({"cache", "ls"});
  EXPECT_NE(text.out.find("cache: 4 kernels, "), std::string::npos);
  EXPECT_NE(text.out.find("sm_121a  gemm m=0..16 n=16 k=48 "),
            std::string::npos)
      << text.out;
  Json all = json({"cache", "ls", "--json"});
  const Json &only = all["folders"][0];
  EXPECT_EQ(only["kernels"].size(), 4u);
  EXPECT_EQ(only["kernels"][0]["ptxas"], "13.0.88");
  Json two = json({"cache", "ls", "--json", "--path",
                   folder / "other" + ":" + folder / "cache"});
  EXPECT_EQ(two["folders"].size(), 2u);
  expectError(command({"cache", "ls"}, {{"NYBL_CACHE", "off"}}), 3,
              "there is no cache: NYBL_CACHE is off");
  expectError(command({"cache"}), 2, "subcommand");
  ASSERT_EQ(chmod((folder / "cache").c_str(), 0777), 0);
  expectError(command({"cache", "ls"}), 3, "so others can write to it");
}

TEST_F(BundleCommand, DamageIsFoundSetAsideAndRemoved) {
  ASSERT_EQ(bundle("b").code, 0);
  EXPECT_EQ(command({"cache", "verify"}).code, 0);
  std::string bytes = contentOf(entry());
  bytes[bytes.find("ld.param")] ^= 1;
  writeText(entry(), bytes);
  EXPECT_NE(command({"cache", "ls"}).out.find("damaged: expected a part"),
            std::string::npos);
  expectError(command({"cache", "verify"}), 1, "got 1 that are not");
  EXPECT_EQ(command({"cache", "verify"}).code, 0) << "it is set aside";
  Json all = json({"cache", "ls", "--json"});
  EXPECT_EQ(all["folders"][0]["set_aside"], 1);
  EXPECT_EQ(all["folders"][0]["kernels"].size(), 3u);
  EXPECT_NE(command({"cache", "prune"}).out.find("removed 1 file, "),
            std::string::npos);
  EXPECT_EQ(folder.files("cache").size(), 3u);
  expectError(command({"cache", "prune", "--size", "small"}), 2,
              "--size: expected a number of bytes");
  uint64_t one = contentOf(entry()).size();
  Json pruned = json(
      {"cache", "prune", "--json", "--size", std::to_string(one + one / 2)});
  EXPECT_EQ(pruned["removed_files"], 2);
  Json cleared = json({"cache", "clear", "--json"});
  EXPECT_EQ(cleared["removed_files"], 1);
  EXPECT_TRUE(folder.files("cache").empty());
}

TEST(Progress, SaysHowMuchAndHowLong) {
  EXPECT_EQ(cli::progressLine("kernels", 0, 4, 2),
            "[....................] 0 of 4 kernels");
  EXPECT_EQ(cli::progressLine("kernels", 1, 4, 2),
            "[#####...............] 1 of 4 kernels, 6 s left");
  EXPECT_EQ(cli::progressLine("kernels", 4, 4, 8),
            "[####################] 4 of 4 kernels, 0 s left");
}

/// What a bar draws where standard error is this file.
std::string drawnOn(int file, int readFrom) {
  int before = dup(STDERR_FILENO);
  dup2(file, STDERR_FILENO);
  {
    cli::Progress progress("kernels", 4);
    progress.show(1); // too early for anybody to wait
    std::this_thread::sleep_for(std::chrono::milliseconds(2100));
    progress.show(3);
  }
  dup2(before, STDERR_FILENO);
  close(before);
  close(file);
  char text[256];
  ssize_t count = read(readFrom, text, sizeof text);
  close(readFrom);
  return std::string(text, static_cast<size_t>(std::max<ssize_t>(0, count)));
}

TEST(Progress, IsDrawnOnTerminalsAloneAndTakenAway) {
  int master = -1, terminal = -1, ends[2];
  ASSERT_EQ(openpty(&master, &terminal, nullptr, nullptr, nullptr), 0);
  int keep = dup(terminal); // what was drawn is lost with the last of them
  std::string drawn = drawnOn(terminal, master);
  close(keep);
  EXPECT_EQ(drawn.find("1 of 4"), std::string::npos) << drawn;
  EXPECT_NE(drawn.find("3 of 4 kernels, 1 s left"), std::string::npos) << drawn;
  EXPECT_TRUE(drawn.ends_with("\r\x1b[K")) << drawn;
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_EQ(drawnOn(ends[1], ends[0]), "");
}

} // namespace
