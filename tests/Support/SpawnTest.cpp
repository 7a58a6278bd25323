// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program that is started unnoticed takes along, and what it does not.

#include "runtime/Support/Spawn.h"
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

using namespace nybl;

namespace {

/// What a line of shell prints, started unnoticed.
std::string printedBy(const std::string &script) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return "no pipe";
  Descriptor from(ends[0]), to(ends[1]);
  Program program = {"/bin/sh", {"-c", script}, {}};
  program.output = *to;
  auto process = spawnUnnoticed(program);
  to.reset();
  if (!process)
    return process.message();
  std::string text;
  char buffer[4096];
  for (ssize_t got; (got = read(*from, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(got));
  return text;
}

TEST(Spawn, SignalsAreAsInAFreshProcess) {
  auto *before = signal(SIGUSR1, SIG_IGN);
  sigset_t blocked, mask;
  sigemptyset(&blocked);
  sigaddset(&blocked, SIGUSR2);
  sigprocmask(SIG_BLOCK, &blocked, &mask);
  std::string text = printedBy("exec grep -E 'Sig(Blk|Ign)' /proc/self/status");
  sigset_t after;
  sigprocmask(SIG_SETMASK, &mask, &after);
  signal(SIGUSR1, before);
  unsigned long long isBlocked = 1, isIgnored = 1;
  ASSERT_EQ(std::sscanf(text.c_str(), "SigBlk: %llx SigIgn: %llx", &isBlocked,
                        &isIgnored),
            2)
      << text;
  EXPECT_EQ(isBlocked, 0u);
  EXPECT_EQ(isIgnored & 0x7fffffff, 0u) << "the C library's own apart";
  EXPECT_EQ(sigismember(&after, SIGUSR2), 1) << "and here as before";
  EXPECT_EQ(sigismember(&after, SIGUSR1), 0);
}

TEST(Spawn, ASessionOfItsOwn) {
  std::string number = printedBy("exec cut -d' ' -f6 /proc/self/stat");
  EXPECT_GT(std::atoi(number.c_str()), 0) << number;
  EXPECT_NE(std::atoi(number.c_str()), getsid(0));
}

TEST(Spawn, EnvironmentButWhereRightsAreRaised) {
  ASSERT_EQ(setenv("NYBL_TEST_VARIABLE", "value", 1), 0);
  const std::string ask = "echo \"${NYBL_TEST_VARIABLE-none}\"";
  EXPECT_EQ(printedBy(ask), "value\n");
  if (getuid() != 0)
    GTEST_SKIP() << "only root can change the rights of its process";
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0)
    _exit(setegid(1) == 0 && printedBy(ask) == "none\n" ? 0 : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Spawn, WhatCannotBeStartedIsNamed) {
  auto process = spawnUnnoticed({"/nonexistent/program", {}, {}});
  ASSERT_FALSE(process);
  EXPECT_EQ(process.message(), "cannot start '/nonexistent/program': No such "
                               "file or directory");
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1) << "the one in between is gone";
}

} // namespace
