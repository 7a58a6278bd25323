// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whose environment is looked at.

#include "runtime/Support/Environment.h"
#include <gtest/gtest.h>
#include <sys/wait.h>

using namespace nybl;

TEST(Environment, SaysNothingWhereRightsAreRaised) {
  ASSERT_EQ(setenv("NYBL_TEST_VARIABLE", "value", 1), 0);
  EXPECT_EQ(environmentVariable("NYBL_TEST_VARIABLE"), "value");
  EXPECT_EQ(environmentVariable("NYBL_TEST_VARIABLE_NOT_SET"), "");
  if (getuid() != 0)
    GTEST_SKIP() << "only root can change the rights of its process";
  pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    bool isChanged = setegid(1) == 0 && setenv("PATH", "/bin", 1) == 0;
    _exit(isChanged && environmentVariable("NYBL_TEST_VARIABLE").empty() &&
                  environmentVariable("PATH").empty()
              ? 0
              : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}
