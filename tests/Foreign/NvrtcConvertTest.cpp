// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Conversions between number formats: device code that NVRTC made of CUDA's
// headers against the same headers' host code, compiled by the host compiler.

#include "tests/Foreign/Nvrtc.h"

#include <bit>
#include <cmath>
#include <concepts>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp4.h>
#include <cuda_fp6.h>
#include <cuda_fp8.h>
#include <functional>
#include <limits>

using namespace nybl;
using namespace nybl::foreign;

namespace {

/// Values at which a conversion could go wrong, and their neighbours.
std::vector<float> edgeFloats() {
  std::vector<float> values;
  auto around = [&](float center) {
    for (float v : {center, std::nextafter(center, INFINITY),
                    std::nextafter(center, -INFINITY)}) {
      values.push_back(v);
      values.push_back(-v);
    }
  };
  around(0.0f);
  for (int exponent = -149; exponent < 128; ++exponent)
    for (int sixteenth = 16; sixteenth < 32; ++sixteenth)
      around(std::ldexp(float(sixteenth), exponent - 4));
  for (float special : {INFINITY, std::numeric_limits<float>::max(),
                        std::numeric_limits<float>::denorm_min()})
    around(special);
  for (uint32_t nan : {0x7fc00000u, 0xffc00000u, 0x7f800001u, 0x7fffffffu})
    values.push_back(std::bit_cast<float>(nan));
  while (values.size() % 2)
    values.push_back(1.0f);
  return values;
}

class NvrtcConvert : public NvrtcTest {
protected:
  /// Runs out[i] = `expression` of x[i] over all inputs. `In` and `Out` are
  /// named in the source by `inType` and `outType`.
  template <typename Out, typename In>
  void check(const char *inType, const char *outType, const char *expression,
             const std::vector<In> &inputs, std::function<Out(In)> host) {
    std::string source =
        "#include <cuda_fp16.h>\n#include <cuda_bf16.h>\n"
        "#include <cuda_fp8.h>\n#include <cuda_fp6.h>\n#include <cuda_fp4.h>\n"
        "extern \"C\" __global__ void k(const " +
        std::string(inType) + " *in, " + outType +
        " *out, unsigned n) {\n"
        "  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;\n"
        "  if (i < n) { auto x = in[i]; out[i] = " +
        expression + "; }\n}\n";
    CUfunction function = compile(source);
    ASSERT_NE(function, nullptr) << expression;
    CUdeviceptr in = uploadAll(inputs);
    CUdeviceptr out = allocate(inputs.size() * sizeof(Out));
    unsigned n = static_cast<unsigned>(inputs.size());
    run(function, {.grid = {(n + 255) / 256, 1, 1}, .block = {256, 1, 1}},
        {&in, &out, &n});
    std::vector<Out> got = downloadAll<Out>(out, inputs.size());
    size_t wrong = 0;
    for (size_t i = 0; i < inputs.size(); ++i)
      if (got[i] != host(inputs[i]) && wrong++ < 4)
        ADD_FAILURE() << expression << " of 0x" << std::hex << bitsOf(inputs[i])
                      << ": host 0x" << +host(inputs[i]) << ", device 0x"
                      << +got[i];
    EXPECT_EQ(wrong, 0u) << expression;
  }
  static uint64_t bitsOf(float value) { return std::bit_cast<uint32_t>(value); }
  static uint64_t bitsOf(std::integral auto value) { return value; }
};

std::vector<uint16_t> allHalves() {
  std::vector<uint16_t> all(65536);
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = static_cast<uint16_t>(i);
  return all;
}

std::vector<uint8_t> allBytes() {
  std::vector<uint8_t> all(256);
  for (size_t i = 0; i < all.size(); ++i)
    all[i] = static_cast<uint8_t>(i);
  return all;
}

__half_raw half(uint16_t bits) { return __half_raw{bits}; }

TEST_F(NvrtcConvert, EveryHalfToFp8) {
  using F = std::function<uint8_t(uint16_t)>;
#define NYBL_FP8(saturation, format)                                           \
  check<uint8_t, uint16_t>(                                                    \
      "unsigned short", "unsigned char",                                       \
      "__nv_cvt_halfraw_to_fp8(__half_raw{x}, " #saturation ", " #format ")",  \
      allHalves(), F([](uint16_t x) -> uint8_t {                               \
        return __nv_cvt_halfraw_to_fp8(half(x), saturation, format);           \
      }))
  NYBL_FP8(__NV_SATFINITE, __NV_E4M3);
  NYBL_FP8(__NV_NOSAT, __NV_E4M3);
  NYBL_FP8(__NV_SATFINITE, __NV_E5M2);
  NYBL_FP8(__NV_NOSAT, __NV_E5M2);
}

TEST_F(NvrtcConvert, EveryHalfPairToFp4AndFp6) {
  // The other element of the pair is the half with its bits turned around.
  using F = std::function<uint16_t(uint16_t)>;
  auto pair = [](uint16_t x) {
    return __half2_raw{x, static_cast<uint16_t>(~x)};
  };
  check<uint16_t, uint16_t>(
      "unsigned short", "unsigned short",
      "__nv_cvt_halfraw2_to_fp4x2(__half2_raw{x, (unsigned short)~x}, "
      "__NV_E2M1, cudaRoundNearest)",
      allHalves(), F([&](uint16_t x) -> uint16_t {
        return __nv_cvt_halfraw2_to_fp4x2(pair(x), __NV_E2M1, cudaRoundNearest);
      }));
  check<uint16_t, uint16_t>(
      "unsigned short", "unsigned short",
      "__nv_cvt_halfraw2_to_fp6x2(__half2_raw{x, (unsigned short)~x}, "
      "__NV_E3M2, cudaRoundNearest)",
      allHalves(), F([&](uint16_t x) -> uint16_t {
        return __nv_cvt_halfraw2_to_fp6x2(pair(x), __NV_E3M2, cudaRoundNearest);
      }));
  check<uint16_t, uint16_t>(
      "unsigned short", "unsigned short",
      "__nv_cvt_halfraw2_to_fp6x2(__half2_raw{x, (unsigned short)~x}, "
      "__NV_E2M3, cudaRoundNearest)",
      allHalves(), F([&](uint16_t x) -> uint16_t {
        return __nv_cvt_halfraw2_to_fp6x2(pair(x), __NV_E2M3, cudaRoundNearest);
      }));
}

TEST_F(NvrtcConvert, EveryHalfToFloatAndBack) {
  using F = std::function<uint32_t(uint16_t)>;
  check<uint32_t, uint16_t>(
      "unsigned short", "unsigned",
      "__float_as_uint(__half2float(__half(__half_raw{x})))", allHalves(),
      F([](uint16_t x) {
        return std::bit_cast<uint32_t>(__half2float(__half(half(x))));
      }));
}

TEST_F(NvrtcConvert, EveryByteToHalf) {
  using F = std::function<uint16_t(uint8_t)>;
#define NYBL_DECODE(call, text)                                                \
  check<uint16_t, uint8_t>("unsigned char", "unsigned short", text,            \
                           allBytes(),                                         \
                           F([](uint8_t x) -> uint16_t { return call; }))
  NYBL_DECODE(__nv_cvt_fp8_to_halfraw(x, __NV_E4M3).x,
              "__nv_cvt_fp8_to_halfraw(x, __NV_E4M3).x");
  NYBL_DECODE(__nv_cvt_fp8_to_halfraw(x, __NV_E5M2).x,
              "__nv_cvt_fp8_to_halfraw(x, __NV_E5M2).x");
  NYBL_DECODE(__nv_cvt_fp4_to_halfraw(x & 15, __NV_E2M1).x,
              "__nv_cvt_fp4_to_halfraw(x & 15, __NV_E2M1).x");
  NYBL_DECODE(__nv_cvt_fp4x2_to_halfraw2(x, __NV_E2M1).y,
              "__nv_cvt_fp4x2_to_halfraw2(x, __NV_E2M1).y");
  NYBL_DECODE(__nv_cvt_fp6_to_halfraw(x & 63, __NV_E3M2).x,
              "__nv_cvt_fp6_to_halfraw(x & 63, __NV_E3M2).x");
  NYBL_DECODE(__nv_cvt_fp6_to_halfraw(x & 63, __NV_E2M3).x,
              "__nv_cvt_fp6_to_halfraw(x & 63, __NV_E2M3).x");
  NYBL_DECODE(__nv_cvt_e8m0_to_bf16raw(x).x, "__nv_cvt_e8m0_to_bf16raw(x).x");
}

TEST_F(NvrtcConvert, EdgeFloatsToNarrowFormats) {
  using F = std::function<uint16_t(float)>;
#define NYBL_ENCODE(call, text)                                                \
  check<uint16_t, float>("float", "unsigned short", text, edgeFloats(),        \
                         F([](float x) -> uint16_t { return call; }))
  NYBL_ENCODE(__nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3),
              "__nv_cvt_float_to_fp8(x, __NV_SATFINITE, __NV_E4M3)");
  NYBL_ENCODE(__nv_cvt_float_to_fp8(x, __NV_NOSAT, __NV_E5M2),
              "__nv_cvt_float_to_fp8(x, __NV_NOSAT, __NV_E5M2)");
  NYBL_ENCODE(__nv_cvt_float_to_fp4(x, __NV_E2M1, cudaRoundNearest),
              "__nv_cvt_float_to_fp4(x, __NV_E2M1, cudaRoundNearest)");
  NYBL_ENCODE(__nv_cvt_float_to_fp6(x, __NV_E3M2, cudaRoundNearest),
              "__nv_cvt_float_to_fp6(x, __NV_E3M2, cudaRoundNearest)");
  NYBL_ENCODE(__nv_cvt_float_to_e8m0(x, __NV_SATFINITE, cudaRoundZero),
              "__nv_cvt_float_to_e8m0(x, __NV_SATFINITE, cudaRoundZero)");
  NYBL_ENCODE(__nv_cvt_float_to_e8m0(x, __NV_SATFINITE, cudaRoundPosInf),
              "__nv_cvt_float_to_e8m0(x, __NV_SATFINITE, cudaRoundPosInf)");
}

TEST_F(NvrtcConvert, EdgeFloatsToHalfAndBfloat16) {
  using F = std::function<uint16_t(float)>;
  NYBL_ENCODE(__half_raw(__float2half_rn(x)).x,
              "__half_raw(__float2half_rn(x)).x");
  NYBL_ENCODE(__half_raw(__float2half_rz(x)).x,
              "__half_raw(__float2half_rz(x)).x");
  NYBL_ENCODE(__half_raw(__float2half_ru(x)).x,
              "__half_raw(__float2half_ru(x)).x");
  NYBL_ENCODE(__half_raw(__float2half_rd(x)).x,
              "__half_raw(__float2half_rd(x)).x");
  NYBL_ENCODE(__nv_bfloat16_raw(__float2bfloat16_rn(x)).x,
              "__nv_bfloat16_raw(__float2bfloat16_rn(x)).x");
  NYBL_ENCODE(__nv_bfloat16_raw(__float2bfloat16_rz(x)).x,
              "__nv_bfloat16_raw(__float2bfloat16_rz(x)).x");
}

} // namespace
