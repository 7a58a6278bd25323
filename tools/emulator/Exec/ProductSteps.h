// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Vectors of sixteen rows of e2m1, and the steps of their dot products in the
// forms of each instruction set. For ProductScaled.cpp alone.
#ifndef NYBL_EMULATOR_EXEC_PRODUCTSTEPS_H
#define NYBL_EMULATOR_EXEC_PRODUCTSTEPS_H

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define NYBL_ALWAYS __attribute__((always_inline))
#define NYBL_INLINE NYBL_ALWAYS inline

namespace nybl::emu {

using Int8x64 = int8_t __attribute__((vector_size(64)));
using Uint8x16 = uint8_t __attribute__((vector_size(16)));
using Int16x32 = int16_t __attribute__((vector_size(64)));
using Int32x16 = int32_t __attribute__((vector_size(64)));
using Int32x8 = int32_t __attribute__((vector_size(32)));
using Int64x8 = int64_t __attribute__((vector_size(64)));
using Double8 = double __attribute__((vector_size(64)));
using Float8 = float __attribute__((vector_size(32)));

/// e2m1 in units of one half.
alignas(64) constexpr int8_t halves[64] = {
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12,
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12,
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12,
    0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12};

/// Sixteen words of eight elements as bytes: those of even number, and the
/// others. The order does not matter, as long as A and B have the same.
struct ElementBytes {
  Int8x64 even, odd;
};

// Three forms of the steps that differ by instruction set. addPairs(): adds for
// each two bytes the sum of their products, those of `a` without a sign;
// sumPairs(): of each two 16-bit integers. Results by reference: a vector by
// value would depend on the instruction set of the caller.

struct ScalarSteps {
  static NYBL_INLINE void decode(const uint32_t *from, ElementBytes &to) {
    alignas(64) int8_t even[64], odd[64];
    for (unsigned lane = 0; lane < 16; ++lane)
      for (unsigned i = 0; i < 4; ++i) {
        even[4 * lane + i] = halves[from[lane] >> (8 * i) & 15];
        odd[4 * lane + i] = halves[from[lane] >> (8 * i + 4) & 15];
      }
    std::memcpy(&to.even, even, sizeof even);
    std::memcpy(&to.odd, odd, sizeof odd);
  }
  static NYBL_INLINE void addPairs(const Int8x64 &a, const Int8x64 &b,
                                   Int16x32 &to) {
    auto x = (Int16x32)a, y = (Int16x32)b;
    to += (x & 255) * ((y << 8) >> 8) + ((x >> 8) & 255) * (y >> 8);
  }
  static NYBL_INLINE void sumPairs(const Int16x32 &v, Int32x16 &to) {
    auto pairs = (Int32x16)v;
    to = ((pairs << 16) >> 16) + (pairs >> 16);
  }
};

#if defined(__x86_64__)
#define NYBL_AVX2 __attribute__((target("avx2,fma")))
#define NYBL_AVX512                                                            \
  __attribute__((target("avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")))

struct Avx2Steps {
  struct Halves {
    __m256i of[2];
  };
  template <typename V>
  NYBL_AVX2 static inline Halves split(const V &v) {
    Halves h;
    std::memcpy(&h, &v, sizeof h);
    return h;
  }
  template <typename V>
  NYBL_AVX2 static inline void join(const Halves &h, V &v) {
    std::memcpy(&v, &h, sizeof h);
  }
  NYBL_AVX2 static inline void decode(const uint32_t *from, ElementBytes &to) {
    const __m256i table =
        _mm256_load_si256(reinterpret_cast<const __m256i *>(halves));
    const __m256i low = _mm256_set1_epi8(15);
    Halves even, odd;
    for (unsigned i = 0; i < 2; ++i) {
      __m256i word =
          _mm256_loadu_si256(reinterpret_cast<const __m256i *>(from + 8 * i));
      even.of[i] = _mm256_shuffle_epi8(table, _mm256_and_si256(word, low));
      odd.of[i] = _mm256_shuffle_epi8(
          table, _mm256_and_si256(_mm256_srli_epi32(word, 4), low));
    }
    join(even, to.even);
    join(odd, to.odd);
  }
  NYBL_AVX2 static inline void addPairs(const Int8x64 &a, const Int8x64 &b,
                                        Int16x32 &to) {
    Halves x = split(a), y = split(b), sum = split(to);
    for (unsigned i = 0; i < 2; ++i)
      sum.of[i] =
          _mm256_add_epi16(sum.of[i], _mm256_maddubs_epi16(x.of[i], y.of[i]));
    join(sum, to);
  }
  NYBL_AVX2 static inline void sumPairs(const Int16x32 &v, Int32x16 &to) {
    Halves h = split(v);
    for (unsigned i = 0; i < 2; ++i)
      h.of[i] = _mm256_madd_epi16(h.of[i], _mm256_set1_epi16(1));
    join(h, to);
  }
};

struct Avx512Steps {
  NYBL_AVX512 static inline void decode(const uint32_t *from,
                                        ElementBytes &to) {
    const __m512i table = _mm512_load_si512(halves);
    const __m512i low = _mm512_set1_epi8(15);
    __m512i word = _mm512_loadu_si512(from);
    to.even = (Int8x64)_mm512_shuffle_epi8(table, _mm512_and_si512(word, low));
    to.odd = (Int8x64)_mm512_shuffle_epi8(
        table, _mm512_and_si512(_mm512_srli_epi32(word, 4), low));
  }
  NYBL_AVX512 static inline void addPairs(const Int8x64 &a, const Int8x64 &b,
                                          Int16x32 &to) {
    to += (Int16x32)_mm512_maddubs_epi16((__m512i)a, (__m512i)b);
  }
  NYBL_AVX512 static inline void sumPairs(const Int16x32 &v, Int32x16 &to) {
    to = (Int32x16)_mm512_madd_epi16((__m512i)v, _mm512_set1_epi16(1));
  }
};
#endif

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_PRODUCTSTEPS_H
