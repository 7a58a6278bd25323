// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sums that do not round: fixed point, wide enough for f32 and for products of
// two of them with block scales.
#ifndef NYBL_EMULATOR_EXEC_EXACTSUM_H
#define NYBL_EMULATOR_EXEC_EXACTSUM_H

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

namespace nybl::emu {

/// A finite number: significand * 2^exponent.
struct ExactTerm {
  int64_t significand = 0;
  int exponent = 0;
};

class ExactSum {
public:
  /// The exponent is from -576 to 448.
  void add(const ExactTerm &term) {
    auto position = static_cast<unsigned>(term.exponent - lowest);
    unsigned word = position / 64;
    auto shifted = static_cast<unsigned __int128>(term.significand)
                   << (position % 64);
    uint64_t sign = term.significand < 0 ? ~uint64_t(0) : 0;
    uint64_t upper = static_cast<uint64_t>(shifted >> 64);
    addFrom(word, static_cast<uint64_t>(shifted), upper, sign);
  }

  /// To nearest, ties to even; beyond the largest f32: infinity.
  float rounded() const {
    std::array<uint64_t, words> magnitude = bits;
    bool negative = bits.back() >> 63;
    uint64_t carry = negative;
    for (uint64_t &word : magnitude) {
      word = negative ? ~word + carry : word;
      carry = carry && word == 0;
    }
    int top = topBit(magnitude);
    if (top < 0)
      return 0.0f;
    int drop = std::max(top - 23, -149 - lowest);
    uint64_t kept = 0;
    for (int i = top; i >= drop; --i)
      kept = kept << 1 | bit(magnitude, i);
    bool half = bit(magnitude, drop - 1), more = false;
    for (int i = drop - 2; half && !more && i >= 0; --i)
      more = bit(magnitude, i);
    kept += half && (more || (kept & 1));
    float result = std::ldexp(static_cast<float>(kept), drop + lowest);
    return negative ? -result : result;
  }

private:
  static constexpr int lowest = -576;
  static constexpr unsigned words = 18;

  void addFrom(unsigned word, uint64_t low, uint64_t high, uint64_t sign) {
    uint64_t carry = 0;
    for (unsigned i = word; i < words; ++i) {
      uint64_t addend = i == word ? low : i == word + 1 ? high : sign;
      uint64_t sum = bits[i] + addend;
      uint64_t with = sum + carry;
      carry = (sum < addend) | (with < sum);
      bits[i] = with;
    }
  }

  static bool bit(const std::array<uint64_t, words> &of, int i) {
    return of[static_cast<unsigned>(i) / 64] >> (i % 64) & 1;
  }
  static int topBit(const std::array<uint64_t, words> &of) {
    for (unsigned i = words; i-- > 0;)
      if (of[i])
        return static_cast<int>(64 * i) + 63 - std::countl_zero(of[i]);
    return -1;
  }

  std::array<uint64_t, words> bits = {}; ///< two's complement, low word first
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_EXACTSUM_H
