// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Makers of test data. The same seed gives the same bytes on every machine:
// integer arithmetic and exact float operations only.
#ifndef NYBL_TESTS_ORACLE_DATA_H
#define NYBL_TESTS_ORACLE_DATA_H

#include "tests/Oracle/Quantize.h"
#include <cstdint>
#include <string_view>
#include <vector>

namespace nybl::oracle {

/// SplitMix64 (Steele, Lea, Flood 2014).
class Random {
public:
  explicit Random(uint64_t seed) : state(seed) {}
  uint64_t next();
  /// Uniform in [low, high]; low <= high. The bias is below 2^-32.
  int64_t between(int64_t low, int64_t high);
  /// Near normal, mean 0, variance 1, within [-6, 6]: twelve uniform numbers.
  float normal();

private:
  uint64_t state;
};

/// Codes uniform over all 16, scale bytes uniform in [lowScale, highScale].
QuantizedMatrix randomMatrix(int64_t rows, int64_t k, uint64_t seed,
                             uint8_t lowScale = 0x00, uint8_t highScale = 0x7e);

/// rows x k numbers of mean 0 whose largest magnitude is exactly amax.
std::vector<float> normalValues(int64_t rows, int64_t k, uint64_t seed,
                                float amax = 8.0f);
/// normalValues through the host quantiser, scaled by its own amax: what a
/// calibrated layer looks like. Returns the decode scale too.
struct NormalMatrix {
  QuantizedMatrix matrix;
  DecodeScale decode{1.0f};
};
NormalMatrix normalMatrix(int64_t rows, int64_t k, uint64_t seed,
                          float amax = 8.0f);

/// Data on which every order and rounding of every model gives the same bits
/// when both operands come from here: scales are powers of two and every
/// partial sum is an integer of less than 24 bits in quarters. Error: k is not
/// a multiple of 16 in [16, 2^16].
Expected<QuantizedMatrix> exactDomainMatrix(int64_t rows, int64_t k,
                                            uint64_t seed);

/// Data that hurts.
enum class Adversary {
  AllPositive,       ///< codes 1 to 7, scales 0x01 to 0x7e: truncation drifts
  LargeScales,       ///< scales 0x70 to 0x7e, all codes
  ZeroDataBigScales, ///< codes +-0 under 0x7e in every other block; the others
                     ///< small: a zero group that leads the alignment
  SignedZeros,       ///< only codes +0 and -0, any scale but NaN
  Cancelling,        ///< large blocks that cancel in pairs, tiny ones between
  SignedScales,      ///< scale bytes with the sign bit, which is ignored
};
inline constexpr Adversary kAdversaries[] = {
    Adversary::AllPositive,       Adversary::LargeScales,
    Adversary::ZeroDataBigScales, Adversary::SignedZeros,
    Adversary::Cancelling,        Adversary::SignedScales};
std::string_view name(Adversary kind);
QuantizedMatrix adversarialMatrix(Adversary kind, int64_t rows, int64_t k,
                                  uint64_t seed);

} // namespace nybl::oracle

#endif // NYBL_TESTS_ORACLE_DATA_H
