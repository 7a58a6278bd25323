// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A compiler that is not ours: NVRTC compiles CUDA C++ with NVIDIA's own
// headers (cuda_fp4.h, cuda_fp8.h), and its PTX runs unmodified.

#include "tests/Emulator/ExecFixture.h"

#include <bit>
#include <cmath>
#include <dlfcn.h>
#include <nvrtc.h>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const char *source = R"(
#include <cuda_fp4.h>
#include <cuda_fp8.h>
extern "C" __global__ void quantize(const float *x, unsigned char *out) {
  float v = x[threadIdx.x], amax = fabsf(v);
  for (int o = 8; o; o >>= 1) amax = fmaxf(amax, __shfl_xor_sync(~0u, amax, o));
  __nv_fp8_storage_t s = __nv_cvt_float_to_fp8(amax / 6.0f, __NV_SATFINITE, __NV_E4M3);
  float scale = __half2float(__half(__nv_cvt_fp8_to_halfraw(s, __NV_E4M3)));
  float y = scale > 0 ? v / scale : 0.0f, next = __shfl_down_sync(~0u, y, 1);
  if (threadIdx.x % 2 == 0)
    out[threadIdx.x / 2] = __nv_cvt_float2_to_fp4x2(make_float2(y, next), __NV_E2M1, cudaRoundNearest);
  if (threadIdx.x % 16 == 0) out[64 + threadIdx.x / 16] = s;
}
extern "C" __global__ void k(const float *x, float *out) {
  __shared__ float part[128];
  float s = 0;
  for (int i = threadIdx.x; i < 1000; i += 128) s += sinf(x[i]) * expf(-x[i] * x[i]);
  part[threadIdx.x] = s;
  __syncthreads();
  for (int n = 64; n; n >>= 1) {
    if (threadIdx.x < n) part[threadIdx.x] += part[threadIdx.x + n];
    __syncthreads();
  }
  if (threadIdx.x == 0) *out = part[0];
}
)";

template <typename F>
F *symbol(void *library, const char *name) {
  return reinterpret_cast<F *>(::dlsym(library, name));
}

/// The PTX, or empty after a failure that says why.
std::string compile() {
  void *nvrtc = ::dlopen(NYBL_NVRTC, RTLD_NOW);
  if (!nvrtc)
    return ADD_FAILURE() << ::dlerror(), "";
  nvrtcProgram program;
  auto *create =
      symbol<decltype(nvrtcCreateProgram)>(nvrtc, "nvrtcCreateProgram");
  auto *run =
      symbol<decltype(nvrtcCompileProgram)>(nvrtc, "nvrtcCompileProgram");
  auto *logSize =
      symbol<decltype(nvrtcGetProgramLogSize)>(nvrtc, "nvrtcGetProgramLogSize");
  auto *getLog =
      symbol<decltype(nvrtcGetProgramLog)>(nvrtc, "nvrtcGetProgramLog");
  auto *ptxSize = symbol<decltype(nvrtcGetPTXSize)>(nvrtc, "nvrtcGetPTXSize");
  auto *getPtx = symbol<decltype(nvrtcGetPTX)>(nvrtc, "nvrtcGetPTX");
  create(&program, source, "foreign.cu", 0, nullptr, nullptr);
  const char *options[] = {"--gpu-architecture=compute_120a",
                           "-I" NYBL_CUDA_INCLUDE,
                           "-I" NYBL_CUDA_INCLUDE "/cccl"};
  size_t size = 0;
  if (run(program, 3, options) != NVRTC_SUCCESS) {
    logSize(program, &size);
    std::string log(size, 0);
    getLog(program, log.data());
    return ADD_FAILURE() << log, "";
  }
  ptxSize(program, &size);
  std::string ptx(size, 0);
  getPtx(program, ptx.data());
  ptx.resize(size - 1);
  return ptx;
}

std::vector<uint32_t> inputs() {
  std::vector<uint32_t> words;
  for (int i = 0; i < 1000; ++i)
    words.push_back(std::bit_cast<uint32_t>(std::sin(float(i)) * 3));
  return words;
}

TEST(Nvrtc, ReductionAndQuantiser) {
  std::string ptx = compile();
  ASSERT_FALSE(ptx.empty());
  Machine m;
  std::vector<uint32_t> x = inputs();
  uint64_t in = m.upload(x), out = m.upload(std::vector<uint32_t>(32));
  ASSERT_EQ(m.run(ptx, 128, in, out), "");
  ASSERT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
  double sum = 0;
  for (uint32_t word : x) {
    double v = std::bit_cast<float>(word);
    sum += std::sin(v) * std::exp(-v * v);
  }
  EXPECT_NEAR(std::bit_cast<float>(m.read(out, 1)[0]), sum, 1e-4);

  auto program = loadProgram(ptx, *m.chip, m.memory);
  ASSERT_TRUE(program) << program.message();
  uint64_t parameters[2] = {in, out};
  LaunchConfig config;
  config.block = {128, 1, 1};
  LaunchResult r =
      runKernel(**program, *(*program)->findKernel("quantize"), config,
                reinterpret_cast<uint8_t *>(parameters), m.memory);
  ASSERT_TRUE(r.reports.empty()) << r.reports[0].text();
  std::vector<uint8_t> bytes(72);
  m.memory.read(bytes.data(), out, bytes.size());
  static const float values[8] = {0, .5, 1, 1.5, 2, 3, 4, 6};
  double error = 0, norm = 0;
  for (int i = 0; i < 128; ++i) {
    uint8_t code = bytes[i / 2] >> (4 * (i % 2)) & 15, s = bytes[64 + i / 16];
    float scale = s >> 3 ? std::ldexp(float(8 + (s & 7)), (s >> 3) - 10)
                         : std::ldexp(float(s & 7), -9);
    double v = std::bit_cast<float>(x[i]);
    double back = values[code & 7] * scale * (code & 8 ? -1 : 1);
    error += (back - v) * (back - v);
    norm += v * v;
  }
  EXPECT_GT(error, 0);
  EXPECT_LT(std::sqrt(error / norm), 0.12); // 4 bits: about 0.09
}

} // namespace
