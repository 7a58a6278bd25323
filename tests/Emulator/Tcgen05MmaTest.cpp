// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tcgen05.mma without block scales: kinds, layouts in shared memory, shapes,
// A in tensor memory, what changes D.

#include "tests/Emulator/Tcgen05MmaFixture.h"
#include <map>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

struct Kind {
  const char *name;
  MiniFloat a, b;
  unsigned typeA, typeB, typeD;
  unsigned bytesA, bytesB; ///< of a container in tensor memory
  double most;
};

constexpr Kind kinds[] = {
    {"f16", halfFormat, halfFormat, 0, 0, 1, 2, 2, 4},
    {"f16", bfloatFormat, bfloatFormat, 1, 1, 1, 2, 2, 4},
    {"f16", halfFormat, halfFormat, 0, 0, 0, 2, 2, 1},
    {"tf32", singleFormat, singleFormat, 2, 2, 1, 4, 4, 4},
    {"f8f6f4", e4m3, e5m2, 0, 1, 1, 1, 1, 4},
    {"f8f6f4", e2m1, e3m2, 5, 4, 1, 1, 1, 4},
    {"f8f6f4", e2m3, e2m1, 3, 5, 1, 1, 1, 4},
    {"f8f6f4", e4m3, e4m3, 0, 0, 0, 1, 1, 1},
};

struct Case {
  const Kind *kind = &kinds[0];
  unsigned group = 1, m = 128, n = 32;
  Placement a, b;
  unsigned flags = 0;     ///< more bits of the instruction descriptor
  std::string qualifiers; ///< more of the opcode
  std::string extra;      ///< an operand before enable-input-d, with ", "
  std::string enable = "0", last;
  unsigned startBits = 7; ///< every cell of D before
};

uint32_t instructionDescriptor(const Case &c) {
  const Kind &k = *c.kind;
  return k.typeD << 4 | k.typeA << 7 | k.typeB << 10 | c.n / 8 << 17 |
         c.m / 16 << 24 | c.flags;
}

/// f16 by search: all values, once.
uint32_t halfBits(double value) {
  static const std::map<double, uint32_t> all = [] {
    std::map<double, uint32_t> found;
    for (uint32_t bits = 0; bits < 0x10000; ++bits)
      if ((bits >> 10 & 31) != 31)
        found.try_emplace(halfFormat.value(bits), bits);
    return found;
  }();
  return all.at(value);
}

uint32_t bitsOf(const Kind &kind, double value) {
  return kind.typeD ? std::bit_cast<uint32_t>(static_cast<float>(value))
                    : halfBits(value);
}

constexpr unsigned offsetB = 16384;

std::vector<Image> imagesOf(const Case &c, const Matrix &a, const Matrix &b) {
  std::vector<Image> images;
  const Kind &k = *c.kind;
  for (unsigned cta = 0; cta < c.group; ++cta) {
    Image image(32768);
    unsigned rows = c.m / c.group, columns = c.n / c.group;
    place(image, 0, a, cta * rows, rows, k.a.bits(), c.a, k.a.bits() < 8);
    place(image, offsetB, b, cta * columns, columns, k.b.bits(), c.b,
          k.b.bits() < 8);
    images.push_back(std::move(image));
  }
  return images;
}

std::string kernelOf(const Case &c, const std::string &operandA = "%d10",
                     const std::string &before = "") {
  unsigned columns = c.group == 2 && c.m == 128 ? c.n / 2 : c.n;
  std::string g = number(c.group);
  return tensorKernel(
      allocates(512, c.group) + fillsData() + setsCells(columns, c.startBits) +
      before + describes("%d10", 0, c.a.descriptor()) +
      describes("%d11", offsetB, c.b.descriptor()) +
      onlyIssuer("  setp.ne.u32 %p3, " + c.enable +
                 ", 0;\n  tcgen05.mma.cta_group::" + g +
                 ".kind::" + c.kind->name + c.qualifiers + " [%taddr], " +
                 operandA + ", %d11, " + number(instructionDescriptor(c)) +
                 ", " + c.extra + "%p3" + c.last + ";\n" + commits(c.group)) +
      waitsForBar() + showsCells(0, columns) + frees(512, c.group));
}

/// D + A * B, in cells.
std::vector<uint32_t> expectedOf(const Case &c, const Matrix &a,
                                 const Matrix &b, double start = 0,
                                 double sign = 1) {
  unsigned columns = c.group == 2 && c.m == 128 ? c.n / 2 : c.n;
  std::vector<uint32_t> cells(c.group * 128 * columns, c.startBits);
  for (unsigned row = 0; row < c.m; ++row)
    for (unsigned n = 0; n < c.n; ++n) {
      double sum = start;
      for (unsigned k = 0; k < a.depth; ++k)
        sum += sign * a.at(row, k) * b.at(n, k);
      CellOf at = cellOf(c.group, c.m, c.n, row, n);
      cells[(at.cta * 128 + at.lane) * columns + at.column] =
          bitsOf(*c.kind, sum);
    }
  return cells;
}

std::pair<Matrix, Matrix> operandsOf(const Case &c, unsigned seed = 1) {
  const Kind &k = *c.kind;
  unsigned depth = 32 / k.bytesA;
  return {randomMatrix(c.m, depth, k.a, k.most, seed),
          randomMatrix(c.n, depth, k.b, k.most, seed + 100)};
}

void expectProduct(const Case &c) {
  auto [a, b] = operandsOf(c);
  expectResult(kernelOf(c), 128, c.group, wordsOf(imagesOf(c, a, b)),
               expectedOf(c, a, b));
}

TEST(Tcgen05Mma, Kinds) {
  for (const Kind &kind : kinds) {
    SCOPED_TRACE(std::string(kind.name) + " " + number(kind.typeA) + " " +
                 number(kind.typeB) + " " + number(kind.typeD));
    Case c;
    c.kind = &kind;
    expectProduct(c);
  }
}

TEST(Tcgen05Mma, LayoutsOfSharedMemory) {
  Placement placements[] = {{Layout::None, 0},     {Layout::Rows32, 0},
                            {Layout::Rows64, 0},   {Layout::Rows64, 32},
                            {Layout::Rows128, 32}, {Layout::Rows128, 96}};
  for (const Placement &p : placements) {
    SCOPED_TRACE(int(p.layout));
    Case c;
    c.a = p;
    c.b = p;
    expectProduct(c);
  }
}

TEST(Tcgen05Mma, Shapes) {
  struct {
    unsigned group, m, n;
  } shapes[] = {{1, 64, 8},    {1, 64, 40},   {1, 128, 8},
                {1, 128, 128}, {2, 128, 32},  {2, 256, 16},
                {2, 256, 48},  {2, 128, 256}, {1, 128, 24}};
  for (auto &s : shapes) {
    SCOPED_TRACE(number(s.group) + ": " + number(s.m) + " x " + number(s.n));
    Case c;
    c.group = s.group;
    c.m = s.m;
    c.n = s.n;
    c.a = {Layout::Rows64, 0};
    c.b = {Layout::Rows64, 32};
    expectProduct(c);
  }
}

/// Transposed: rows of k hold 64 values of m (or n), swizzled by 128 bytes.
TEST(Tcgen05Mma, TransposedOperands) {
  Case c;
  c.n = 64;
  c.flags = 1u << 15 | 1u << 16;
  auto [a, b] = operandsOf(c);
  Image image(32768);
  auto placeTransposed = [&](unsigned base, const Matrix &m, unsigned leading,
                             unsigned stride) {
    for (unsigned row = 0; row < m.rows; ++row)
      for (unsigned k = 0; k < m.depth; ++k) {
        unsigned at = base + row / 64 * leading + k / 8 * stride + k % 8 * 128 +
                      ((row / 8 % 8) ^ (k % 8)) * 16 + row % 8 * 2;
        std::memcpy(&image[at], &m.bits[row * m.depth + k], 2);
      }
  };
  placeTransposed(0, a, 1024, 2048);
  placeTransposed(offsetB, b, 4096, 1024);
  auto describe = [](uint64_t leading, uint64_t stride) {
    return leading / 16 << 16 | stride / 16 << 32 | uint64_t(1) << 46 |
           uint64_t(2) << 61;
  };
  std::string text = kernelOf(c);
  auto replace = [&](uint64_t from, uint64_t to, bool last) {
    size_t at = last ? text.rfind(number(from)) : text.find(number(from));
    ASSERT_NE(at, text.npos);
    text.replace(at, number(from).size(), number(to));
  };
  replace(c.a.descriptor(), describe(1024, 2048), false);
  replace(c.b.descriptor(), describe(4096, 1024), true);
  expectResult(text, 128, 1, wordsOf({image}), expectedOf(c, a, b));
}

TEST(Tcgen05Mma, NegationAndAccumulation) {
  Case c;
  c.flags = 1u << 13;
  auto [a, b] = operandsOf(c);
  auto images = wordsOf(imagesOf(c, a, b));
  expectResult(kernelOf(c), 128, 1, images, expectedOf(c, a, b, 0, -1));
  c.flags = 1u << 13 | 1u << 14;
  expectResult(kernelOf(c), 128, 1, images, expectedOf(c, a, b));
  c.flags = 0;
  c.enable = "1";
  c.startBits = 0x41000000; // 8
  expectResult(kernelOf(c), 128, 1, images, expectedOf(c, a, b, 8));
  c.last = ", 4"; // 8 / 16
  expectResult(kernelOf(c), 128, 1, images, expectedOf(c, a, b, 0.5));
  c.last = "";
  c.qualifiers = ".collector::a::fill";
  expectResult(kernelOf(c), 128, 1, images, expectedOf(c, a, b, 8));
}

TEST(Tcgen05Mma, DisabledLanes) {
  Case c;
  c.extra = "{%r60, %r61, %r62, %r63}, ";
  auto [a, b] = operandsOf(c);
  std::vector<uint32_t> expected = expectedOf(c, a, b);
  for (unsigned lane : {3u, 32u, 100u})
    for (unsigned n = 0; n < c.n; ++n)
      expected[lane * c.n + n] = c.startBits;
  expectResult(kernelOf(c, "%d10",
                        "  mov.b32 %r60, 8;\n  mov.b32 %r61, 1;\n"
                        "  mov.b32 %r62, 0;\n  mov.b32 %r63, 16;\n"),
               128, 1, wordsOf(imagesOf(c, a, b)), expected);
}

/// Integers: signed A, unsigned B; saturation.
TEST(Tcgen05Mma, Integers) {
  std::mt19937 random(5);
  Matrix a{128, 32, {}, {}, {}}, b{32, 32, {}, {}, {}};
  for (auto [m, isSigned] : {std::pair(&a, true), std::pair(&b, false)})
    for (unsigned i = 0; i < m->rows * 32; ++i) {
      auto byte = static_cast<uint8_t>(random());
      m->bits.push_back(byte);
      m->values.push_back(isSigned ? static_cast<int8_t>(byte) : int(byte));
    }
  Kind kind{"i8", e4m3, e4m3, 1, 0, 2, 1, 1, 0};
  for (bool saturates : {false, true}) {
    Case c;
    c.kind = &kind;
    c.enable = "1";
    c.flags = saturates ? 8 : 0;
    c.startBits = 0x7fffff00;
    std::vector<uint32_t> expected(128 * 32);
    for (unsigned row = 0; row < 128; ++row)
      for (unsigned n = 0; n < 32; ++n) {
        int64_t sum = c.startBits;
        for (unsigned k = 0; k < 32; ++k)
          sum += static_cast<int64_t>(a.at(row, k) * b.at(n, k));
        if (saturates && sum > 0x7fffffff)
          sum = 0x7fffffff;
        expected[row * 32 + n] = static_cast<uint32_t>(sum);
      }
    expectResult(kernelOf(c), 128, 1, wordsOf(imagesOf(c, a, b)), expected);
  }
}

/// A in tensor memory, at columns 256 to 263: rows as in shared memory, but
/// narrow elements in bytes.
std::string storesA(const Case &c) {
  // The input holds, behind the images, 8 words for each lane of each CTA.
  std::string text =
      "  mad.lo.u32 %r4, %rank, 128, %tid;\n  mul.wide.u32 %d3, %r4, 32;\n"
      "  add.u64 %d3, %in, %d3;\n";
  for (unsigned i = 0; i < 8; ++i)
    text += "  ld.global.u32 %r" + number(20 + i) + ", [%d3+" +
            number(c.group * 32768 + 4 * i) + "];\n";
  return text +
         "  shl.b32 %r2, %warp, 21;\n  add.u32 %r2, %taddr, %r2;\n"
         "  tcgen05.st.sync.aligned.32x32b.x8.b32 [%r2+256], " +
         registers(20, 8) +
         ";\n  tcgen05.wait::st.sync.aligned;\n"
         "  tcgen05.fence::before_thread_sync;\n  bar.sync 0;\n"
         "  barrier.cluster.arrive;\n  barrier.cluster.wait;\n"
         "  tcgen05.fence::after_thread_sync;\n  add.u32 %r50, %taddr, 256;\n";
}

TEST(Tcgen05Mma, AInTensorMemory) {
  struct {
    unsigned kind, group, m;
  } cases[] = {{0, 1, 128}, {0, 1, 64},  {3, 1, 128}, {4, 1, 128},
               {5, 1, 128}, {0, 2, 256}, {0, 2, 128}};
  for (auto &one : cases) {
    SCOPED_TRACE(number(one.kind) + ", " + number(one.group) + " x " +
                 number(one.m));
    Case c;
    c.kind = &kinds[one.kind];
    c.group = one.group;
    c.m = one.m;
    auto [a, b] = operandsOf(c);
    std::vector<uint32_t> input = wordsOf(imagesOf(c, a, b));
    std::vector<uint8_t> rows(c.group * 128 * 32);
    for (unsigned row = 0; row < c.m; ++row) {
      CellOf at = cellOf(c.group, c.m, 2, row, 0);
      for (unsigned k = 0; k < a.depth; ++k) {
        uint32_t bits = a.bits[row * a.depth + k];
        bits <<= c.kind->a.bits() == 4 ? 2 : 0;
        for (unsigned half = 0; half < (c.group == 2 && c.m == 128 ? 2u : 1u);
             ++half)
          std::memcpy(&rows[(at.cta * 128 + at.lane + 64 * half) * 32 +
                            k * c.kind->bytesA],
                      &bits, c.kind->bytesA);
      }
    }
    for (uint32_t word : wordsOf({rows}))
      input.push_back(word);
    expectResult(kernelOf(c, "[%r50]", storesA(c)), 128, c.group, input,
                 expectedOf(c, a, b));
  }
}

//===----------------------------------------------------------------------===//
// What is refused
//===----------------------------------------------------------------------===//

TEST(Tcgen05Mma, IllegalDescriptors) {
  auto expectMisuse = [](const Case &c, const std::string &text) {
    auto [a, b] = operandsOf(Case());
    expectFinding(kernelOf(c), 128, 1, wordsOf(imagesOf(Case(), a, b)),
                  FindingKind::TensorMemoryMisuse, text);
  };
  Case c;
  c.flags = 1u << 2;
  expectMisuse(c, "sparse");
  c.flags = 1u << 3;
  expectMisuse(c, "saturate");
  c.flags = 1u << 23;
  expectMisuse(c, "reserved");
  c.flags = 1u << 9;
  expectMisuse(c, "no type of A");
  c.flags = 1u << 7;
  expectMisuse(c, "both be f16");
  c.flags = 3u << 4;
  expectMisuse(c, "no type of D");
  c.flags = 1u << 28;
  expectMisuse(c, "no shape");
  c = Case();
  c.kind = &kinds[5];
  c.flags = 1u << 15;
  expectMisuse(c, "cannot be transposed");
  c = Case();
  c.kind = &kinds[3];
  c.flags = 1u << 15;
  expectMisuse(c, "32-byte atoms");
}

TEST(Tcgen05Mma, RefusedAtLoad) {
  auto error = [](const std::string &opcode, const std::string &operands,
                  const char *chip = "sm_100a") {
    return loadError(
        tensorKernel("  tcgen05.mma" + opcode + " " + operands + ";\n", chip),
        chip);
  };
  auto refuses = [&](const std::string &opcode, const std::string &operands,
                     const std::string &text, const char *chip = "sm_100a") {
    std::string got = error(opcode, operands, chip);
    EXPECT_NE(got.find(text), std::string::npos) << opcode << ": " << got;
  };
  std::string plain = "[%r1], %d1, %d2, %r3, %p1";
  std::string scaled = "[%r1], %d1, %d2, %r3, [%r4], [%r5], %p1";
  std::string one = ".cta_group::1.kind::";
  EXPECT_EQ(error(one + "f16", plain), "");
  EXPECT_EQ(error(one + "f16", plain + ", 15"), "");
  EXPECT_EQ(error(one + "f16", "[%r1], %d1, %d2, 1234, 1"), "");
  EXPECT_EQ(error(one + "f16.ashift", "[%r1], [%r2], %d2, %r3, !%p1"), "");
  EXPECT_EQ(error(one + "mxf4.block_scale", scaled), "");
  EXPECT_EQ(error(one + "mxf4nvf4.block_scale.block16", scaled), "");
  EXPECT_EQ(error(".kind::i8.cta_group::1", plain, "sm_110a"), "");
  refuses(one + "f16", plain + ", 16", "0 to 15");
  refuses(one + "f8f6f4", plain + ", 4", "scale-input-d");
  refuses(one + "f16", plain + ", 4", "scale-input-d", "sm_110a");
  refuses(one + "i8", plain, "does not exist", "sm_103a");
  refuses(one + "f16.ashift", plain, ".ashift");
  refuses(one + "f16.ashift.collector::a::fill", "[%r1], [%r2], %d2, %r3, %p1",
          ".ashift");
  refuses(one + "mxf4nvf4.block_scale", scaled, "needs .scale_vec");
  refuses(one + "mxf4nvf4", scaled, "block_scale");
  refuses(one + "mxf4nvf4.block_scale.scale_vec::1X", scaled, "so many scales");
  refuses(one + "mxf4.block_scale.block16", scaled, "so many scales");
  refuses(one + "mxf8f6f4.block_scale.scale_vec::2X", scaled, "so many");
  refuses(".cta_group::2.kind::f16",
          "[%r1], %d1, %d2, %r3, {%r4, %r5, %r6, %r7}, %p1", "8 masks");
  refuses(".sp.cta_group::1.kind::f16", "[%r1], %d1, %d2, [%r2], %r3, %p1",
          "sparse");
  refuses(".ws.cta_group::1.kind::f16", plain, "weight-stationary");
  refuses(one + "f16.foo", plain, "qualifier");
}

} // namespace
