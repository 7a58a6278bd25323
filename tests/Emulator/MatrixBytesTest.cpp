// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ldmatrix and stmatrix of bytes. Expected maps are evaluated from CuTe's
// layouts (copy_traits_sm100.hpp: shapes and strides, in bits) as they stand:
// which source thread holds the bit that a destination thread receives.

#include "tests/Emulator/ExecFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

/// A layout of one mode of CuTe: a number is split by the shape, first extent
/// fastest, and the parts are weighted by the strides.
struct Mode {
  std::vector<unsigned> shape, stride;
  unsigned operator()(unsigned index) const {
    unsigned at = 0;
    for (size_t i = 0; i < shape.size(); ++i) {
      at += index % shape[i] * stride[i];
      index /= shape[i];
    }
    return at;
  }
};

/// SM100_U8x8_LDSM_T and SM100_U8x16_LDSM_T.
const Mode squareSource{{2, 2, 4, 2}, {128, 1024, 256, 2048}};
const Mode squareLane{{4, 8}, {256, 8}};
const Mode squareValue{{8, 2, 2, 4}, {1, 128, 64, 1024}};
/// SM100_U8x16_STSM_T.
const Mode storeTarget{{32}, {128}};
const Mode storeValue{{8, 2, 2, 4}, {1, 128, 64, 1024}};

/// Row (the thread that names it) and byte of a bit of the logical tile.
std::pair<unsigned, unsigned> find(const Mode &rows, unsigned bit) {
  for (unsigned thread = 0; thread < 32; ++thread)
    if (unsigned first = rows(thread); bit >= first && bit < first + 128)
      return {thread, (bit - first) / 8};
  ADD_FAILURE() << "no row has bit " << bit;
  return {};
}

const char *declarations = "  .shared .align 16 .b8 s[512];\n";

/// Bytes 0 to 511 go to shared memory, each lane naming row `lane`.
std::string prologue() {
  return "mov.u32 %r0, %tid.x; mov.u32 %r1, s; mad.lo.u32 %r2, %r0, 16, %r1;\n"
         "mul.wide.u32 %d0, %r0, 16; add.s64 %d1, %in, %d0;\n"
         "ld.global.v4.b32 {%r4,%r5,%r6,%r7}, [%d1];\n"
         "st.shared.v4.b32 [%r2], {%r4,%r5,%r6,%r7}; bar.sync 0;\n"
         "add.s64 %d2, %out, %d0;\n";
}

std::vector<uint32_t> ascending() {
  std::vector<uint32_t> words(128);
  for (unsigned i = 0; i < 512; ++i)
    words[i / 4] |= (i * 7 + i / 256 * 3 & 0xff) << (8 * (i % 4));
  return words;
}

unsigned byteOf(const std::vector<uint32_t> &words, unsigned at) {
  return words[at / 4] >> (8 * (at % 4)) & 0xff;
}

std::vector<uint32_t> runBody(const std::string &body,
                              const std::vector<uint32_t> &input) {
  Machine m;
  uint64_t in = m.upload(input), out = *m.memory.allocate(512);
  EXPECT_EQ(m.run(kernelText(prologue() + body, declarations), 32, in, out),
            "");
  EXPECT_TRUE(m.result.reports.empty()) << m.result.reports[0].text();
  return m.read(out, 128);
}

TEST(MatrixBytes, SquareMatricesAreTransposed) {
  auto words = ascending();
  auto got = runBody("ldmatrix.sync.aligned.m16n16.x2.trans.shared.b8 "
                     "{%r10,%r11,%r12,%r13}, [%r2];\n"
                     "st.global.v4.b32 [%d2], {%r10,%r11,%r12,%r13};",
                     words);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned v = 0; v < 16; ++v) {
      auto [row, byte] =
          find(squareSource, squareLane(lane) + squareValue(8 * v));
      EXPECT_EQ(byteOf(got, 16 * lane + v), byteOf(words, 16 * row + byte))
          << "lane " << lane << ", byte " << v;
    }
}

TEST(MatrixBytes, StoresAreTransposed) {
  auto words = ascending();
  auto got = runBody("stmatrix.sync.aligned.m16n8.x4.trans.shared.b8 [%r2], "
                     "{%r4,%r5,%r6,%r7};\n bar.sync 0;\n"
                     "ld.shared.v4.b32 {%r10,%r11,%r12,%r13}, [%r2];\n"
                     "st.global.v4.b32 [%d2], {%r10,%r11,%r12,%r13};",
                     words);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned v = 0; v < 16; ++v) {
      auto [row, byte] =
          find(storeTarget, squareLane(lane) + storeValue(8 * v));
      EXPECT_EQ(byteOf(got, 16 * row + byte), byteOf(words, 16 * lane + v));
    }
}

/// 16 elements of so many bits, low ones first, become bytes.
void checkExpansion(const char *format, unsigned bits) {
  auto words = ascending();
  auto got = runBody("ldmatrix.sync.aligned.m8n16.x4.shared.b8x16." +
                         std::string(format) +
                         " {%r10,%r11,%r12,%r13}, [%r2];\n"
                         "st.global.v4.b32 [%d2], {%r10,%r11,%r12,%r13};",
                     words);
  for (unsigned lane = 0; lane < 32; ++lane)
    for (unsigned r = 0; r < 4; ++r)
      for (unsigned b = 0; b < 4; ++b) {
        unsigned row = 8 * r + lane / 4, first = (lane % 4 * 4 + b) * bits;
        unsigned want = 0;
        for (unsigned i = 0; i < bits; ++i) {
          unsigned bit = first + i;
          want |= (byteOf(words, 16 * row + bit / 8) >> (bit % 8) & 1) << i;
        }
        EXPECT_EQ(byteOf(got, 16 * lane + 4 * r + b), want)
            << format << ", lane " << lane;
      }
}

TEST(MatrixBytes, NarrowElementsBecomeBytes) {
  checkExpansion("b4x16_p64", 4);
  checkExpansion("b6x16_p32", 6);
}

/// A mark on one nibble arrives with its element and nowhere else.
TEST(MatrixBytes, MarksFollowTheirElement) {
  Machine m;
  uint64_t in = m.upload(ascending()), out = *m.memory.allocate(512);
  m.memory.setPoison(in + 16 * 9 + 3, 1, true); // row 9: elements 6 and 7
  m.memory.declareOutput(out, "d", 32, 4, 16, 4);
  EXPECT_EQ(m.run(kernelText(prologue() +
                                 "ldmatrix.sync.aligned.m8n16.x4.shared.b8x16"
                                 ".b4x16_p64 {%r10,%r11,%r12,%r13}, [%r2];\n"
                                 "st.global.v4.b32 [%d2], {%r10,%r11,%r12,"
                                 "%r13};",
                             declarations),
                  32, in, out),
            "");
  ASSERT_FALSE(m.result.reports.empty());
  // Lane 5 holds elements 4 to 7 of row 1 of matrix 1: register 1.
  EXPECT_EQ(m.result.reports[0].lane, 5);
  EXPECT_NE(m.result.reports[0].message.find("d[5, 1]"), std::string::npos)
      << m.result.reports[0].text();
}

TEST(MatrixBytes, OtherFormsAreRefused) {
  for (const char *form :
       {"ldmatrix.sync.aligned.m8n16.x4.shared.b8 {%r0,%r1,%r2,%r3}, [%r5];",
        "ldmatrix.sync.aligned.m16n16.x1.shared.b8 {%r0,%r1}, [%r5];",
        "ldmatrix.sync.aligned.m16n16.x4.trans.shared.b8 {%r0,%r1,%r2,%r3}, "
        "[%r5];",
        "stmatrix.sync.aligned.m16n8.x1.shared.b8 [%r5], {%r0};"}) {
    Machine m;
    EXPECT_NE(m.run(kernelText(form), 32, 0, 0), "") << form;
  }
}

} // namespace
