// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where kernels come from: fatbins, files, libraries, the linker.

#include "tests/Emulator/DriverFixture.h"
#include "tools/emulator/Fatbin/Fatbin.h"

#include <algorithm>
#include <cstring>
#include <fstream>

namespace {

/// Made by NVIDIA's fatbinary: `one` for sm_90, `two` for sm_120a, each writes
/// 0 to 11. Packing: none, speed (LZ4), size (zstd).
const char *const packings[] = {"none", "speed", "size"};

std::string pathOf(const std::string &packing) {
  return NYBL_SOURCE_DIR "/tests/Emulator/fatbins/" + packing + ".fatbin";
}

std::vector<char> bytesOf(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

class DriverModule : public DriverTest {
protected:
  void run(CUfunction f) {
    CUdeviceptr p = allocate(48);
    void *parameters[] = {&p};
    ASSERT_CU(
        cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr));
    unsigned got[12] = {};
    ASSERT_CU(cuMemcpyDtoH(got, p, sizeof got));
    for (unsigned i = 0; i < 12; ++i)
      EXPECT_EQ(got[i], i);
  }
};

TEST_F(DriverModule, FatbinsOfEveryPackingAreLoaded) {
  for (const char *packing : packings) {
    CUmodule fromFile, fromMemory;
    CUfunction f;
    ASSERT_CU(cuModuleLoad(&fromFile, pathOf(packing).c_str())) << packing;
    ASSERT_CU(cuModuleGetFunction(&f, fromFile, "two"));
    run(f);
    // The one for sm_90 would run too, but is not as good.
    EXPECT_CU(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&f, fromFile, "one"));
    std::vector<char> image = bytesOf(pathOf(packing));
    ASSERT_CU(cuModuleLoadFatBinary(&fromMemory, image.data()));
    std::fill(image.begin(), image.end(), 0); // not needed any more
    ASSERT_CU(cuModuleGetFunction(&f, fromMemory, "two"));
    run(f);
  }
}

TEST_F(DriverModule, TheWrapperOfACompiledProgramIsFollowed) {
  std::vector<char> image = bytesOf(pathOf("size"));
  struct {
    uint32_t magic = 0x466243b1, version = 1;
    const void *data;
    void *name = nullptr;
  } wrapper;
  wrapper.data = image.data();
  CUmodule m;
  CUfunction f;
  ASSERT_CU(cuModuleLoadData(&m, &wrapper));
  ASSERT_CU(cuModuleGetFunction(&f, m, "two"));
  run(f);
  wrapper.data = nullptr;
  EXPECT_CU(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&m, &wrapper));
}

TEST_F(DriverModule, FatbinsWithoutUsablePtxAreRefusedWithASentence) {
  std::vector<char> image = bytesOf(pathOf("none"));
  CUmodule m;
  // Both entries become cubins by their kind.
  image[16] = 2;
  const char ptx[] = {1, 0, 1, 1};
  auto second = std::search(image.begin() + 80, image.end(), std::begin(ptx),
                            std::end(ptx));
  ASSERT_NE(second, image.end());
  *second = 2;
  EXPECT_CU(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadData(&m, image.data()));
  EXPECT_NE(std::string(nyblEmuLastMessage()).find("cubin for sm_120"),
            std::string::npos)
      << nyblEmuLastMessage();
  // A file that was cut.
  std::string path = testing::TempDir() + "/nybl-cut.fatbin";
  image = bytesOf(pathOf("size"));
  std::ofstream(path, std::ios::binary)
      .write(image.data(), std::streamsize(image.size() - 1));
  EXPECT_CU(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoad(&m, path.c_str()));
  EXPECT_NE(std::string(nyblEmuLastMessage()).find("broken"),
            std::string::npos);
}

TEST_F(DriverModule, LibrariesComeFromFilesAndTellWhatTheyHold) {
  CUlibrary library, back;
  ASSERT_CU(cuLibraryLoadFromFile(&library, pathOf("size").c_str(), nullptr,
                                  nullptr, 0, nullptr, nullptr, 0));
  unsigned count = 0;
  ASSERT_CU(cuLibraryGetKernelCount(&count, library));
  ASSERT_EQ(count, 1u);
  CUkernel k = nullptr;
  ASSERT_CU(cuLibraryEnumerateKernels(&k, 1, library));
  const char *name = nullptr;
  ASSERT_CU(cuKernelGetName(&name, k));
  EXPECT_STREQ(name, "two");
  ASSERT_CU(cuKernelGetLibrary(&back, k));
  EXPECT_EQ(back, library);
  run(reinterpret_cast<CUfunction>(k)); // CUDA lets a kernel stand for it
  CUfunctionLoadingState loaded;
  ASSERT_CU(cuFuncLoad(reinterpret_cast<CUfunction>(k)));
  ASSERT_CU(cuFuncIsLoaded(&loaded, reinterpret_cast<CUfunction>(k)));
  EXPECT_EQ(loaded, CU_FUNCTION_LOADING_STATE_LOADED);
  CUdeviceptr none;
  size_t bytes;
  EXPECT_CU(CUDA_ERROR_NOT_FOUND,
            cuLibraryGetManaged(&none, &bytes, library, "missing"));
  EXPECT_CU(CUDA_ERROR_FILE_NOT_FOUND,
            cuLibraryLoadFromFile(&library, "no/such/file", nullptr, nullptr, 0,
                                  nullptr, nullptr, 0));
}

TEST_F(DriverModule, TheLinkerPassesOneWholeTextThrough) {
  CUlinkState link;
  ASSERT_CU(cuLinkCreate(0, nullptr, nullptr, &link));
  void *image = nullptr;
  size_t bytes = 0;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuLinkComplete(link, &image, &bytes));
  auto *text = const_cast<char *>(testKernels);
  auto add = [&](CUjitInputType type) {
    return cuLinkAddData(link, type, text, std::strlen(text) + 1, "k", 0,
                         nullptr, nullptr);
  };
  EXPECT_CU(CUDA_ERROR_NOT_SUPPORTED, add(CU_JIT_INPUT_CUBIN));
  ASSERT_CU(add(CU_JIT_INPUT_PTX));
  EXPECT_CU(CUDA_ERROR_NOT_SUPPORTED, add(CU_JIT_INPUT_PTX));
  ASSERT_CU(cuLinkComplete(link, &image, &bytes));
  CUmodule m;
  ASSERT_CU(cuModuleLoadData(&m, image));
  ASSERT_CU(cuLinkDestroy(link));
  CUfunction f;
  EXPECT_CU(CUDA_SUCCESS, cuModuleGetFunction(&f, m, "add"));
}

} // namespace
