// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which drivers load what, by the tables of PTX ISA and CUDA Compatibility.

#include "runtime/Abi/LeastDriver.h"
#include <gtest/gtest.h>

using namespace nybl;

namespace {

Manifest madeBy(const char *ptxVersion, const char *ptxas) {
  Manifest manifest;
  manifest.ptxVersion = ptxVersion;
  manifest.ptxas = ptxas;
  return manifest;
}

TEST(LeastDriver, PtxNeedsTheReleaseOfItsVersion) {
  EXPECT_EQ(leastDriverOfPtx(madeBy("8.7", "")), 12080);
  EXPECT_EQ(leastDriverOfPtx(madeBy("8.8", "")), 12090);
  EXPECT_EQ(leastDriverOfPtx(madeBy("9.0", "")), 13000);
  EXPECT_EQ(leastDriverOfPtx(madeBy("9.1", "")), 13010);
}

TEST(LeastDriver, CubinsNeedTheMajorReleaseOfTheirPtxas) {
  EXPECT_EQ(leastDriverOfCubin(madeBy("8.7", "12.9.86")), 12080);
  EXPECT_EQ(leastDriverOfCubin(madeBy("8.7", "13.0.88")), 13000);
  EXPECT_EQ(leastDriverOfCubin(madeBy("8.7", "13.5.37")), 13000);
  EXPECT_EQ(leastDriverOfCubin(madeBy("9.1", "13.5.37")), 13010);
  EXPECT_EQ(leastDriverOfCubin(madeBy("8.7", "")), 0) << "there is none";
}

TEST(LeastDriver, NothingIsGuessed) {
  for (const char *text : {"", "nonsense", "8", "8.", ".7", "-8.7", "8.-7",
                           "99999999999.1", "10.0", "7.8"})
    EXPECT_EQ(leastDriverOfPtx(madeBy(text, "")), 0) << text;
  EXPECT_EQ(leastDriverOfCubin(madeBy("8.7", "nonsense")), 0);
  EXPECT_EQ(driverText(12080), "12.8");
}

} // namespace
