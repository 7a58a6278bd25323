// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Compilation in a process of its own: whatever becomes of that, this process
// gets a sentence, and notices nothing else.

#include "runtime/Support/PtxAs.h"
#include "tests/Runtime/ApiFixture.h"
#include "tests/Tools/Folder.h"
#include <cerrno>
#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>
#include <utility>

using namespace nybl;
using namespace nybl::tests;

namespace {

constexpr const char *line = "gemm m=? n=24 k=64 sfa=128x4 sfb=8x4 d=f32";

class ChildTest : public testing::Test {
protected:
  nybl_status open(uint32_t seconds = 0,
                   uint32_t compile = NYBL_COMPILE_CHILD) {
    auto options = face::sized<nybl_library_options>();
    options.jit_path = NYBL_TEST_FAKE_JIT;
    options.cache_path = "";
    options.compile = compile;
    options.compile_seconds = seconds;
    nybl_status status = face::Library::create(options, library);
    auto deviceOptions = face::sized<nybl_device_options>();
    deviceOptions.driver_path = NYBL_TEST_RECORDING_DRIVER;
    return status == NYBL_OK ? library.open(deviceOptions, device) : status;
  }
  nybl_status prepare(const std::string &problem, const char *schedule,
                      const char *dumpDir = nullptr) {
    auto options = face::sized<nybl_prepare_options>();
    options.schedule = schedule;
    options.dump_dir = dumpDir;
    face::Plan plan;
    return device.prepare(problem, options, plan);
  }

  face::Library library;
  face::Device device;
};

bool says(const std::string &part) {
  return std::string(nybl_last_error()).find(part) != std::string::npos;
}

TEST_F(ChildTest, EachEndIsASentenceAndTheNextOneWorks) {
  ASSERT_EQ(open(), NYBL_OK) << nybl_last_error();
  for (auto [wish, part] :
       {std::pair("abort", "process was ended by signal 6 (Aborted), saying "
                           "'LLVM ERROR: the fake aborts': report"),
        {"killed", "signal 9 (Killed), as when memory is short: report"},
        {"exit", "process exited with code 7: report"},
        {"garbage", "process gave no answer: expected a message that begins"},
        {"half", "process exited with code 0: report"},
        {"widow", "process ended before it could say why: report"}}) {
    EXPECT_EQ(prepare(line, wish), NYBL_ENVIRONMENT) << wish;
    EXPECT_TRUE(says("expected a kernel for 'gemm m=? n=24 k=64 ") &&
                says("on sm_120a, but the compiler's process ") && says(part) &&
                says("NYBL_COMPILE=inprocess"))
        << nybl_last_error();
    EXPECT_EQ(prepare(line, nullptr), NYBL_OK) << nybl_last_error();
  }
  EXPECT_EQ(prepare(line, "refuse"), NYBL_REFUSED);
  EXPECT_STREQ(nybl_last_error(), "the fake refuses");
}

/// The standard error, which becomes a pipe until the end.
class ErrorPipe {
public:
  ErrorPipe() : before(dup(STDERR_FILENO)) {
    EXPECT_EQ(pipe(ends), 0);
    dup2(ends[1], STDERR_FILENO);
  }
  ~ErrorPipe() {
    dup2(before, STDERR_FILENO);
    for (int file : {before, ends[0], ends[1]})
      close(file);
  }
  ErrorPipe(const ErrorPipe &) = delete;
  ErrorPipe &operator=(const ErrorPipe &) = delete;
  void closeReader() { close(std::exchange(ends[0], -1)); }
  void fill() {
    std::string page(4096, 'x');
    int flags = fcntl(ends[1], F_GETFL);
    fcntl(ends[1], F_SETFL, flags | O_NONBLOCK);
    while (write(ends[1], page.data(), page.size()) > 0)
      ;
    fcntl(ends[1], F_SETFL, flags);
  }

private:
  int before, ends[2];
};

TEST_F(ChildTest, WhoeverReadsTheStandardErrorMayBeGoneOrSlow) {
  for (bool isGone : {true, false}) {
    ErrorPipe error;
    isGone ? error.closeReader() : error.fill();
    ASSERT_EQ(open(), NYBL_OK) << nybl_last_error();
    for (int i = 0; i < 2; ++i) {
      EXPECT_EQ(prepare(line, "abort"), NYBL_ENVIRONMENT);
      EXPECT_TRUE(says("signal 6 (Aborted), saying 'LLVM ERROR: the fake "
                       "aborts': report"))
          << nybl_last_error();
    }
    EXPECT_EQ(prepare(line, nullptr), NYBL_OK) << nybl_last_error();
    device = {};
    library = {};
  }
}

TEST_F(ChildTest, WhatTakesTooLongIsEnded) {
  ASSERT_EQ(open(1), NYBL_OK) << nybl_last_error();
  Folder folder;
  EXPECT_EQ(prepare(line, "hang", (folder / "").c_str()), NYBL_ENVIRONMENT);
  EXPECT_TRUE(says("process took longer than 1 s and was ended"))
      << nybl_last_error();
  EXPECT_EQ(prepare(line, nullptr), NYBL_OK) << nybl_last_error();
}

volatile sig_atomic_t signalsOfChildren = 0;

TEST_F(ChildTest, ThisProcessHasNoChildAndHearsOfNone) {
  signalsOfChildren = 0;
  auto *before =
      signal(SIGCHLD, +[](int) { signalsOfChildren = signalsOfChildren + 1; });
  Folder folder;
  std::string ptxas = folder / "ptxas";
  writeText(ptxas, "#!/bin/sh\necho 'release 13.0, V13.0.88'\n");
  chmod(ptxas.c_str(), 0700);
  EXPECT_TRUE(findPtxAs(ptxas, "")) << "which is run to say its version";
  ASSERT_EQ(open(), NYBL_OK) << nybl_last_error();
  EXPECT_EQ(prepare(line, "abort"), NYBL_ENVIRONMENT);
  EXPECT_EQ(prepare(line, nullptr), NYBL_OK) << nybl_last_error();
  errno = 0;
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
  device = {};
  library = {};
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(signalsOfChildren, 0);
  signal(SIGCHLD, before);
}

bool becomesReadable(int file, int milliseconds) {
  pollfd entry = {file, POLLIN, 0};
  return poll(&entry, 1, milliseconds) > 0;
}

TEST_F(ChildTest, NoFileOfThisProcessIsOpenThere) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  // A number that a child would inherit, and give to no file of its own.
  int writer = fcntl(ends[1], F_DUPFD, 50);
  close(ends[1]);
  ASSERT_EQ(open(), NYBL_OK) << nybl_last_error();
  EXPECT_EQ(prepare(line, nullptr), NYBL_OK) << nybl_last_error();
  close(writer);
  EXPECT_TRUE(becomesReadable(ends[0], 0)) << "nobody else can write to it";
  close(ends[0]);
}

/// A fork that the library does not hear of, or it would refuse devices in the
/// child: other tests of this process have opened some.
pid_t forkUnheard() { return _Fork(); }

TEST_F(ChildTest, AForkedProcessHasAServerOfItsOwn) {
  ASSERT_EQ(open(), NYBL_OK) << nybl_last_error();
  EXPECT_EQ(prepare(line, nullptr), NYBL_OK) << nybl_last_error();
  pid_t child = forkUnheard();
  if (child == 0) {
    bool isGood = prepare(line, "abort") == NYBL_ENVIRONMENT &&
                  says("signal 6") && prepare(line, nullptr) == NYBL_OK;
    device = {};
    library = {};
    _exit(isGood ? 0 : 1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(prepare(line, nullptr), NYBL_OK) << nybl_last_error();
}

/// The number in a file, once it is there.
int numberIn(const std::string &file) {
  for (int i = 0; i < 1000; ++i) {
    std::string text = contentOf(file);
    if (!text.empty() && text.back() == '\n')
      return std::atoi(text.c_str());
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return -1;
}

TEST_F(ChildTest, WhoIsKilledLeavesNobodyAtWork) {
  Folder folder;
  pid_t host = forkUnheard();
  if (host == 0) {
    // The dump's folder is said from this one, which the server did not start
    // in.
    if (open() != NYBL_OK || prepare(line, nullptr) != NYBL_OK ||
        chdir((folder / "").c_str()) != 0)
      _exit(1);
    prepare(line, "hang", ".");
    _exit(1);
  }
  int worker = numberIn(folder / "child");
  ASSERT_GT(worker, 0);
  int process = static_cast<int>(syscall(SYS_pidfd_open, worker, 0));
  ASSERT_GE(process, 0);
  EXPECT_FALSE(becomesReadable(process, 0)) << "it works";
  kill(host, SIGKILL);
  waitpid(host, nullptr, 0);
  EXPECT_TRUE(becomesReadable(process, 10000)) << "it is still there";
  close(process);
}

TEST_F(ChildTest, ManyThreadsCompileSideBySide) {
  ASSERT_EQ(open(), NYBL_OK) << nybl_last_error();
  std::vector<std::thread> threads;
  std::atomic<int> good = 0;
  for (int thread = 0; thread < 8; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; i < 2; ++i) {
        std::string problem =
            "gemm n=" + std::to_string(8 * (2 * thread + i + 1)) +
            " k=64 d=f32";
        good += prepare(problem, "slow") == NYBL_OK;
        good += prepare(problem, "abort") == NYBL_ENVIRONMENT;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(good, 32) << nybl_last_error();
}

/// A variable of the environment, as it was again at the end.
class Variable {
public:
  Variable(const char *name, const char *value) : name(name) {
    if (const char *old = getenv(name))
      before = old;
    setenv(name, value, 1);
  }
  ~Variable() {
    before.empty() ? unsetenv(name) : setenv(name, before.c_str(), 1);
  }
  Variable(const Variable &) = delete;
  Variable &operator=(const Variable &) = delete;

private:
  const char *name;
  std::string before;
};

TEST_F(ChildTest, TheEnvironmentDecidesWhereTheCallerDoesNot) {
  {
    Variable place("NYBL_COMPILE", "elsewhere");
    EXPECT_EQ(open(0, NYBL_COMPILE_DEFAULT), NYBL_INVALID);
    EXPECT_TRUE(says("NYBL_COMPILE: expected 'child' or 'inprocess', got "
                     "'elsewhere'"))
        << nybl_last_error();
    EXPECT_EQ(open(), NYBL_OK) << "the caller's word comes first";
  }
  EXPECT_EQ(open(0, 3), NYBL_INVALID);
  EXPECT_TRUE(says("nybl_library_options.compile: expected"))
      << nybl_last_error();
  EXPECT_EQ(open(86401), NYBL_INVALID);
  for (const char *bad : {"0", "86401", "5s", "-1"}) {
    Variable seconds("NYBL_COMPILE_SECONDS", bad);
    EXPECT_EQ(open(), NYBL_INVALID) << bad;
    EXPECT_TRUE(says("NYBL_COMPILE_SECONDS: expected a number from 1 to"))
        << nybl_last_error();
    EXPECT_EQ(open(9), NYBL_OK);
  }
}

} // namespace
