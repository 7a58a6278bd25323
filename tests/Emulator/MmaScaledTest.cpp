// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Scaled e2m1 multiplies of mma.sync: which scales each form takes from where.
// Sums are exact under every order; bytes and lanes that are not selected hold
// NaN, and marks.

#include "tests/Emulator/ExecFixture.h"

#include <bit>
#include <cmath>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

struct Form {
  const char *qualifiers, *scaleType;
  unsigned groups;       ///< scales of a row: 2 or 4
  bool powers;           ///< ue8m0
  unsigned byteA, byteB; ///< selectors
  const char *version = "8.7";
};

const Form forms[] = {
    {"kind::mxf4nvf4.block_scale.scale_vec::4X", "ue4m3", 4, false, 0, 0},
    {"kind::mxf4nvf4.block_scale.scale_vec::4X", "ue8m0", 4, true, 0, 0, "9.1"},
    {"kind::mxf4nvf4.block_scale.scale_vec::2X", "ue8m0", 2, true, 0, 2},
    {"kind::mxf4nvf4.block_scale.scale_vec::2X", "ue8m0", 2, true, 2, 0},
    {"kind::mxf4.block_scale.scale_vec::2X", "ue8m0", 2, true, 2, 2},
    {"kind::mxf4.block_scale", "ue8m0", 2, true, 0, 0},
};

/// Words of a lane: a (4), b (2), scales of A, of B, c (4).
constexpr unsigned perLane = 12, scaleOfA = 6, scaleOfB = 7;

class Multiply {
public:
  Multiply(const Form &form, unsigned threadA, unsigned threadB)
      : form(form), threadA(threadA), threadB(threadB), words(perLane * 32) {
    for (unsigned lane = 0; lane < 32; ++lane) {
      fillElements(lane);
      fillScales(lane);
      for (unsigned i = 0; i < 4; ++i)
        words[lane * perLane + 8 + i] =
            std::bit_cast<uint32_t>(float(int(next() % 64) - 32));
    }
  }

  double expected(unsigned row, unsigned n) const {
    unsigned lane = row % 8 * 4 + n / 2, i = row / 8 * 2 + n % 2;
    double sum = std::bit_cast<float>(words[lane * perLane + 8 + i]);
    unsigned size = 64 / form.groups;
    for (unsigned k = 0; k < 64; ++k)
      sum += a[row][k] * sa[row][k / size] * b[n][k] * sb[n][k / size];
    return sum;
  }

  /// Whether a byte of a lane's scales is one that the form takes.
  bool isTaken(bool ofA, unsigned lane, unsigned byte) const {
    unsigned first = form.groups == 4 ? 0 : ofA ? form.byteA : form.byteB;
    bool lanes = ofA ? lane % 4 / 2 == threadA : lane % 4 == threadB;
    return lanes && byte >= first && byte < first + form.groups;
  }

  std::string text() const {
    auto pair = [](unsigned byte, unsigned thread) {
      return "{" + std::to_string(byte) + ", " + std::to_string(thread) + "}";
    };
    std::string text = kernelText(
        "mov.u32 %r20, %laneid; mul.wide.u32 %d1, %r20, 48;\n"
        "add.s64 %d2, %in, %d1;\n"
        "ld.global.v4.b32 {%r0, %r1, %r2, %r3}, [%d2];\n"
        "ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%d2+16];\n"
        "ld.global.v4.b32 {%r8, %r9, %r10, %r11}, [%d2+32];\n"
        "mma.sync.aligned.m16n8k64.row.col." +
        std::string(form.qualifiers) + ".f32.e2m1.e2m1.f32." + form.scaleType +
        " {%r12, %r13, %r14, %r15}, {%r0, %r1, %r2, %r3}, {%r4, %r5}, "
        "{%r8, %r9, %r10, %r11}, {%r6}, " +
        pair(form.byteA, threadA) + ", {%r7}, " + pair(form.byteB, threadB) +
        ";\nmul.wide.u32 %d3, %r20, 16; add.s64 %d4, %out, %d3;\n"
        "st.global.v4.b32 [%d4], {%r12, %r13, %r14, %r15};");
    return text.replace(text.find("8.7"), 3, form.version);
  }

  const Form &form;
  unsigned threadA, threadB;
  std::vector<uint32_t> words;

private:
  uint32_t next() {
    state = state * 1664525 + 1013904223;
    return state >> 8;
  }

  void fillElements(unsigned lane) {
    static const double values[] = {0,  0.5,  1,  1.5,  2,  3,  4,  6,
                                    -0, -0.5, -1, -1.5, -2, -3, -4, -6};
    uint32_t *w = &words[lane * perLane];
    unsigned g = lane / 4, t = lane % 4;
    for (unsigned i = 0; i < 6; ++i)
      w[i] = next() << 16 ^ next();
    for (unsigned i = 0; i < 32; ++i) // PTX ISA 9.1 §9.7.14.5.11
      a[g + (i % 16 < 8 ? 0 : 8)][8 * t + i % 8 + (i >= 16 ? 32 : 0)] =
          values[w[i / 8] >> (4 * (i % 8)) & 15];
    for (unsigned i = 0; i < 16; ++i)
      b[g][8 * t + i % 8 + (i >= 8 ? 32 : 0)] =
          values[w[4 + i / 8] >> (4 * (i % 8)) & 15];
  }

  void fillScales(unsigned lane) {
    for (bool ofA : {true, false}) {
      uint32_t &word = words[lane * perLane + (ofA ? scaleOfA : scaleOfB)];
      unsigned first = form.groups == 4 ? 0 : ofA ? form.byteA : form.byteB;
      for (unsigned byte = 0; byte < 4; ++byte) {
        uint32_t code = form.powers ? 0xff : 0x7f; // NaN
        if (isTaken(ofA, lane, byte)) {
          int power = int(next() % 3) - 1;
          code = static_cast<uint32_t>(form.powers ? 127 + power
                                                   : (7 + power) * 8);
          double value = std::ldexp(1.0, power);
          if (ofA)
            sa[lane / 4 + lane % 2 * 8][byte - first] = value;
          else
            sb[lane / 4][byte - first] = value;
        }
        word |= code << (8 * byte);
      }
    }
  }

  uint32_t state = 3;
  double a[16][64], b[8][64], sa[16][4] = {}, sb[8][4] = {};
};

/// f of every form with every pair of thread selectors.
template <typename F>
void eachMultiply(F f) {
  for (const Form &form : forms)
    for (unsigned threadA = 0; threadA < 2; ++threadA)
      for (unsigned threadB = 0; threadB < 4; ++threadB)
        f(Multiply(form, threadA, threadB));
}

uint64_t addressOfScale(uint64_t in, bool ofA, unsigned lane, unsigned byte) {
  return in + 4 * (lane * perLane + (ofA ? scaleOfA : scaleOfB)) + byte;
}

TEST(MmaScaled, FormsTakeTheirScales) {
  eachMultiply([](const Multiply &on) {
    for (unsigned model = 0; model < 4; ++model) {
      Machine m;
      uint64_t in = m.upload(on.words), out = *m.memory.allocate(512);
      m.memory.declareOutput(out, "d", 32, 4, 16, 4);
      for (unsigned lane = 0; lane < 32; ++lane)
        for (unsigned byte = 0; byte < 4; ++byte)
          for (bool ofA : {true, false})
            if (!on.isTaken(ofA, lane, byte))
              m.memory.setPoison(addressOfScale(in, ofA, lane, byte), 1, true);
      LaunchConfig config;
      config.numericModel = NumericModel(model);
      ASSERT_EQ(m.run(on.text(), 32, in, out, config), "");
      ASSERT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
      std::vector<uint32_t> d = m.read(out, 128);
      for (unsigned row = 0; row < 16; ++row)
        for (unsigned n = 0; n < 8; ++n) {
          unsigned at = (row % 8 * 4 + n / 2) * 4 + row / 8 * 2 + n % 2;
          ASSERT_EQ(std::bit_cast<float>(d[at]), on.expected(row, n))
              << on.form.qualifiers << " at " << row << ", " << n;
        }
    }
  });
}

/// One marked byte that is taken marks its row, or its column, from the first
/// lane that holds some of it.
TEST(MmaScaled, MarksOfScalesReachTheirRow) {
  eachMultiply([](const Multiply &on) {
    for (bool ofA : {true, false})
      for (unsigned lane = 16; lane < 20; ++lane)
        for (unsigned byte = 0; byte < 4; ++byte) {
          if (!on.isTaken(ofA, lane, byte))
            continue;
          Machine m;
          uint64_t in = m.upload(on.words), out = *m.memory.allocate(512);
          m.memory.declareOutput(out, "d", 32, 4, 16, 4);
          m.memory.setPoison(addressOfScale(in, ofA, lane, byte), 1, true);
          ASSERT_EQ(m.run(on.text(), 32, in, out), "");
          ASSERT_FALSE(m.result.reports.empty()) << on.form.qualifiers;
          EXPECT_EQ(m.result.reports[0].kind, FindingKind::PoisonStored);
          // Rows 4 and 12 of D lie in lanes 16 to 19; column 4 in lanes 2, 6...
          EXPECT_EQ(m.result.reports[0].lane, ofA ? 16 : 2)
              << on.form.qualifiers;
        }
  });
}

/// ptxas 13.0 knows PTX up to 9.0, where 4X is for ue4m3 only.
TEST(MmaScaled, FourPowersNeedPtx91) {
  Multiply on(forms[1], 0, 0);
  std::string text = on.text();
  Machine m;
  EXPECT_TRUE(loadProgram(text, *m.chip, m.memory));
  text.replace(text.find("9.1"), 3, "9.0");
  auto refused = loadProgram(text, *m.chip, m.memory);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.message().find("from PTX 9.1"), std::string::npos);
}

} // namespace
