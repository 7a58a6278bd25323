// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A ptxas that does not answer holds up nobody for long.

#include "runtime/Support/PtxAs.h"
#include "runtime/Support/Descriptor.h"
#include "tests/Tools/Folder.h"
#include <atomic>
#include <csignal>
#include <cstdlib>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace nybl;
using namespace nybl::tests;

namespace {

using std::chrono::seconds;

std::string script(const std::string &file, const std::string &lines) {
  writeText(file, "#!/bin/sh\n" + lines);
  chmod(file.c_str(), 0700);
  return file;
}

/// Answers to nobody, and leaves its process id in `number`.
std::string hanging(const Folder &folder) {
  return script(folder / "hanging",
                "echo $$ > " + (folder / "number") + "\nexec sleep 600\n");
}

/// The process that `hanging` has become, once it has.
Descriptor started(const Folder &folder) {
  for (int i = 0; i < 1000; ++i) {
    std::string text = contentOf(folder / "number");
    if (!text.empty() && text.back() == '\n')
      return Descriptor(static_cast<int>(
          syscall(SYS_pidfd_open, std::atoi(text.c_str()), 0)));
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return Descriptor();
}

/// Not open: it was over before we looked.
bool ends(const Descriptor &process) {
  pollfd entry = {*process, POLLIN, 0};
  return !process.isOpen() || poll(&entry, 1, 10000) > 0;
}

TEST(PtxAs, AVersionIsFoundInWhatItPrintsAndInACubin) {
  EXPECT_EQ(ptxasVersionIn("Cuda compilation tools, release 13.0, V13.0.88\n"
                           "Build cuda_13.0.r13.0/compiler.36424714_0\n"),
            "13.0.88");
  constexpr char cubin[] = "\x7f"
                           "ELF\0release \0release 12.8, V12.8.9\0";
  EXPECT_EQ(ptxasVersionIn(std::string(cubin, sizeof cubin)), "12.8.9");
  for (const char *none : {"", "release", "release 13.0", "release 13.0, ",
                           "release of 13.0, V13.0.88"})
    EXPECT_EQ(ptxasVersionIn(none), "") << none;
  EXPECT_TRUE(isPtxAsVersion("13.0.88"));
  for (const char *none : {"", ".", "13.", "V13.0", "13.0 ", "driver 13.0"})
    EXPECT_FALSE(isPtxAsVersion(none)) << none;
}

TEST(PtxAs, ThatHangsIsEndedAndKeepsNobodyElseWaiting) {
  Folder folder;
  std::string other =
      script(folder / "good", "echo 'release 13.0, V13.0.88'\n");
  std::atomic<bool> isOver = false;
  std::thread waiting([&] {
    auto found = findPtxAs(hanging(folder), "", seconds(3));
    isOver = true;
    EXPECT_FALSE(found);
    EXPECT_EQ(found.status().code(), ErrorCode::Environment);
    EXPECT_NE(found.message().find("does not print a version within 3 s: set"),
              std::string::npos)
        << found.message();
  });
  Descriptor process = started(folder);
  EXPECT_TRUE(process.isOpen());
  auto found = findPtxAs(other, "");
  EXPECT_FALSE(isOver) << "the other is still at it";
  EXPECT_TRUE(found && found->version == "13.0.88");
  waiting.join();
  EXPECT_TRUE(ends(process));
}

TEST(PtxAs, EndsWithTheProcessGroupThatAsksIt) {
  Folder folder;
  pid_t job = fork();
  if (job == 0) {
    setpgid(0, 0);
    auto found = findPtxAs(hanging(folder), "", seconds(600));
    _exit(found ? 0 : 1);
  }
  Descriptor process = started(folder);
  EXPECT_TRUE(process.isOpen());
  EXPECT_EQ(kill(-job, SIGKILL), 0);
  waitpid(job, nullptr, 0);
  EXPECT_TRUE(ends(process));
}

} // namespace
