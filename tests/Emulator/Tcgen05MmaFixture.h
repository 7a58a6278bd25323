// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tcgen05.mma against a product computed here: operands are laid out by
// formulas of their own (PTX ISA 9.1 §9.7.16.3.3 as indices, not as
// address bits), values are such that every sum is exact.
#ifndef NYBL_TESTS_EMULATOR_TCGEN05MMAFIXTURE_H
#define NYBL_TESTS_EMULATOR_TCGEN05MMAFIXTURE_H

#include "tests/Emulator/Tcgen05Fixture.h"
#include <bit>
#include <cmath>
#include <random>

namespace nybl::emu::test {

inline std::string number(uint64_t n) { return std::to_string(n); }

/// Sign, exponent, mantissa; NaN and infinity are never chosen.
struct MiniFloat {
  unsigned exponent, mantissa;
  int bias;
  double value(uint32_t bits) const {
    unsigned e = bits >> mantissa & ((1u << exponent) - 1);
    unsigned m = bits & ((1u << mantissa) - 1);
    double v = e ? std::ldexp((1u << mantissa) + m, int(e) - bias)
                 : std::ldexp(m, 1 - bias);
    v = std::ldexp(v, -int(mantissa));
    return bits >> (exponent + mantissa) & 1 ? -v : v;
  }
  unsigned bits() const { return 1 + exponent + mantissa; }
};

inline constexpr MiniFloat halfFormat{5, 10, 15}, bfloatFormat{8, 7, 127},
    singleFormat{8, 23, 127}, e4m3{4, 3, 7}, e5m2{5, 2, 15}, e2m3{2, 3, 1},
    e3m2{3, 2, 3}, e2m1{2, 1, 1};

/// Patterns of multiples of one half (of `unit`) up to `most`.
inline std::vector<uint32_t> patterns(const MiniFloat &f, double most,
                                      double unit = 0.5) {
  std::vector<uint32_t> found;
  for (double v = -most; v <= most; v += unit) {
    if (f.bits() == 32) {
      found.push_back(std::bit_cast<uint32_t>(static_cast<float>(v)));
      continue;
    }
    for (uint32_t bits = 0; bits < 1u << f.bits(); ++bits)
      if (f.value(bits) == v) {
        found.push_back(bits);
        break;
      }
  }
  return found;
}

struct Matrix {
  unsigned rows = 0, depth = 0;
  std::vector<uint32_t> bits;
  std::vector<double> values;
  std::vector<uint8_t> scaleBits; ///< [rows][scales]

  double at(unsigned row, unsigned k) const { return values[row * depth + k]; }
};

inline Matrix randomMatrix(unsigned rows, unsigned depth, const MiniFloat &f,
                           double most, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<uint32_t> choices = patterns(f, most);
  Matrix m{rows, depth, {}, {}, {}};
  for (unsigned i = 0; i < rows * depth; ++i) {
    m.bits.push_back(choices[random() % choices.size()]);
    m.values.push_back(f.bits() == 32 ? std::bit_cast<float>(m.bits.back())
                                      : f.value(m.bits.back()));
  }
  return m;
}

enum class Layout { None, Rows32, Rows64, Rows128, Columns128 };

/// Where the byte `k` of a row lies and what the descriptor says; `first` bytes
/// of the row come before (another k step).
struct Placement {
  Layout layout = Layout::Rows128;
  unsigned first = 0;

  unsigned offset(unsigned row, unsigned k) const {
    unsigned byte = first + k, chunk = byte / 16, in = byte % 16;
    switch (layout) {
    case Layout::None: // 8 rows of 16 bytes; columns 4096 bytes apart
      return row / 8 * 128 + row % 8 * 16 + chunk * 4096 + in;
    case Layout::Rows32:
      return row * 32 + (chunk ^ (row / 4 % 2)) * 16 + in;
    case Layout::Rows64:
      return row * 64 + (chunk ^ (row / 2 % 4)) * 16 + in;
    default:
      return row * 128 + (chunk ^ (row % 8)) * 16 + in;
    }
  }
  /// All of the descriptor but the address of the matrix.
  uint64_t descriptor() const {
    uint64_t leading = layout == Layout::None ? 4096 : 16, mode = 0;
    uint64_t stride = 128;
    if (layout == Layout::Rows32)
      stride = 256, mode = 6;
    if (layout == Layout::Rows64)
      stride = 512, mode = 4;
    if (layout == Layout::Rows128)
      stride = 1024, mode = 2;
    return (leading / 16) << 16 | (stride / 16) << 32 | uint64_t(1) << 46 |
           mode << 61 | first / 16;
  }
};

/// What every CTA has in `data`, 32 KiB.
using Image = std::vector<uint8_t>;

/// Rows of `bits`-wide elements, 32 bytes of each in its place.
inline void place(Image &image, unsigned base, const Matrix &m,
                  unsigned firstRow, unsigned rows, unsigned bits,
                  const Placement &at, bool padded) {
  for (unsigned row = 0; row < rows; ++row)
    for (unsigned k = 0; k < m.depth; ++k) {
      uint32_t value = m.bits[(firstRow + row) * m.depth + k];
      // Padded: 16 elements in 16 bytes, packed at their start.
      unsigned bit = padded ? k / 16 * 128 + k % 16 * bits : k * bits;
      for (unsigned i = 0; i < bits; ++i)
        if (value >> i & 1)
          image[base + at.offset(row, (bit + i) / 8)] |=
              static_cast<uint8_t>(1 << (bit + i) % 8);
    }
}

//===----------------------------------------------------------------------===//
// Kernels
//===----------------------------------------------------------------------===//

/// Each CTA fills `data` with its 32 KiB of the input; makes `bar`.
inline std::string fillsData() {
  return "  mul.wide.u32 %d1, %tid, 16;\n  add.u64 %d1, %in, %d1;\n"
         "  mul.wide.u32 %d2, %rank, 32768;\n  add.u64 %d1, %d1, %d2;\n"
         "  mov.u32 %r1, data;\n  shl.b32 %r2, %tid, 4;\n"
         "  add.u32 %r1, %r1, %r2;\n  mov.u32 %r3, 0;\nfill:\n"
         "  ld.global.v4.u32 {%r4, %r5, %r6, %r7}, [%d1];\n"
         "  st.shared.v4.u32 [%r1], {%r4, %r5, %r6, %r7};\n"
         "  add.u64 %d1, %d1, 2048;\n  add.u32 %r1, %r1, 2048;\n"
         "  add.u32 %r3, %r3, 1;\n  setp.lt.u32 %p1, %r3, 16;\n"
         "  @%p1 bra fill;\n"
         "  @%lead mbarrier.init.shared.b64 [bar], 1;\n"
         "  fence.proxy.async.shared::cta;\n  bar.sync 0;\n"
         "  barrier.cluster.arrive;\n  barrier.cluster.wait;\n";
}

/// %dN = descriptor of what lies at data + offset.
inline std::string describes(const std::string &reg, unsigned offset,
                             uint64_t rest) {
  return "  mov.u32 %r1, data;\n  add.u32 %r1, %r1, " + number(offset) +
         ";\n  and.b32 %r1, %r1, 0x3ffff;\n  shr.u32 %r1, %r1, 4;\n"
         "  cvt.u64.u32 " +
         reg + ", %r1;\n  add.u64 " + reg + ", " + reg + ", " + number(rest) +
         ";\n";
}

/// Every cell of `columns` columns from %taddr on becomes `value`.
inline std::string setsCells(unsigned columns, unsigned value) {
  std::string text = "  shl.b32 %r2, %warp, 21;\n  add.u32 %r2, %taddr, %r2;\n"
                     "  mov.b32 %r3, " +
                     number(value) + ";\n";
  for (unsigned c = 0; c < columns; c += 8)
    text += "  tcgen05.st.sync.aligned.32x32b.x8.b32 [%r2+" + number(c) +
            "], {%r3, %r3, %r3, %r3, %r3, %r3, %r3, %r3};\n";
  return text + "  tcgen05.wait::st.sync.aligned;\n"
                "  tcgen05.fence::before_thread_sync;\n  bar.sync 0;\n"
                "  barrier.cluster.arrive;\n  barrier.cluster.wait;\n"
                "  tcgen05.fence::after_thread_sync;\n";
}

inline std::string commits(unsigned group) {
  return group == 1 ? "  tcgen05.commit.cta_group::1.mbarrier::arrive::one"
                      ".shared::cluster.b64 [bar];\n"
                    : "  mov.u16 %h1, 3;\n"
                      "  tcgen05.commit.cta_group::2.mbarrier::arrive::one"
                      ".shared::cluster.multicast::cluster.b64 [bar], %h1;\n";
}

/// Everybody waits for phase `parity` of `bar`.
inline std::string waitsForBar(unsigned parity = 0) {
  std::string label = "wait" + number(parity);
  return label + ":\n  mbarrier.try_wait.parity.shared.b64 %p2, [bar], " +
         number(parity) + ";\n  @!%p2 bra " + label +
         ";\n  tcgen05.fence::after_thread_sync;\n";
}

/// out[rank][lane][column] = cell, `columns` from %taddr + first on.
inline std::string showsCells(unsigned first, unsigned columns) {
  std::string text =
      "  shl.b32 %r2, %warp, 21;\n  add.u32 %r2, %taddr, %r2;\n"
      "  mad.lo.u32 %r3, %rank, 128, %tid;\n  mul.wide.u32 %d1, %r3, " +
      number(4 * columns) + ";\n  add.u64 %d1, %out, %d1;\n";
  for (unsigned c = 0; c < columns; c += 8) {
    text += "  tcgen05.ld.sync.aligned.32x32b.x8.b32 " + registers(10, 8) +
            ", [%r2+" + number(first + c) +
            "];\n  tcgen05.wait::ld.sync.aligned;\n";
    for (unsigned i = 0; i < 8; ++i)
      text += "  st.global.u32 [%d1+" + number(4 * (c + i)) + "], %r" +
              number(10 + i) + ";\n";
  }
  return text;
}

/// Only the issuing thread: of CTA 0 if it is for a pair.
inline std::string onlyIssuer(const std::string &body) {
  return "  and.pred %p1, %lead, %even;\n  @!%p1 bra issued;\n" + body +
         "issued:\n";
}

inline std::vector<uint32_t> wordsOf(const std::vector<Image> &images) {
  std::vector<uint32_t> words;
  for (const Image &image : images)
    for (size_t i = 0; i < image.size(); i += 4) {
      uint32_t word = 0;
      std::memcpy(&word, &image[i], 4);
      words.push_back(word);
    }
  return words;
}

/// The lane and column (from D's address) of element (row, n), in which CTA:
/// layouts A, B, D and F.
struct CellOf {
  unsigned cta, lane, column;
};
inline CellOf cellOf(unsigned group, unsigned m, unsigned n, unsigned row,
                     unsigned column) {
  if (group == 1)
    return {0, m == 64 ? row / 16 * 32 + row % 16 : row, column};
  if (m == 256)
    return {row / 128, row % 128, column};
  return {row / 64, row % 64 + (column >= n / 2 ? 64 : 0), column % (n / 2)};
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_TCGEN05MMAFIXTURE_H
