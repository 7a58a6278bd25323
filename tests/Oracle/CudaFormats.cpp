// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CUDA's own host conversions, compiled by the host compiler.
#include "tests/Oracle/CudaFormats.h"

#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp4.h>
#include <cuda_fp8.h>

namespace nybl::oracle {

uint8_t cudaEncodeE2m1(float value) {
  return __nv_cvt_float_to_fp4(value, __NV_E2M1, cudaRoundNearest);
}

uint8_t cudaEncodeE2m1x2(float low, float high) {
  return __nv_cvt_float2_to_fp4x2(float2{low, high}, __NV_E2M1,
                                  cudaRoundNearest);
}

uint8_t cudaEncodeE4m3(float value) {
  return __nv_cvt_float_to_fp8(value, __NV_SATFINITE, __NV_E4M3);
}

uint16_t cudaDecodeE2m1(uint8_t code) {
  return __nv_cvt_fp4_to_halfraw(code, __NV_E2M1).x;
}

uint16_t cudaDecodeE4m3(uint8_t byte) {
  return __nv_cvt_fp8_to_halfraw(byte, __NV_E4M3).x;
}

uint16_t cudaEncodeBf16(float value) {
  return static_cast<__nv_bfloat16_raw>(__float2bfloat16_rn(value)).x;
}

uint16_t cudaEncodeF16(float value) {
  return static_cast<__half_raw>(__float2half_rn(value)).x;
}

} // namespace nybl::oracle
