// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs each case whose launch the case itself describes (Triton's kernels).
// NYBL_FOREIGN_CASES: folder with a folder for each chip. NYBL_FOREIGN_ALL=1:
// the slow ones too. NYBL_FOREIGN_COUNTS: a file that gets a line of the
// emulator's counts for each case.

#include "tests/Foreign/CaseRun.h"

#include <cstring>

using namespace nybl;
using namespace nybl::foreign;

namespace {

class DescribedLaunch : public CaseTest {
protected:
  void prepareArguments(const Case &c);

  /// A tensor map is the largest argument; std::map keeps addresses.
  struct alignas(CUtensorMap) Argument {
    uint8_t bytes[sizeof(CUtensorMap)];
  };
  std::map<size_t, Argument> storage;
  std::vector<void *> arguments;
};

void DescribedLaunch::prepareArguments(const Case &c) {
  for (const Json &argument : c.spec["arguments"]) {
    Argument &to = storage[storage.size()];
    std::string kind = argument["kind"];
    auto put = [&](auto value) { std::memcpy(to.bytes, &value, sizeof value); };
    if (kind == "pointer")
      put(addresses.at(argument["buffer"]));
    else if (kind == "map")
      ASSERT_CU(encodeMap(reinterpret_cast<CUtensorMap &>(to.bytes), argument,
                          addresses.at(argument["buffer"])));
    else if (kind == "f32")
      put(argument["value"].get<float>());
    else if (kind == "i32")
      put(argument["value"].get<int32_t>());
    else
      put(argument["value"].get<uint64_t>());
    arguments.push_back(to.bytes);
  }
}

/// The kernel must take exactly as many parameters as the case has.
void expectParameters(CUfunction function, size_t count) {
  size_t offset, size;
  EXPECT_CU(cuFuncGetParamInfo(function, count - 1, &offset, &size));
  EXPECT_NE(0, cuFuncGetParamInfo(function, count, &offset, &size));
}

TEST_P(DescribedLaunch, ComputesWhatNumpySays) {
  const Case &c = GetParam();
  if (!wanted(c))
    GTEST_SKIP() << "a slow case; './dev test --all' runs it";
  CUfunction function = load(c.ptx, c.spec["kernel"]);
  ASSERT_NE(function, nullptr) << c.folder;
  prepareBuffers(c);
  prepareArguments(c);
  expectParameters(function, arguments.size());
  Launch launch;
  for (int i = 0; i < 3; ++i) {
    launch.grid[i] = c.spec["grid"][i];
    launch.block[i] = c.spec["block"][i];
  }
  launch.shared = c.spec["shared"];
  ASSERT_CU(launchAndWait(function, launch, arguments));
  checkOutputs(c);
}

INSTANTIATE_TEST_SUITE_P(All, DescribedLaunch, testing::ValuesIn(casesOfChip()),
                         [](auto &info) { return info.param.name; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(DescribedLaunch);

} // namespace
