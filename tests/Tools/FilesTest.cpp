// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the command does to the files a user names: links, devices, pipes,
// limits, a full disk, Ctrl-C.

#include "tests/Tools/Command.h"
#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=24 k=48 sfa=128x4 sfb=8x4 d=f32";

struct CommandFiles : testing::Test {
  Outcome compile(const std::string &out,
                  const std::map<std::string, std::string> &environment = {}) {
    return nyblCommand({"compile", line, "--chip", "sm_120a", "--emit", "ptx",
                        "--jit", NYBL_TEST_FAKE_JIT, "-o", out},
                       environment);
  }
  /// Through a shell, for what only a shell sets up; the exit code.
  int shell(const std::string &before, const std::string &arguments,
            const std::string &after) {
    std::string text = before + " '" NYBL_TEST_COMMAND "' " + arguments +
                       " --jit '" NYBL_TEST_FAKE_JIT "' " + after;
    int status = std::system(text.c_str());
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  std::string compileText() {
    return "compile '" + std::string(line) + "' --chip sm_120a --emit ptx";
  }
  Folder folder;
};

TEST_F(CommandFiles, LinksAreFollowedAndDevicesStay) {
  namespace fs = std::filesystem;
  writeText(folder / "real", "old");
  fs::create_symlink("real", folder / "link");
  ASSERT_EQ(compile(folder / "link").code, 0);
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_NE(contentOf(folder / "real").find(".target"), std::string::npos);
  fs::create_symlink("/dev/null", folder / "null");
  ASSERT_EQ(compile(folder / "null").code, 0);
  EXPECT_TRUE(fs::is_symlink(folder / "null"));
  fs::create_symlink("/dev/full", folder / "full");
  EXPECT_EQ(compile(folder / "full").code, 3);
  EXPECT_TRUE(fs::is_symlink(folder / "full"));
  EXPECT_EQ(folder.files(),
            (std::vector<std::string>{"full", "link", "null", "real"}));
}

TEST_F(CommandFiles, StandardOutputByNameIsNotReplaced) {
  // As /dev/stdout is, but in a folder of the test's own.
  std::string captured = folder / "captured", name = folder / "stdout";
  std::filesystem::create_symlink("/proc/self/fd/1", name);
  EXPECT_EQ(
      shell("", compileText() + " -o '" + name + "'", "> '" + captured + "'"),
      0);
  EXPECT_TRUE(std::filesystem::is_symlink(name));
  EXPECT_NE(contentOf(captured).find(".target"), std::string::npos);
}

TEST_F(CommandFiles, StandardOutputByNameIsAppendedTo) {
  std::string log = folder / "log", quoted = "'" + log + "'";
  writeText(log, "before\n");
  EXPECT_EQ(shell("", compileText() + " --time -o /dev/stdout", ">> " + quoted),
            0);
  std::string text = contentOf(log);
  EXPECT_TRUE(text.starts_with("before\n")) << text.substr(0, 80);
  EXPECT_NE(text.find(".version"), std::string::npos);
}

TEST_F(CommandFiles, LinksInCirclesAreReported) {
  std::filesystem::create_symlink("b", folder / "a");
  std::filesystem::create_symlink("a", folder / "b");
  EXPECT_EQ(compile(folder / "a").code, 3);
  EXPECT_TRUE(std::filesystem::is_symlink(folder / "a"));
}

TEST_F(CommandFiles, AFullStandardOutputIsNoticed) {
  EXPECT_EQ(
      shell("", compileText(), "> /dev/full 2> '" + (folder / "err") + "'"), 3);
  std::string said = contentOf(folder / "err");
  EXPECT_EQ(std::count(said.begin(), said.end(), '\n'), 1) << said;
  EXPECT_EQ(shell("", compileText(), ">&- 2> /dev/null"), 3);
  EXPECT_EQ(
      shell("", compileText() + " -o '" + (folder / "k.ptx") + "'", "2>&-"), 0);
  EXPECT_EQ(shell("stdbuf -o0", compileText(), "> /dev/full 2> /dev/null"), 3);
  EXPECT_EQ(shell("", "compile gemm --chip sm_120a", "2> /dev/full"), 2);
  EXPECT_EQ(shell("", "compile gemm --chip sm_120a", "2>&-"), 2);
}

TEST_F(CommandFiles, OperandsAreNotOverwritten) {
  writeText(folder / "in", "operands");
  Outcome outcome =
      nyblCommand({"run", line, "--in", folder / "in", "--out", folder / "in",
                   "--device", "emu:sm_120a", "--jit", NYBL_TEST_FAKE_JIT});
  EXPECT_EQ(outcome.code, 2);
  EXPECT_NE(outcome.err.find("another file than --in"), std::string::npos)
      << outcome.err;
  EXPECT_EQ(contentOf(folder / "in"), "operands");
}

#ifdef NYBL_TEST_SIGNAL_ON_SYNC // no sanitizer, whose runtime has files of its
                                // own
TEST_F(CommandFiles, AFileThatMayNotGrowLeavesNothing) {
  EXPECT_EQ(shell("ulimit -f 0;",
                  compileText() + " -o '" + (folder / "k.ptx") + "'",
                  "2> /dev/null"),
            3);
  EXPECT_TRUE(folder.files().empty());
}

TEST_F(CommandFiles, CtrlCLeavesNoHalfFile) {
  Outcome outcome =
      compile(folder / "k.ptx", {{"LD_PRELOAD", NYBL_TEST_SIGNAL_ON_SYNC}});
  EXPECT_EQ(outcome.code, 128 + SIGINT);
  EXPECT_TRUE(folder.files().empty());
}
#endif

} // namespace
