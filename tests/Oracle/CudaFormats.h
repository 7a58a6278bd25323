// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CUDA's own host conversions of cuda_fp4.h and cuda_fp8.h behind plain
// functions: a second opinion on Formats.h that this project did not write.
#ifndef NYBL_TESTS_ORACLE_CUDAFORMATS_H
#define NYBL_TESTS_ORACLE_CUDAFORMATS_H

#include <cstdint>

namespace nybl::oracle {

uint8_t cudaEncodeE2m1(float value);
uint8_t cudaEncodeE2m1x2(float low, float high);
uint8_t cudaEncodeE4m3(float value);
/// Bits of the f16 value.
uint16_t cudaDecodeE2m1(uint8_t code);
uint16_t cudaDecodeE4m3(uint8_t byte);
/// f32 to bf16 and f16 bits, to nearest even.
uint16_t cudaEncodeBf16(float value);
uint16_t cudaEncodeF16(float value);

} // namespace nybl::oracle

#endif // NYBL_TESTS_ORACLE_CUDAFORMATS_H
