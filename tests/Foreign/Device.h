// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The emulated device as a program from outside sees it: the driver API alone.
// One chip for a process: NYBL_EMU_CHIP says which.
#ifndef NYBL_TESTS_FOREIGN_DEVICE_H
#define NYBL_TESTS_FOREIGN_DEVICE_H

#include "tests/Foreign/Case.h"
#include <cuda.h>
#include <gtest/gtest.h>
#include <map>

namespace nybl::foreign {

#define ASSERT_CU(call)                                                        \
  ASSERT_EQ(0, static_cast<int>(call)) << nybl::foreign::driverMessage()
#define EXPECT_CU(call)                                                        \
  EXPECT_EQ(0, static_cast<int>(call)) << nybl::foreign::driverMessage()

/// What the driver says about the last refusal, and its findings.
std::string driverMessage();
/// "sm_120a": what NYBL_EMU_CHIP says.
std::string chip();

/// A test with a primary context that is current; reset afterwards.
class DeviceTest : public testing::Test {
protected:
  void SetUp() override;
  void TearDown() override;

  CUdeviceptr upload(const std::vector<uint8_t> &bytes);
  CUdeviceptr allocate(size_t bytes);
  std::vector<uint8_t> download(CUdeviceptr address, size_t bytes);
  /// Null after a failure that says why.
  CUfunction load(const std::string &ptx, const std::string &kernel);

  template <typename T>
  CUdeviceptr uploadAll(const std::vector<T> &items) {
    auto *bytes = reinterpret_cast<const uint8_t *>(items.data());
    return upload({bytes, bytes + items.size() * sizeof(T)});
  }
  template <typename T>
  std::vector<T> downloadAll(CUdeviceptr address, size_t count) {
    std::vector<uint8_t> bytes = download(address, count * sizeof(T));
    std::vector<T> items(count);
    std::copy(bytes.begin(), bytes.end(),
              reinterpret_cast<uint8_t *>(items.data()));
    return items;
  }
};

struct Launch {
  unsigned grid[3] = {1, 1, 1}, block[3] = {1, 1, 1};
  unsigned shared = 0;
  unsigned cluster[3] = {1, 1, 1};
  bool cooperative = false;
};

/// cuLaunchKernelEx, and waiting for its end.
CUresult launchAndWait(CUfunction function, const Launch &launch,
                       std::vector<void *> arguments);

/// cuTensorMapEncodeTiled with fields as case.json has them.
CUresult encodeMap(CUtensorMap &map, const Json &fields, CUdeviceptr address);

} // namespace nybl::foreign

#endif // NYBL_TESTS_FOREIGN_DEVICE_H
