// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// GEMM kernels of NVIDIA's and FlashInfer's authors in CuTe DSL: the compiler's
// own host code encodes the tensor maps and launches (CuteRuntime.h).

#include "tests/Foreign/CaseRun.h"
#include "tests/Foreign/CuteRuntime.h"

#include <dlfcn.h>

using namespace nybl;
using namespace nybl::foreign;

namespace {

class HostCode : public CaseTest {
protected:
  void TearDown() override {
    if (library)
      ::dlclose(library);
    DeviceTest::TearDown();
  }

  template <typename F>
  F *function(const std::string &name) {
    void *found = ::dlsym(library, name.c_str());
    EXPECT_NE(found, nullptr) << name;
    return reinterpret_cast<F *>(found);
  }
  /// What its header's Kernel_Module_Load does.
  int loadModule(const std::string &prefix);

  void *library = nullptr;
  void *module = nullptr;
};

int HostCode::loadModule(const std::string &prefix) {
  void **slot = &module;
  int device = 0, status = 0;
  void *initial[] = {&slot, &status}, *load[] = {&slot, &device, &status};
  function<void(void **)>("_mlir_" + prefix + "_cuda_init")(initial);
  if (!status)
    function<void(void **)>("_mlir_" + prefix + "_cuda_load_to_device")(load);
  return status;
}

/// The symbol of the host code's one entry, as the object itself says it.
std::string entryName(void *library, const std::string &prefix) {
  void *name = ::dlsym(library, (prefix + "_function_name").c_str());
  return name ? static_cast<const char *>(name) : "";
}

TEST_P(HostCode, ComputesWhatNumpySays) {
  const Case &c = GetParam();
  if (!wanted(c))
    GTEST_SKIP() << "a slow case; './dev test --all' runs it";
  setCutePtx(c.ptx);
  library = ::dlopen((c.folder + "/host.so").c_str(), RTLD_NOW);
  ASSERT_NE(library, nullptr) << ::dlerror();
  std::string prefix = c.spec["prefix"];
  ASSERT_EQ(loadModule(prefix), 0) << cuteError();
  prepareBuffers(c);
  std::vector<uint64_t> values;
  for (const Json &argument : c.spec["arguments"])
    values.push_back(argument["kind"] == "pointer"
                         ? addresses.at(argument["buffer"])
                         : argument["value"].get<uint64_t>());
  values.push_back(0); // the stream
  values.push_back(0); // the result
  std::vector<void *> arguments;
  for (uint64_t &value : values)
    arguments.push_back(&value);
  auto *entry = function<void(void **, int32_t)>(entryName(library, prefix));
  ASSERT_NE(entry, nullptr);
  entry(arguments.data(), static_cast<int32_t>(arguments.size()));
  ASSERT_EQ(values.back(), 0u) << cuteError();
  EXPECT_GE(cuteTensorMaps(), 3);
  ASSERT_CU(cuCtxSynchronize());
  checkOutputs(c);
}

INSTANTIATE_TEST_SUITE_P(All, HostCode, testing::ValuesIn(casesOfChip()),
                         [](auto &info) { return info.param.name; });
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(HostCode);

} // namespace
