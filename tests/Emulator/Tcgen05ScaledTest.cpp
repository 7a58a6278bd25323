// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Block-scaled products, of one CTA and of a pair; what tcgen05.cp and .shift
// move; marks.

#include "tests/Emulator/Tcgen05ScaledFixture.h"
#include <chrono>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

void expectScaled(const ScaledCase &c, const LaunchConfig &base = {}) {
  ScaledOperands o = scaledOperands(c);
  expectResult(scaledKernel(scaledPieces(c)), 128, c.group,
               wordsOf(scaledImages(c, o)), scaledResult(c, o), base);
}

ScaledCase packed(const char *kind, const char *vector, unsigned scales,
                  bool ue8m0, unsigned id = 0) {
  ScaledCase c;
  c.kind = kind;
  c.vector = vector;
  c.scales = scales;
  c.ue8m0 = ue8m0;
  c.idA = id;
  c.idB = id == 0 ? 0 : 4 - scales;
  return c;
}

TEST(Tcgen05Scaled, PackedKinds) {
  for (const ScaledCase &c : {packed("mxf4nvf4", "scale_vec::4X", 4, false),
                              packed("mxf4nvf4", "block16", 4, true),
                              packed("mxf4nvf4", "scale_vec::2X", 2, true, 2),
                              packed("mxf4", "block32", 2, true),
                              packed("mxf4", "scale_vec::2X", 2, true, 2)}) {
    SCOPED_TRACE(c.kind + "." + c.vector + ", id " + number(c.idA));
    expectScaled(c);
  }
}

TEST(Tcgen05Scaled, Bytes) {
  struct {
    MiniFloat a, b;
    unsigned typeA, typeB, id;
  } cases[] = {{e4m3, e4m3, 0, 0, 0},
               {e4m3, e2m1, 0, 5, 1},
               {e2m3, e3m2, 3, 4, 2},
               {e5m2, e2m3, 1, 3, 3}};
  for (auto &one : cases) {
    SCOPED_TRACE(one.id);
    ScaledCase c = packed("mxf8f6f4", "scale_vec::1X", 1, true);
    c.a = one.a;
    c.b = one.b;
    c.typeA = one.typeA;
    c.typeB = one.typeB;
    c.depth = 32;
    c.idA = one.id;
    c.idB = 3 - one.id;
    expectScaled(c);
  }
}

TEST(Tcgen05Scaled, ShapesAndPairs) {
  struct {
    unsigned group, m, n;
  } shapes[] = {{1, 128, 8},   {1, 128, 256}, {2, 256, 64},
                {2, 256, 256}, {2, 128, 64},  {2, 128, 256}};
  for (auto &s : shapes) {
    SCOPED_TRACE(number(s.group) + ": " + number(s.m) + " x " + number(s.n));
    ScaledCase c;
    c.group = s.group;
    c.m = s.m;
    c.n = s.n;
    expectScaled(c);
  }
}

/// Exact sums: every order and rounding gives them.
TEST(Tcgen05Scaled, EveryNumericModel) {
  for (NumericModel model : {NumericModel::MmaSim, NumericModel::Sequential,
                             NumericModel::Reversed, NumericModel::Wide}) {
    LaunchConfig config;
    config.numericModel = model;
    expectScaled(ScaledCase(), config);
  }
}

/// Time of a product of 128 x 256 x 64: the bound is generous.
TEST(Tcgen05Scaled, IsQuick) {
  ScaledCase c;
  c.n = 256;
  ScaledOperands o = scaledOperands(c);
  std::vector<uint32_t> input = wordsOf(scaledImages(c, o));
  auto seconds = [&](unsigned products) {
    ScaledPieces p = scaledPieces(c);
    for (unsigned i = 0; i < products; ++i)
      p.product += multipliesScaled(c, true);
    std::string text = scaledKernel(p);
    Machine m;
    m.chip = findChip("sm_100a");
    m.in = m.upload(input);
    m.out = m.upload(std::vector<uint32_t>(128 * 256));
    auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(m.run(text, 128, m.in, m.out), "");
    EXPECT_EQ(firstReport(m), "");
    std::chrono::duration<double> spent =
        std::chrono::steady_clock::now() - start;
    std::vector<uint32_t> expected = scaledResult(c, o, products + 1.0);
    EXPECT_EQ(m.read(m.out, expected.size()), expected);
    return spent.count();
  };
  constexpr unsigned products = 200;
  double each = (seconds(products) - seconds(0)) / products;
  RecordProperty("microseconds", static_cast<int>(each * 1e6));
  EXPECT_LT(each, 0.05) << "seconds for one product";
}

//===----------------------------------------------------------------------===//
// tcgen05.cp and .shift
//===----------------------------------------------------------------------===//

/// The image: byte i is a hash of i.
Image hashedImage() {
  Image image(32768);
  for (size_t i = 0; i < image.size(); ++i)
    image[i] = static_cast<uint8_t>(i * 2654435761u >> 13);
  return image;
}

std::string copyKernel(const std::string &shape, const std::string &more = "",
                       unsigned address = 0, unsigned columns = 8) {
  return tensorKernel(
      allocates(32) + fillsData() + setsCells(8, 7) +
      onlyIssuer(describes("%d12", 1024, Placement{Layout::None}.descriptor()) +
                 "  add.u32 %r40, %taddr, " + number(address) +
                 ";\n  tcgen05.cp.cta_group::1." + shape + " [%r40], %d12;\n" +
                 more + commits(1)) +
      waitsForBar() + showsCells(0, columns) + frees(32));
}

/// Word w of row r in the image, by the plain layout.
uint32_t imageWord(const Image &image, unsigned row, unsigned word) {
  uint32_t value = 0;
  std::memcpy(&value,
              &image[1024 + Placement{Layout::None}.offset(row, 4 * word)], 4);
  return value;
}

TEST(Tcgen05Scaled, ShapesOfCp) {
  Image image = hashedImage();
  struct {
    const char *shape;
    unsigned words;
    std::vector<unsigned> (*lanes)(unsigned row);
    unsigned rows;
  } shapes[] = {
      {"128x256b", 8, [](unsigned r) { return std::vector{r}; }, 128},
      {"128x128b", 4, [](unsigned r) { return std::vector{r}; }, 128},
      {"64x128b.warpx2::02_13", 4,
       [](unsigned r) { return std::vector{r, r + 64}; }, 64},
      {"64x128b.warpx2::01_23", 4,
       [](unsigned r) {
         unsigned lane = r < 32 ? r : r + 32;
         return std::vector{lane, lane + 32};
       },
       64},
      {"32x128b.warpx4", 4,
       [](unsigned r) { return std::vector{r, r + 32, r + 64, r + 96}; }, 32},
      {"4x256b", 8, [](unsigned r) { return std::vector{32 * r}; }, 4}};
  for (auto &s : shapes) {
    SCOPED_TRACE(s.shape);
    std::vector<uint32_t> expected(128 * 8, 7);
    for (unsigned row = 0; row < s.rows; ++row)
      for (unsigned lane : s.lanes(row))
        for (unsigned word = 0; word < s.words; ++word)
          expected[lane * 8 + word] = imageWord(image, row, word);
    expectResult(copyKernel(s.shape), 128, 1, wordsOf({image}), expected);
  }
}

TEST(Tcgen05Scaled, CpDecompresses) {
  Image image = hashedImage();
  for (unsigned bits : {4u, 6u}) {
    std::vector<uint32_t> expected(128 * 8, 7);
    for (unsigned row = 0; row < 128; ++row)
      for (unsigned i = 0; i < 16; ++i) {
        unsigned value = 0;
        for (unsigned bit = 0; bit < bits; ++bit) {
          unsigned at = i * bits + bit;
          unsigned byte = imageWord(image, row, at / 32) >> at / 8 % 4 * 8;
          value |= (byte >> at % 8 & 1) << bit;
        }
        uint32_t &cell = expected[row * 8 + i / 4];
        cell = i % 4 == 0 ? 0 : cell;
        cell |= (bits == 4 ? value << 2 : value) << i % 4 * 8;
      }
    expectResult(copyKernel(bits == 4 ? "128x128b.b8x16.b4x16_p64"
                                      : "128x128b.b8x16.b6x16_p32"),
                 128, 1, wordsOf({image}), expected);
  }
}

TEST(Tcgen05Scaled, ShiftAndRenewal) {
  Image image = hashedImage();
  // Rows 32 to 63 move by one; then the last lane of each part is renewed.
  std::string body = "  add.u32 %r41, %taddr, 0x200000;\n"
                     "  tcgen05.shift.cta_group::1.down [%r41];\n";
  std::string text = tensorKernel(
      allocates(32) + fillsData() +
      "  shl.b32 %r2, %warp, 21;\n  add.u32 %r2, %taddr, %r2;\n"
      "  tcgen05.st.sync.aligned.32x32b.x8.b32 [%r2], {%tid, %tid, %tid, "
      "%tid, %tid, %tid, %tid, %tid};\n"
      "  tcgen05.wait::st.sync.aligned;\n  bar.sync 0;\n" +
      onlyIssuer(body +
                 describes("%d12", 1024, Placement{Layout::None}.descriptor()) +
                 "  add.u32 %r40, %taddr, 0x1f0000;\n"
                 "  tcgen05.cp.cta_group::1.4x256b [%r40], %d12;\n" +
                 commits(1)) +
      waitsForBar() + showsCells(0, 8) + frees(32));
  std::vector<uint32_t> expected;
  for (unsigned lane = 0; lane < 128; ++lane)
    for (unsigned word = 0; word < 8; ++word)
      expected.push_back(lane % 32 == 31  ? imageWord(image, lane / 32, word)
                         : lane / 32 == 1 ? lane + 1
                                          : lane);
  expectResult(text, 128, 1, wordsOf({image}), expected);
}

//===----------------------------------------------------------------------===//
// Marks
//===----------------------------------------------------------------------===//

/// Runs with one byte of the image marked; stores the cells of one row, a word
/// of the output for each column. Null: nothing found.
void expectMarks(const ScaledCase &c, unsigned markedByte, unsigned row,
                 unsigned column, bool marked) {
  SCOPED_TRACE("byte " + number(markedByte) + ", cell " + number(row) + ", " +
               number(column));
  ScaledPieces p = scaledPieces(c);
  p.shows = "  shl.b32 %r2, %warp, 21;\n  add.u32 %r2, %taddr, %r2;\n"
            "  tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r10}, [%r2+" +
            number(column) +
            "];\n  tcgen05.wait::ld.sync.aligned;\n"
            "  setp.eq.u32 %p4, %tid, " +
            number(row) + ";\n  @%p4 st.global.u32 [%out], %r10;\n";
  std::vector<uint32_t> input = wordsOf(scaledImages(c, scaledOperands(c)));
  for (const Schedule &schedule : schedules()) {
    Machine m;
    m.chip = findChip("sm_100a");
    m.in = m.upload(input);
    m.out = m.upload({0});
    m.memory.setPoison(m.in + markedByte, 1, true);
    m.memory.declareOutput(m.out, "d", 1, 1, 4, 4);
    LaunchConfig config;
    config.policy = schedule.policy;
    config.seed = schedule.seed;
    ASSERT_EQ(m.run(scaledKernel(p), 128, m.in, m.out, config), "");
    ASSERT_EQ(!m.result.reports.empty(), marked) << firstReport(m);
    if (marked)
      EXPECT_EQ(m.result.reports[0].kind, FindingKind::PoisonStored);
  }
}

TEST(Tcgen05Scaled, MarksSpreadAlongRowsAndColumns) {
  ScaledCase c = packed("mxf4", "scale_vec::2X", 2, true);
  unsigned ofA = packedRows.offset(37, 5), ofB = bAt + packedRows.offset(9, 30);
  unsigned scaleA = scalesAAt + 37 % 32 * 16 + 37 / 32 * 4 + 1;
  unsigned scaleB = scalesBAt + 9 * 16;
  for (unsigned byte : {ofA, scaleA}) {
    expectMarks(c, byte, 37, 9, true);
    expectMarks(c, byte, 37, 50, true);
    expectMarks(c, byte, 36, 9, false);
  }
  for (unsigned byte : {ofB, scaleB}) {
    expectMarks(c, byte, 100, 9, true);
    expectMarks(c, byte, 100, 8, false);
  }
  expectMarks(c, scaleA + 1, 37, 9, false); // a byte that no id selects
}

} // namespace
