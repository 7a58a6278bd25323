// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every shape and type of mma.sync but scaled e2m1, against sums of small
// integers, which every order and rounding gives exactly. Fragments are those
// of PTX ISA 9.1 §9.7.14.5, element by element.

#include "tests/Emulator/ExecFixture.h"

#include <bit>
#include <cmath>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

/// Codes of small whole numbers in an element format.
struct Format {
  const char *name;
  unsigned bits;               ///< of the container
  std::vector<uint32_t> codes; ///< of 0, 1, 2, -1, -2
};

const double numbers[] = {0, 1, 2, -1, -2};

const Format formats[] = {
    {"f16", 16, {0, 0x3c00, 0x4000, 0xbc00, 0xc000}},
    {"bf16", 16, {0, 0x3f80, 0x4000, 0xbf80, 0xc000}},
    {"tf32", 32, {0, 0x3f800000, 0x40000000, 0xbf800000, 0xc0000000}},
    {"e4m3", 8, {0, 0x38, 0x40, 0xb8, 0xc0}},
    {"e5m2", 8, {0, 0x3c, 0x40, 0xbc, 0xc0}},
    {"e2m3", 8, {0, 0x08, 0x10, 0x28, 0x30}},
    {"e3m2", 8, {0, 0x0c, 0x10, 0x2c, 0x30}},
    {"e2m1", 8, {0, 0x08, 0x10, 0x28, 0x30}}, // in bits 5:2
    {"s8", 8, {0, 1, 2, 0xff, 0xfe}},
    {"u8", 8, {0, 1, 2}},
};

const Format &formatNamed(const std::string &name) {
  for (const Format &f : formats)
    if (name == f.name)
      return f;
  ADD_FAILURE() << name;
  return formats[0];
}

struct Shape {
  const char *opcode; ///< after mma.sync.aligned
  const char *d, *a, *b;
  unsigned depth;
  bool scaled = false;
};

const Shape shapes[] = {
    {"m16n8k8.row.col.f32.f16.f16.f32", "f32", "f16", "f16", 8},
    {"m16n8k16.row.col.f32.f16.f16.f32", "f32", "f16", "f16", 16},
    {"m16n8k8.row.col.f16.f16.f16.f16", "f16", "f16", "f16", 8},
    {"m16n8k16.row.col.f16.f16.f16.f16", "f16", "f16", "f16", 16},
    {"m16n8k8.row.col.f32.bf16.bf16.f32", "f32", "bf16", "bf16", 8},
    {"m16n8k16.row.col.f32.bf16.bf16.f32", "f32", "bf16", "bf16", 16},
    {"m16n8k4.row.col.f32.tf32.tf32.f32", "f32", "tf32", "tf32", 4},
    {"m16n8k8.row.col.f32.tf32.tf32.f32", "f32", "tf32", "tf32", 8},
    {"m16n8k16.row.col.f32.e4m3.e5m2.f32", "f32", "e4m3", "e5m2", 16},
    {"m16n8k32.row.col.f32.e5m2.e4m3.f32", "f32", "e5m2", "e4m3", 32},
    {"m16n8k32.row.col.f16.e4m3.e4m3.f16", "f16", "e4m3", "e4m3", 32},
    {"m16n8k16.row.col.s32.s8.u8.s32", "s32", "s8", "u8", 16},
    {"m16n8k32.row.col.s32.u8.s8.s32", "s32", "u8", "s8", 32},
    {"m16n8k32.row.col.satfinite.s32.s8.s8.s32", "s32", "s8", "s8", 32},
    {"m16n8k32.row.col.kind::f8f6f4.f32.e2m1.e3m2.f32", "f32", "e2m1", "e3m2",
     32},
    {"m16n8k16.row.col.kind::f8f6f4.f32.e5m2.e4m3.f32", "f32", "e5m2", "e4m3",
     16},
    {"m16n8k16.row.col.kind::f8f6f4.f16.e4m3.e4m3.f16", "f16", "e4m3", "e4m3",
     16},
    {"kind::f8f6f4.m16n8k32.row.col.f16.e2m3.e4m3.f16", "f16", "e2m3", "e4m3",
     32},
    {"m16n8k32.row.col.kind::mxf8f6f4.block_scale.f32.e2m1.e5m2.f32.ue8m0",
     "f32", "e2m1", "e5m2", 32, true},
    {"m16n8k32.row.col.kind::mxf8f6f4.block_scale.scale_vec::1X.f32.e3m2.e2m3."
     "f32.ue8m0",
     "f32", "e3m2", "e2m3", 32, true},
};

/// Which register, lane and bit holds element (row, k) of A; rows of B are
/// columns, whose registers number only the upper half.
struct Spot {
  unsigned reg, lane, shift;
};

Spot spotOfA(unsigned row, unsigned k, unsigned depth, unsigned bits) {
  unsigned per = 32 / bits, half = 4 * per; // elements of 16 bytes
  bool upper = depth > half && k >= half;
  unsigned in = upper ? k - half : k;
  return {(row >= 8 ? 1u : 0u) + (upper ? 2u : 0u), row % 8 * 4 + in / per,
          in % per * bits};
}

Spot spotOfB(unsigned n, unsigned k, unsigned depth, unsigned bits) {
  Spot spot = spotOfA(n, k, depth, bits);
  spot.reg /= 2;
  return spot;
}

class Operands {
public:
  explicit Operands(const Shape &shape) : shape(shape) {
    const Format &fa = formatNamed(shape.a), &fb = formatNamed(shape.b);
    unsigned bytes = shape.depth * fa.bits / 8;
    registersA = bytes / 8;
    registersB = bytes / 16;
    half = std::string(shape.d) == "f16";
    words.assign((registersA + registersB + 4 + 2) * 32, 0);
    uint32_t state = 5;
    auto next = [&](size_t count) {
      state = state * 1664525 + 1013904223;
      return (state >> 16) % count;
    };
    for (unsigned row = 0; row < 16; ++row)
      for (unsigned k = 0; k < shape.depth; ++k) {
        size_t which = next(fa.codes.size());
        a[row][k] = numbers[which];
        put(spotOfA(row, k, shape.depth, fa.bits), 0, fa.codes[which]);
      }
    for (unsigned n = 0; n < 8; ++n)
      for (unsigned k = 0; k < shape.depth; ++k) {
        size_t which = next(fb.codes.size());
        b[n][k] = numbers[which];
        put(spotOfB(n, k, shape.depth, fb.bits), registersA, fb.codes[which]);
      }
    for (unsigned lane = 0; lane < 32; ++lane) {
      scalePower[lane] = int(next(5)) - 2;
      // Byte 1 of A's scales, byte 2 of B's; the others would be NaN.
      scaleWord(0, lane) =
          0xffffffffu ^ 0xff00u ^ uint32_t(127 + scalePower[lane]) << 8;
      scaleWord(1, lane) =
          0xffffffffu ^ 0xff0000u ^ uint32_t(127 - scalePower[lane]) << 16;
    }
  }

  double expected(unsigned row, unsigned n) const {
    double sum = 0;
    for (unsigned k = 0; k < shape.depth; ++k)
      sum += a[row][k] * b[n][k];
    if (!shape.scaled)
      return sum;
    // Thread 1 of A: lanes 4 g + 2 and 4 g + 3; thread 3 of B: 4 n + 3.
    int power = scalePower[row % 8 * 4 + 2 + row / 8] - scalePower[n * 4 + 3];
    return std::ldexp(sum, power);
  }

  const Shape &shape;
  unsigned registersA = 0, registersB = 0;
  bool half = false;
  std::vector<uint32_t> words; ///< [register][lane]: a, b, c, scales

private:
  void put(const Spot &spot, unsigned first, uint32_t code) {
    words[(first + spot.reg) * 32 + spot.lane] |= code << spot.shift;
  }
  uint32_t &scaleWord(unsigned i, unsigned lane) {
    return words[(registersA + registersB + 4 + i) * 32 + lane];
  }
  double a[16][32], b[8][32];
  int scalePower[32];
};

std::string vector(unsigned first, unsigned count) {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", %r" : "%r") + std::to_string(first + i);
  return text + "}";
}

std::string bodyOf(const Operands &on) {
  std::string body = "mov.u32 %r0, %tid.x; mul.wide.u32 %d0, %r0, 4; add.s64 "
                     "%d1, %in, %d0; add.s64 %d2, %out, %d0;\n";
  unsigned all = on.registersA + on.registersB + 6, sums = on.half ? 2 : 4;
  for (unsigned r = 0; r < all; ++r)
    body += "ld.global.b32 %r" + std::to_string(10 + r) + ", [%d1+" +
            std::to_string(128 * r) + "];\n";
  unsigned c = 10 + on.registersA + on.registersB;
  body += "mma.sync.aligned." + std::string(on.shape.opcode) + " " +
          vector(40, sums) + ", " + vector(10, on.registersA) + ", " +
          vector(10 + on.registersA, on.registersB) + ", " + vector(c, sums);
  if (on.shape.scaled)
    body +=
        ", " + vector(c + 4, 1) + ", {1, 1}, " + vector(c + 5, 1) + ", {2, 3}";
  body += ";\n";
  for (unsigned r = 0; r < sums; ++r)
    body += "st.global.b32 [%d2+" + std::to_string(128 * r) + "], %r" +
            std::to_string(40 + r) + ";\n";
  return body;
}

double valueAt(const Operands &on, const std::vector<uint32_t> &d, unsigned row,
               unsigned n) {
  unsigned lane = row % 8 * 4 + n / 2;
  if (on.half) {
    uint32_t word = d[(row / 8) * 32 + lane];
    auto bits = static_cast<uint16_t>(word >> (16 * (n % 2)));
    double magnitude =
        (bits & 0x7fff) == 0
            ? 0
            : std::ldexp(1 + (bits & 0x3ff) / 1024.0, (bits >> 10 & 31) - 15);
    return bits >> 15 ? -magnitude : magnitude;
  }
  uint32_t word = d[(row / 8 * 2 + n % 2) * 32 + lane];
  return std::string(on.shape.d) == "s32"
             ? static_cast<int32_t>(word)
             : static_cast<double>(std::bit_cast<float>(word));
}

TEST(MmaShapes, EveryShapeGivesTheExactSums) {
  for (const Shape &shape : shapes)
    for (unsigned model = 0; model < 4; ++model) {
      Operands on(shape);
      Machine m;
      uint64_t in = m.upload(on.words), out = *m.memory.allocate(4 * 128);
      LaunchConfig config;
      config.numericModel = NumericModel(model);
      ASSERT_EQ(m.run(kernelText(bodyOf(on)), 32, in, out, config), "")
          << shape.opcode;
      ASSERT_TRUE(m.result.reports.empty())
          << shape.opcode << m.result.reports[0].text();
      std::vector<uint32_t> d = m.read(out, 128);
      for (unsigned row = 0; row < 16; ++row)
        for (unsigned n = 0; n < 8; ++n)
          ASSERT_EQ(valueAt(on, d, row, n), on.expected(row, n))
              << shape.opcode << " at " << row << ", " << n;
    }
}

/// One marked byte of A: its row of D, and nothing else.
TEST(MmaShapes, MarksOfARowStayInIt) {
  for (const Shape &shape : shapes) {
    Operands on(shape);
    for (unsigned lane : {1u, 22u}) {
      Machine m;
      uint64_t in = m.upload(on.words), out = *m.memory.allocate(4 * 128);
      m.memory.setPoison(in + 4 * lane, 1, true); // register 0 of A: row g
      m.memory.declareOutput(out, "d", 4, 32, 128, 4);
      ASSERT_EQ(m.run(kernelText(bodyOf(on)), 32, in, out), "");
      ASSERT_FALSE(m.result.reports.empty()) << shape.opcode;
      EXPECT_EQ(m.result.reports[0].kind, FindingKind::PoisonStored);
      // The first lane whose d is stored marked holds row lane / 4.
      EXPECT_EQ(m.result.reports[0].lane, int(lane / 4 * 4)) << shape.opcode;
    }
  }
}

/// Results that are ties of f16 only after truncation to f32 round right.
TEST(MmaShapes, HalfAccumulatorsRoundOnce) {
  // a = 1, b = 1 twice, c = 2048: 2048 + 1 is a tie (even: 2048); with a tiny
  // product more it is 2050.
  Operands on(shapes[3]);
  for (bool more : {false, true}) {
    std::vector<uint32_t> words(on.words.size());
    for (unsigned lane = 0; lane < 32; ++lane)
      words[6 * 32 + lane] = words[7 * 32 + lane] = 0x68006800; // c: 2048
    words[0] = 0x3c00 | (more ? 0x0800u << 16 : 0); // A row 0: 1, 2^-13
    words[4 * 32] = 0x3c00 | 0x3c00u << 16;         // B column 0: 1, 1
    Machine m;
    uint64_t in = m.upload(words), out = *m.memory.allocate(4 * 128);
    ASSERT_EQ(m.run(kernelText(bodyOf(on)), 32, in, out), "");
    EXPECT_EQ(m.read(out, 1)[0] & 0xffff, more ? 0x6801u : 0x6800u);
  }
}

TEST(MmaShapes, WhatPtxasRefusesIsRefused) {
  const char *illegal[] = {"m16n8k32.row.col.f32.f16.f16.f32",
                           "m16n8k16.row.col.f32.f16.bf16.f32",
                           "m16n8k16.row.col.bf16.bf16.bf16.bf16",
                           "m16n8k16.col.row.f32.f16.f16.f32",
                           "m16n8k16.row.col.kind::f8f6f4.f32.e4m3.e4m3.f32",
                           "m16n8k32.row.col.f32.e2m1.e2m1.f32",
                           "m16n8k64.row.col.f32.e4m3.e4m3.f32"};
  for (const char *opcode : illegal) {
    Machine m;
    std::string body = "mma.sync.aligned." + std::string(opcode) +
                       " {%r0,%r1,%r2,%r3}, {%r4,%r5,%r6,%r7}, {%r8,%r9}, "
                       "{%r10,%r11,%r12,%r13};";
    EXPECT_NE(m.run(kernelText(body), 32, 0, 0), "") << opcode;
  }
}

} // namespace
