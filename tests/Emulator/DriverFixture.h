// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the tests of the emulated driver share: a primary context that is
// current, and small kernels.
#ifndef NYBL_TESTS_EMULATOR_DRIVERFIXTURE_H
#define NYBL_TESTS_EMULATOR_DRIVERFIXTURE_H

#include "tools/emulator/include/nybl-emu.h"
#include <cuda.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#define EXPECT_CU(code, call)                                                  \
  EXPECT_EQ(static_cast<int>(code), static_cast<int>(call))                    \
      << nyblEmuLastMessage()
#define ASSERT_CU(call)                                                        \
  ASSERT_EQ(0, static_cast<int>(call)) << nyblEmuLastMessage()

/// add(a, b, c, n): c[i] = a[i] + b[i] in f32, as a CUDA compiler writes it.
/// chain(p, n): n rounds of p[0] = p[0] * 1664525 + 1013904223, by one thread.
/// narrow(unused): allows 64 threads, has 1024 bytes of shared memory.
extern const char *const testKernels;

class DriverTest : public testing::Test {
protected:
  void SetUp() override;
  void TearDown() override;

  CUfunction kernel(const char *name);
  CUdeviceptr allocate(size_t bytes);
  /// Launches `add` in CTAs of 64 threads.
  CUresult add(CUdeviceptr a, CUdeviceptr b, CUdeviceptr c, int n,
               CUstream stream = nullptr);
  CUresult chain(CUdeviceptr p, int rounds, CUstream stream);
  static std::vector<std::string> reports();

  CUcontext context = nullptr;
  CUmodule module = nullptr;
};

#endif // NYBL_TESTS_EMULATOR_DRIVERFIXTURE_H
