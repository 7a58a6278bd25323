// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a child ends, and what is said of it.

#include "tools/sass/Child.h"
#include <gtest/gtest.h>

using namespace nybl::sass;

namespace {

TEST(Child, ItsEndIsTold) {
  Outcome fine = runChild("/bin/sh", {"-c", "echo out; echo err >&2; exit 7"});
  EXPECT_EQ(fine.code, 7);
  EXPECT_EQ(fine.out, "out\n");
  EXPECT_EQ(fine.err, "err\n");
  Outcome killed = runChild("/bin/sh", {"-c", "echo err >&2; kill -9 $$"});
  EXPECT_EQ(killed.code, -1);
  EXPECT_EQ(killed.err, "signal Killed\nerr\n");
  EXPECT_EQ(runChild("/nonexistent", {}).code, -1);
}

TEST(Child, OneThatDoesNotEndIsKilled) {
  Outcome late = runChild("/bin/sleep", {"1000"}, /*seconds=*/0);
  EXPECT_EQ(late.code, -1);
  EXPECT_EQ(late.err, "it did not end within 0 seconds\n");
}

} // namespace
