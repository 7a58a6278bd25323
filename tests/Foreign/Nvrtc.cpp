// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVRTC is opened by file name: nothing of CUDA is linked.

#include "tests/Foreign/Nvrtc.h"
#include "tools/emulator/include/nybl-emu.h"

#include <dlfcn.h>
#include <nvrtc.h>

using namespace nybl;
using namespace nybl::foreign;

namespace {

template <typename F>
F *symbol(void *library, const char *name) {
  return reinterpret_cast<F *>(::dlsym(library, name));
}

#define NYBL_NVRTC_FUNCTION(name) symbol<decltype(name)>(nvrtc, #name)

std::string logOf(void *nvrtc, nvrtcProgram program) {
  size_t size = 0;
  NYBL_NVRTC_FUNCTION(nvrtcGetProgramLogSize)(program, &size);
  std::string log(size, 0);
  NYBL_NVRTC_FUNCTION(nvrtcGetProgramLog)(program, log.data());
  return log;
}

} // namespace

std::string foreign::compileCuda(const std::string &source) {
  void *nvrtc = ::dlopen(NYBL_NVRTC, RTLD_NOW);
  if (!nvrtc)
    return ADD_FAILURE() << ::dlerror(), "";
  nvrtcProgram program;
  NYBL_NVRTC_FUNCTION(nvrtcCreateProgram)
  (&program, source.c_str(), "foreign.cu", 0, nullptr, nullptr);
  std::string architecture = "--gpu-architecture=compute_" + chip().substr(3);
  const char *options[] = {architecture.c_str(), "-std=c++17",
                           "-I" NYBL_CUDA_INCLUDE,
                           "-I" NYBL_CUDA_INCLUDE "/cccl"};
  if (NYBL_NVRTC_FUNCTION(nvrtcCompileProgram)(program, 4, options))
    return ADD_FAILURE() << logOf(nvrtc, program), "";
  size_t size = 0;
  NYBL_NVRTC_FUNCTION(nvrtcGetPTXSize)(program, &size);
  std::string ptx(size, 0);
  NYBL_NVRTC_FUNCTION(nvrtcGetPTX)(program, ptx.data());
  NYBL_NVRTC_FUNCTION(nvrtcDestroyProgram)(&program);
  ptx.resize(size - 1);
  return ptx;
}

void NvrtcTest::run(CUfunction function, const Launch &launch,
                    std::vector<void *> arguments) {
  ASSERT_NE(function, nullptr);
  ASSERT_CU(launchAndWait(function, launch, std::move(arguments)));
  EXPECT_EQ(nyblEmuReportCount(), 0u) << driverMessage();
}
