// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products on tiles against formulas written apart from them: MMA-Sim's in
// doubles, the other models in long doubles; every form of the vector code.

#include "tools/emulator/Exec/Product.h"

#include <bit>
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>

using namespace nybl::emu;

namespace {

struct Random {
  uint64_t state;
  uint32_t next() {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return static_cast<uint32_t>(state >> 33);
  }
};

double e2m1(unsigned code) {
  static constexpr double magnitudes[] = {0, 0.5, 1, 1.5, 2, 3, 4, 6};
  return code & 8 ? -magnitudes[code & 7] : magnitudes[code & 7];
}

/// Value and exponent of alignment.
struct Scale {
  double value;
  int exponent;
};

Scale ue4m3(uint8_t byte) {
  int field = byte >> 3 & 15, mantissa = byte & 7;
  if (field == 15 && mantissa == 7)
    return {NAN, 0};
  if (field)
    return {std::ldexp(1 + mantissa / 8.0, field - 7), field - 7};
  return {std::ldexp(mantissa / 8.0, -6), mantissa ? -6 : -126};
}

Scale ue8m0(uint8_t byte) {
  return byte == 255 ? Scale{NAN, 0}
                     : Scale{std::ldexp(1.0, byte - 127), byte - 127};
}

/// Beyond the largest number there is no rule in MMA-Sim; here: infinity.
float towardZero(double value) {
  if (std::fabs(value) >= 0x1p128)
    return std::copysign(INFINITY, static_cast<float>(value));
  auto nearest = static_cast<float>(value);
  if (std::fabs(static_cast<double>(nearest)) > std::fabs(value))
    nearest = std::nextafter(nearest, 0.0f);
  return nearest;
}

int exponentOf(float c) {
  return std::max(std::fpclassify(c) == FP_SUBNORMAL ? -126 : std::ilogb(c),
                  -126);
}

/// MMA-Sim's rule for groups of 16 with scales.
float alignedSum(float c, const double *dots, const Scale *a, const Scale *b) {
  for (int k = 0; k < 4; ++k)
    if (std::isnan(a[k].value) || std::isnan(b[k].value))
      return std::bit_cast<float>(0x7fffffff);
  if (std::isnan(c))
    return std::bit_cast<float>(0x7fffffff);
  if (std::isinf(c))
    return c;
  int top = c == 0 ? -126 : exponentOf(c);
  for (int k = 0; k < 4; ++k)
    top = std::max(top, a[k].exponent + b[k].exponent);
  double unit = std::ldexp(1.0, top - 35);
  double sum = std::trunc(c / unit);
  for (int k = 0; k < 4; ++k)
    sum += std::trunc(dots[k] * a[k].value * b[k].value / unit);
  return towardZero(sum * unit);
}

struct Panel {
  uint32_t a[8][16], b[24][8];
  uint8_t scalesA[4][16], scalesB[24][4];
  float d[24][16];
  unsigned columns = 8;
  ScaleFormat format = ScaleFormat::Ue4m3;

  void fill(Random &random, bool edges) {
    columns = 1 + random.next() % 24;
    for (auto &row : a)
      for (uint32_t &word : row)
        word = random.next() << 16 ^ random.next();
    for (auto &row : b)
      for (uint32_t &word : row)
        word = random.next() << 16 ^ random.next();
    for (auto &row : scalesA)
      for (uint8_t &scale : row)
        scale = scaleByte(random, edges);
    for (auto &row : scalesB)
      for (uint8_t &scale : row)
        scale = scaleByte(random, edges);
    for (auto &row : d)
      for (float &c : row)
        c = edges && random.next() % 4 == 0
                ? edge(random.next())
                : std::ldexp(float(int(random.next() % 65536) - 32768),
                             int(random.next() % 40) - 30);
  }

  /// Scales and accumulators near each other, as real ones are: no term loses
  /// anything in the alignment.
  void fillPlain(Random &random) {
    fill(random, false);
    uint32_t first = format == ScaleFormat::Ue4m3 ? 0x20 : 124;
    for (auto &row : scalesA)
      for (uint8_t &scale : row)
        scale = static_cast<uint8_t>(first + random.next() % 6);
    for (auto &row : scalesB)
      for (uint8_t &scale : row)
        scale = random.next() % 8
                    ? static_cast<uint8_t>(first + random.next() % 6)
                    : uint8_t(0);
    for (auto &row : d)
      for (float &c : row)
        c = random.next() % 8 ? float(int(random.next() % 65536) | 1) / 16
                              : -0.0f;
  }

  uint8_t scaleByte(Random &random, bool edges) const {
    if (edges)
      return static_cast<uint8_t>(random.next());
    return format == ScaleFormat::Ue4m3
               ? static_cast<uint8_t>(random.next() % 127)
               : static_cast<uint8_t>(100 + random.next() % 50);
  }

  static float edge(unsigned which) {
    static const float values[] = {
        0.0f, -0.0f,     INFINITY,     -INFINITY,
        NAN,  0x1p-149f, -0x1.8p-127f, 0x1.fffffep127f};
    return values[which % 8];
  }

  float expected(unsigned n, unsigned row) const {
    double dots[4] = {};
    Scale sa[4], sb[4];
    for (unsigned k = 0; k < 64; ++k)
      dots[k / 16] += e2m1(a[k / 8][row] >> (4 * (k % 8)) & 15) *
                      e2m1(b[n][k / 8] >> (4 * (k % 8)) & 15);
    auto decode = format == ScaleFormat::Ue4m3 ? ue4m3 : ue8m0;
    for (unsigned g = 0; g < 4; ++g) {
      sa[g] = decode(scalesA[g][row]);
      sb[g] = decode(scalesB[n][g]);
    }
    return alignedSum(d[n][row], dots, sa, sb);
  }

  void multiply(VectorPath path, float (*to)[16]) const {
    std::memcpy(to, d, sizeof d);
    nybl::emu::multiply(
        ScaledPanel{columns, a, scalesA, b[0], scalesB[0], format, to},
        NumericModel::MmaSim, path);
  }
};

void comparePath(VectorPath path, ScaleFormat format, bool edges) {
  Random random{7};
  Panel panel;
  panel.format = format;
  for (int round = 0; round < 200; ++round) {
    panel.fill(random, edges);
    float got[24][16];
    panel.multiply(path, got);
    for (unsigned n = 0; n < panel.columns; ++n)
      for (unsigned row = 0; row < 16; ++row) {
        float want = panel.expected(n, row);
        ASSERT_EQ(std::bit_cast<uint32_t>(want + 0.0f),
                  std::bit_cast<uint32_t>(got[n][row] + 0.0f))
            << want << " is not " << got[n][row] << " at " << row << ", " << n
            << ", round " << round;
      }
  }
}

TEST(Product, EveryVectorPathIsMmaSimsRule) {
  for (VectorPath path :
       {VectorPath::Scalar, VectorPath::Avx2, VectorPath::Avx512}) {
    if (!isAvailable(path))
      continue;
    for (bool edges : {false, true}) {
      comparePath(path, ScaleFormat::Ue4m3, edges);
      comparePath(path, ScaleFormat::Ue8m0, edges);
    }
  }
}

/// Registers of one mma.sync, as PTX ISA 9.7.14.5.11 lays a panel out: lane 4 g
/// + t holds rows g and g + 8 of A, column g of B, columns 2 t and 2 t + 1 of
/// C.
struct Registers {
  uint32_t a[4][32], b[2][32], c[4][32], scaleA[32], scaleB[32];

  Registers(const Panel &p, unsigned threadA, unsigned threadB) {
    for (unsigned lane = 0; lane < 32; ++lane) {
      unsigned g = lane / 4, t = lane % 4;
      for (unsigned i = 0; i < 4; ++i) {
        a[i][lane] = p.a[t + i / 2 * 4][g + i % 2 * 8];
        c[i][lane] = std::bit_cast<uint32_t>(p.d[2 * t + i % 2][g + i / 2 * 8]);
      }
      b[0][lane] = p.b[g][t];
      b[1][lane] = p.b[g][t + 4];
      scaleA[lane] = scaleB[lane] = 0xffffffff; // NaN, unless it is selected
    }
    for (unsigned i = 0; i < 16; ++i)
      for (unsigned k = 0; k < 4; ++k) {
        put(scaleA[4 * (i % 8) + 2 * threadA + i / 8], k, p.scalesA[k][i]);
        if (i < 8)
          put(scaleB[4 * i + threadB], k, p.scalesB[i][k]);
      }
  }
  static void put(uint32_t &word, unsigned byte, uint32_t value) {
    word = (word & ~(0xffu << (8 * byte))) | value << (8 * byte);
  }
  ScaledFragments fragments(ScaleFormat format) {
    return {{a[0], a[1], a[2], a[3]},
            {b[0], b[1]},
            {c[0], c[1], c[2], c[3]},
            {c[0], c[1], c[2], c[3]},
            scaleA,
            scaleB,
            0,
            0,
            {0, 8, 16, 24},
            {0, 8, 16, 24},
            format};
  }
};

TEST(Product, FragmentsOnEveryVectorPathAreMmaSimsRule) {
  Random random{13};
  Panel panel;
  for (VectorPath path :
       {VectorPath::Scalar, VectorPath::Avx2, VectorPath::Avx512})
    for (unsigned round = 0; round < 64 && isAvailable(path); ++round) {
      panel.format = round & 32 ? ScaleFormat::Ue8m0 : ScaleFormat::Ue4m3;
      if (round & 8)
        panel.fillPlain(random);
      else
        panel.fill(random, round & 16);
      unsigned threadA = round % 2, threadB = round / 2 % 4;
      Registers registers(panel, threadA, threadB);
      ScaledFragments f = registers.fragments(panel.format);
      f.threadA = threadA;
      f.threadB = threadB;
      nybl::emu::multiply(f, NumericModel::MmaSim, path);
      for (unsigned n = 0; n < 8; ++n)
        for (unsigned row = 0; row < 16; ++row) {
          unsigned i = n % 2 + row / 8 * 2, lane = row % 8 * 4 + n / 2;
          float got = std::bit_cast<float>(registers.c[i][lane]);
          float want = panel.expected(n, row);
          ASSERT_EQ(std::bit_cast<uint32_t>(want + 0.0f),
                    std::bit_cast<uint32_t>(got + 0.0f))
              << want << " is not " << got << " at " << row << ", " << n
              << ", round " << round;
        }
    }
}

/// Whole numbers and small powers of two: every order of sums gives the same.
TEST(Product, ModelsAgreeWhereSumsAreExact) {
  Random random{11};
  float first[8][16];
  for (unsigned model = 0; model < 4; ++model) {
    Random same = random;
    Panel panel;
    panel.fill(same, false);
    panel.columns = 8;
    for (auto &row : panel.scalesA)
      for (uint8_t &scale : row)
        scale = static_cast<uint8_t>(0x30 + 8 * (same.next() % 3));
    for (auto &row : panel.scalesB)
      for (uint8_t &scale : row)
        scale = static_cast<uint8_t>(0x30 + 8 * (same.next() % 3));
    for (auto &row : panel.d)
      for (float &c : row)
        c = float(int(same.next() % 2000) - 1000);
    nybl::emu::multiply(ScaledPanel{8, panel.a, panel.scalesA, panel.b[0],
                                    panel.scalesB[0], panel.format, panel.d},
                        NumericModel(model));
    if (model == 0)
      std::memcpy(first, panel.d, sizeof first);
    EXPECT_EQ(std::memcmp(first, panel.d, sizeof first), 0) << model;
  }
}

/// Random data: models differ somewhere, within the bound of a K step: each
/// truncates by at most 2^-23 of the partial sums or 5 units of alignment.
TEST(Product, ModelsDifferWithinTheirBound) {
  unsigned differing = 0;
  for (unsigned model = 1; model < 4; ++model) {
    Random random{13};
    for (int round = 0; round < 50; ++round) {
      Panel panel, other;
      panel.fill(random, false);
      panel.columns = 8;
      other = panel;
      auto run = [](Panel &p, NumericModel m) {
        nybl::emu::multiply(
            ScaledPanel{8, p.a, p.scalesA, p.b[0], p.scalesB[0], p.format, p.d},
            m);
      };
      Panel start = panel;
      run(panel, NumericModel::MmaSim);
      run(other, NumericModel(model));
      for (unsigned n = 0; n < 8; ++n)
        for (unsigned row = 0; row < 16; ++row) {
          double magnitude = std::fabs(start.d[n][row]);
          for (unsigned k = 0; k < 64; ++k)
            magnitude +=
                std::fabs(e2m1(panel.a[k / 8][row] >> (4 * (k % 8)) & 15) *
                          e2m1(panel.b[n][k / 8] >> (4 * (k % 8)) & 15) *
                          ue4m3(panel.scalesA[k / 16][row]).value *
                          ue4m3(panel.scalesB[n][k / 16]).value);
          double apart = std::fabs(double(panel.d[n][row]) - other.d[n][row]);
          differing += apart != 0;
          ASSERT_LE(apart, magnitude * 5 * 0x1p-23);
        }
    }
  }
  EXPECT_GT(differing, 0u);
}

//===----------------------------------------------------------------------===//
// Floating-point elements
//===----------------------------------------------------------------------===//

/// MMA-Sim's exponent of a number whose format has normal ones from 2^least.
int alignmentOf(float value, int least) {
  return value == 0 ? -126 : std::max(std::ilogb(value), least);
}

/// Products aligned to the largest exponent, by long doubles. `toOdd`: what is
/// cut off sets the lowest bit.
float alignedProducts(float c, const float *a, const float *b, unsigned depth,
                      int scale, int fraction, int least, bool toOdd) {
  double special = c;
  for (unsigned k = 0; k < depth; ++k)
    special += double(a[k]) * b[k];
  if (std::isnan(special))
    return std::bit_cast<float>(0x7fffffff);
  if (std::isinf(special))
    return static_cast<float>(special);
  int top = alignmentOf(c, -126);
  for (unsigned k = 0; k < depth; ++k)
    top = std::max(top,
                   alignmentOf(a[k], least) + alignmentOf(b[k], least) + scale);
  long double unit = std::ldexp(1.0L, top - fraction);
  long double sum = std::trunc(c / unit);
  for (unsigned k = 0; k < depth; ++k)
    sum += std::trunc(std::ldexp(static_cast<long double>(a[k]) * b[k], scale) /
                      unit);
  float result = towardZero(static_cast<double>(sum * unit));
  if (fraction < 23)
    result = std::bit_cast<float>(std::bit_cast<uint32_t>(result) &
                                  ~((1u << (23 - fraction)) - 1));
  if (toOdd && std::isfinite(result) && result != sum * unit)
    result = std::bit_cast<float>(std::bit_cast<uint32_t>(result) | 1);
  return result;
}

struct FloatCase {
  ElementFormat format;
  int least; ///< exponent of a normal number
  unsigned depth, fraction;
  bool scaled, toOdd = false;
};

const FloatCase floatCases[] = {{ElementFormat::F16, -14, 16, 25, false},
                                {ElementFormat::F16, -14, 8, 25, false, true},
                                {ElementFormat::Bf16, -126, 16, 25, false},
                                {ElementFormat::Tf32, -126, 8, 25, false},
                                {ElementFormat::Tf32, -126, 4, 25, false},
                                {ElementFormat::E4m3, -6, 32, 25, false},
                                {ElementFormat::E4m3, -6, 32, 25, false, true},
                                {ElementFormat::E5m2, -14, 32, 13, false},
                                {ElementFormat::E5m2, -14, 32, 25, true},
                                {ElementFormat::E2m3, 0, 32, 25, true},
                                {ElementFormat::E3m2, -2, 32, 25, true},
                                {ElementFormat::E2m1, 0, 32, 25, true}};

enum class Data { Ordinary, Tiny, Any };

/// A tile of random elements, its accumulators and scales.
struct RandomTile {
  /// Ordinary: finite elements of moderate exponents. Tiny: many zeros, and
  /// as small as the format has. Any: any bits, and accumulators and scales at
  /// the edges.
  RandomTile(const FloatCase &c, unsigned rows, unsigned columns,
             Random &random, Data data)
      : c(c), rows(rows), columns(columns), a(rows * c.depth),
        b(columns * c.depth), d(rows * columns), sa(rows), sb(columns) {
    for (auto *values : {&a, &b})
      for (float &value : *values)
        value = element(random, data);
    for (float &value : d)
      value = accumulator(random, data);
    for (auto *scales : {&sa, &sb})
      for (uint8_t &scale : *scales)
        scale = static_cast<uint8_t>(
            data == Data::Ordinary ? 120 + random.next() % 12 : random.next());
  }

  float element(Random &random, Data data) const {
    for (;;) {
      uint32_t bits = random.next() << 8 ^ random.next();
      float value = decodeElement(c.format, bits);
      if (data != Data::Ordinary && random.next() % 4 == 0)
        return 0;
      if (data == Data::Any)
        return value;
      int exponent =
          std::ilogb(value == 0 || !std::isfinite(value) ? 1 : value);
      int most = data == Data::Ordinary ? 40 : c.least + 30;
      int least = data == Data::Ordinary ? -40 : -1000;
      if (std::isfinite(value) && exponent <= most && exponent >= least)
        return value;
    }
  }

  static float accumulator(Random &random, Data data) {
    if (data == Data::Tiny)
      return random.next() % 2
                 ? 0.0f
                 : std::ldexp(float(int(random.next() % 512) - 256),
                              -150 + int(random.next() % 60));
    if (data == Data::Any && random.next() % 4 == 0)
      return Panel::edge(random.next());
    return std::ldexp(float(int(random.next() % 4096) - 2048),
                      int(random.next() % 16) - 12);
  }

  void multiply(VectorPath path, std::vector<float> &to) const {
    to = d;
    FloatTile tile;
    tile.rows = rows;
    tile.columns = columns;
    tile.depth = c.depth;
    tile.a = a.data();
    tile.b = b.data();
    tile.formatA = tile.formatB = c.format;
    tile.scalesA = c.scaled ? sa.data() : nullptr;
    tile.scalesB = c.scaled ? sb.data() : nullptr;
    tile.fractionBits = c.fraction;
    tile.halfResult = c.toOdd;
    tile.d = to.data();
    tile.rowStride = columns;
    nybl::emu::multiply(tile, NumericModel::MmaSim, path);
  }

  float expected(unsigned row, unsigned n) const {
    if (c.scaled && (sa[row] == 255 || sb[n] == 255))
      return std::bit_cast<float>(0x7fffffff);
    int scale = c.scaled ? sa[row] + sb[n] - 254 : 0;
    return alignedProducts(d[row * columns + n], &a[row * c.depth],
                           &b[n * c.depth], c.depth, scale,
                           static_cast<int>(c.fraction), c.least, c.toOdd);
  }

  const FloatCase &c;
  unsigned rows, columns;
  std::vector<float> a, b, d;
  std::vector<uint8_t> sa, sb;
};

TEST(Product, FloatingPointElementsAreMmaSimsRule) {
  // Lanes that are not used, rows or columns side by side.
  const std::pair<unsigned, unsigned> sizes[] = {{5, 19}, {16, 8}, {3, 32}};
  Random random{17};
  for (const FloatCase &c : floatCases)
    for (auto [rows, columns] : sizes)
      for (Data data : {Data::Ordinary, Data::Tiny, Data::Any})
        for (int round = 0; round < 6; ++round) {
          RandomTile tile(c, rows, columns, random, data);
          for (VectorPath path :
               {VectorPath::Scalar, VectorPath::Avx2, VectorPath::Avx512}) {
            if (!isAvailable(path))
              continue;
            std::vector<float> d;
            tile.multiply(path, d);
            for (unsigned row = 0; row < rows; ++row)
              for (unsigned n = 0; n < columns; ++n)
                ASSERT_EQ(std::bit_cast<uint32_t>(tile.expected(row, n)),
                          std::bit_cast<uint32_t>(d[row * columns + n]))
                    << "format " << unsigned(c.format) << " at " << row << ", "
                    << n << " by path " << unsigned(path);
          }
        }
}

/// One output of floating-point elements under a model.
float multiplyRow(float c, const std::vector<float> &a,
                  const std::vector<float> &b, NumericModel model) {
  FloatTile tile;
  tile.rows = tile.columns = 1;
  tile.depth = static_cast<unsigned>(a.size());
  tile.a = a.data();
  tile.b = b.data();
  tile.d = &c;
  tile.rowStride = 1;
  multiply(tile, model);
  return c;
}

/// Elements of e4m3 times 2^-8 and accumulators of few bits: every partial sum
/// is exact in a double, so only the roundings that the models name are left.
TEST(Product, OtherModelsRoundWhereTheySay) {
  Random random{19};
  unsigned apart = 0;
  for (int round = 0; round < 500; ++round) {
    std::vector<float> a(32), b(32);
    for (auto *values : {&a, &b})
      for (float &value : *values) {
        uint32_t code = random.next() & 0xff;
        value = decodeElement(ElementFormat::E4m3, code & 0x7f ? code : 0x38);
        value = std::isnan(value) ? 1 : value / 256;
      }
    float c = std::ldexp(float(int(random.next() % 65536) - 32768), -10);
    float forward = c, backward = 0;
    double wide = c;
    for (unsigned k = 0; k < 32; ++k) {
      forward = static_cast<float>(forward + double(a[k]) * b[k]);
      backward = static_cast<float>(backward + double(a[31 - k]) * b[31 - k]);
      wide += double(a[k]) * b[k];
    }
    backward = static_cast<float>(double(backward) + c);
    EXPECT_EQ(multiplyRow(c, a, b, NumericModel::Sequential), forward);
    EXPECT_EQ(multiplyRow(c, a, b, NumericModel::Reversed), backward);
    EXPECT_EQ(multiplyRow(c, a, b, NumericModel::Wide),
              static_cast<float>(wide));
    apart += forward != backward;
  }
  EXPECT_GT(apart, 0u);
}

/// A zero has the exponent -126: what it meets may align the others.
TEST(Product, ZerosAlign) {
  float c = 0x1.0002p-80f;
  EXPECT_EQ(multiplyRow(c, {0}, {1}, NumericModel::MmaSim), c);
  EXPECT_EQ(multiplyRow(c, {0}, {0x1p62f}, NumericModel::MmaSim), 0x1p-80f);
  EXPECT_EQ(multiplyRow(c, {0}, {0x1p120f}, NumericModel::MmaSim), 0.0f);
}

/// 1 + 2^-24 is a tie; what breaks it may lie 96 bits below.
TEST(Product, ExactSumsForgetNothing) {
  for (float sign : {1.0f, -1.0f}) {
    std::vector<float> a = {sign * 0x1p-12f, sign * 0x1p-60f};
    std::vector<float> b = {0x1p-12f, 0x1p-60f}, onlyTie = {0x1p-12f, 0};
    float next = sign * (1 + 0x1p-23f);
    EXPECT_EQ(multiplyRow(sign, a, b, NumericModel::Wide), next);
    EXPECT_EQ(multiplyRow(sign, a, onlyTie, NumericModel::Wide), sign);
    EXPECT_EQ(multiplyRow(sign, a, b, NumericModel::Sequential), sign);
    EXPECT_EQ(multiplyRow(sign, a, b, NumericModel::Reversed), sign);
  }
  // What cancels leaves the rest, down to subnormal numbers; too much is
  // infinity.
  std::vector<float> a = {0x1p60f, 0x1p-70f, -0x1p60f};
  std::vector<float> b = {0x1p60f, 0x1p-78f, 0x1p60f};
  EXPECT_EQ(multiplyRow(0, a, b, NumericModel::Wide), 0x1p-148f);
  EXPECT_EQ(multiplyRow(0, a, b, NumericModel::Sequential), 0.0f);
  std::vector<float> large = {0x1p64f, 0x1p10f};
  EXPECT_EQ(multiplyRow(0, large, large, NumericModel::Wide), INFINITY);
  EXPECT_EQ(multiplyRow(-0x1p127f, {-0x1p63f}, {0x1p64f}, NumericModel::Wide),
            -INFINITY);
  EXPECT_TRUE(std::isnan(
      multiplyRow(-INFINITY, {INFINITY}, {1}, NumericModel::Reversed)));
}

/// All of them at once are what they are one by one; f16 by its definition.
TEST(Product, ManyElementsAreDecodedAlike) {
  for (unsigned f = 0; f < 8; ++f) {
    auto format = static_cast<ElementFormat>(f);
    unsigned bytes = containerBytes(format);
    std::vector<uint8_t> data(1 + 65536 * bytes); // not aligned
    for (uint32_t i = 0; i < 65536; ++i) {
      uint32_t bits = bytes == 4 ? i << 16 | 0x2000 : i;
      std::memcpy(&data[1 + i * bytes], &bits, bytes);
    }
    std::vector<float> values(65536);
    decodeElements(format, &data[1], values.size(), values.data());
    for (uint32_t i = 0; i < 65536; ++i) {
      uint32_t bits = bytes == 4 ? i << 16 | 0x2000 : i;
      float one = decodeElement(format, bits), value = values[i];
      ASSERT_TRUE(std::bit_cast<uint32_t>(one) ==
                      std::bit_cast<uint32_t>(value) ||
                  (std::isnan(one) && std::isnan(value)))
          << f << ", " << i;
      if (format != ElementFormat::F16 || (i & 0x7c00) == 0x7c00)
        continue;
      int field = i >> 10 & 31, fraction = i & 1023;
      double want = field ? std::ldexp(1024 + fraction, field - 25)
                          : std::ldexp(fraction, -24);
      ASSERT_EQ(value, i & 0x8000 ? -want : want);
    }
  }
}

TEST(Product, ElementsOfEveryFormat) {
  EXPECT_EQ(decodeElement(ElementFormat::E2m1, 0x1c), 6.0f); // bits 5:2
  EXPECT_EQ(decodeElement(ElementFormat::E2m1, 0x24), -0.5f);
  EXPECT_EQ(decodeElement(ElementFormat::E2m3, 0x1f), 7.5f);
  EXPECT_EQ(decodeElement(ElementFormat::E2m3, 0x01), 0.125f);
  EXPECT_EQ(decodeElement(ElementFormat::E3m2, 0x1f), 28.0f);
  EXPECT_EQ(decodeElement(ElementFormat::E3m2, 0x21), -0.0625f);
  EXPECT_EQ(decodeElement(ElementFormat::E4m3, 0x7e), 448.0f);
  EXPECT_TRUE(std::isnan(decodeElement(ElementFormat::E4m3, 0xff)));
  EXPECT_EQ(decodeElement(ElementFormat::E5m2, 0x7c), INFINITY);
  EXPECT_EQ(decodeElement(ElementFormat::Bf16, 0x3f80), 1.0f);
  EXPECT_EQ(decodeElement(ElementFormat::Tf32, 0x3f801fff), 1.0f);
}

} // namespace
