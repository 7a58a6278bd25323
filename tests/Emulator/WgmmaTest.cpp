// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// wgmma against sums in plain integers: the host writes the operands' images
// in shared memory by the formulas of each layout and reads accumulators by the
// fragment's, neither through the emulator.

#include "tests/Emulator/ExecFixture.h"
#include "tests/Emulator/Schedules.h"
#include "tools/emulator/Exec/Labels.h"

#include <bit>
#include <functional>

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

constexpr unsigned imageBytes = 49152, offsetOfB = 16384;

enum Kind { F16, BF16, TF32, E4M3, E5M2, S8, U8 };
const char *const kindNames[] = {"f16",  "bf16", "tf32", "e4m3",
                                 "e5m2", "s8",   "u8"};
unsigned bytesOfKind(Kind kind) {
  return kind == TF32 ? 4 : kind <= BF16 ? 2 : 1;
}

/// Bits of the integer `value`, -4 to 4.
uint32_t encode(Kind kind, int value) {
  static constexpr uint32_t f16[] = {0, 0x3c00, 0x4000, 0x4200, 0x4400};
  static constexpr uint32_t e4m3[] = {0, 0x38, 0x40, 0x44, 0x48};
  static constexpr uint32_t e5m2[] = {0, 0x3c, 0x40, 0x42, 0x44};
  unsigned magnitude = static_cast<unsigned>(std::abs(value));
  uint32_t sign = value < 0 ? 1 : 0;
  switch (kind) {
  case F16:
    return f16[magnitude] | sign << 15;
  case BF16:
    return std::bit_cast<uint32_t>(float(value)) >> 16;
  case TF32: // what lies below tf32's 10 mantissa bits must not count
    return std::bit_cast<uint32_t>(float(value)) | 0x1234;
  case E4M3:
    return e4m3[magnitude] | sign << 7;
  case E5M2:
    return e5m2[magnitude] | sign << 7;
  default:
    return static_cast<uint8_t>(value);
  }
}

enum Layout { Plain, Rows32, Rows64, Rows128 };

/// Byte of row r (m or n), byte k of 32; rows hold ascending k. The slice lies
/// within a wider row where the swizzle has room for it.
uint32_t kMajor(Layout layout, uint32_t r, uint32_t k) {
  switch (layout) {
  case Plain: // 8 x 16 bytes in a piece; LBO 128, SBO 256
    return r / 8 * 256 + k / 16 * 128 + r % 8 * 16 + k % 16;
  case Rows32: // SBO 256
    return r * 32 + ((k / 16) ^ (r / 4 % 2)) * 16 + k % 16;
  case Rows64: // the second half of the row; SBO 512
    return r * 64 + ((2 + k / 16) ^ (r / 2 % 4)) * 16 + k % 16;
  default: // the third quarter; SBO 1024
    return r * 128 + ((4 + k / 16) ^ (r % 8)) * 16 + k % 16;
  }
}

/// Of a 16-bit element (m, k); rows hold ascending m.
uint32_t mnMajor(Layout layout, uint32_t m, uint32_t k) {
  uint32_t within = m % 8 * 2;
  switch (layout) {
  case Plain: // LBO 128, SBO 256
    return m / 8 * 256 + k / 8 * 128 + k % 8 * 16 + within;
  case Rows32: // LBO 512, SBO 256
    return m / 16 * 512 + k / 8 * 256 + k % 8 * 32 +
           ((m % 16 / 8) ^ (k % 8 / 4)) * 16 + within;
  case Rows64: // LBO 1024, SBO 512
    return m / 32 * 1024 + k / 8 * 512 + k % 8 * 64 +
           ((m % 32 / 8) ^ (k % 8 / 2)) * 16 + within;
  default: // LBO 2048, SBO 1024
    return m / 64 * 2048 + k / 8 * 1024 + k % 8 * 128 +
           ((m % 64 / 8) ^ (k % 8)) * 16 + within;
  }
}

/// Descriptor without the start of the buffer.
uint64_t descriptor(Layout layout, bool mn, uint32_t offset) {
  static constexpr uint64_t mode[] = {0, 3, 2, 1};
  static constexpr uint32_t startK[] = {0, 0, 32, 64};
  static constexpr uint32_t leading[] = {128, 512, 1024, 2048};
  static constexpr uint32_t stride[] = {256, 256, 512, 1024};
  uint64_t start = offset + (mn ? 0 : startK[layout]);
  uint64_t lbo = mn || layout == Plain ? leading[layout] : 16;
  return start >> 4 | (lbo >> 4) << 16 | uint64_t(stride[layout] >> 4) << 32 |
         mode[layout] << 62;
}

struct Case {
  Kind a = F16, b = F16;
  unsigned n = 8;
  const char *result = "f32";
  Layout layout = Rows128;
  bool registers = false, mnA = false, mnB = false;
  int signA = 1, signB = 1;
  bool addC = true;

  unsigned depth() const { return 32 / bytesOfKind(a); }
  bool half() const { return std::string(result) == "f16"; }
  bool integers() const { return a >= S8; }
  unsigned registersOfD() const { return half() ? n / 4 : n / 2; }
  int valueA(unsigned m, unsigned k) const {
    int v = int((m * 7 + k * 5 + m * k) % 5);
    return a == U8 ? v : v - 2;
  }
  int valueB(unsigned column, unsigned k) const {
    int v = int((column * 3 + k * 11 + column * k * 2) % 7);
    return b == U8 ? v : v - 3;
  }
  int valueC(unsigned m, unsigned column) const {
    return int((m * 5 + column * 3) % 9) - 4;
  }
  int expected(unsigned m, unsigned column) const {
    int sum = addC ? valueC(m, column) : 0;
    for (unsigned k = 0; k < depth(); ++k)
      sum += signA * signB * valueA(m, k) * valueB(column, k);
    return sum;
  }
  std::string name() const {
    return "m64n" + std::to_string(n) + "k" + std::to_string(depth()) + "." +
           result + "." + kindNames[a] + "." + kindNames[b];
  }
};

std::string listOf(const char *name, unsigned count) {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", %" : "%") + std::string(name) + std::to_string(i);
  return text + "}";
}

std::string multiplyText(const Case &c) {
  std::string text = "  wgmma.mma_async.sync.aligned." + c.name() + " " +
                     listOf("acc", c.registersOfD()) + ", " +
                     (c.registers ? listOf("ra", 4) : "%da") + ", %db, %p1";
  if (!c.integers())
    text += ", " + std::to_string(c.signA) + ", " + std::to_string(c.signB);
  if (c.a <= BF16)
    text += (c.registers ? "" : ", " + std::to_string(c.mnA)) + ", " +
            std::to_string(c.mnB);
  return text + ";\n";
}

const std::string finish = "  wgmma.commit_group.sync.aligned;\n"
                           "  wgmma.wait_group.sync.aligned 0;\n";

/// A kernel of one warpgroup: shared memory, registers of A and accumulators
/// come from `in`, accumulators go to `out`; `middle` is in between.
std::string kernelOf(const Case &c, const std::string &middle) {
  unsigned count = c.registersOfD();
  std::string text =
      ".version 8.7\n.target sm_90a\n.address_size 64\n"
      ".visible .entry k(.param .u64 p_in, .param .u64 p_out)\n{\n"
      "  .reg .pred %p<4>;\n  .reg .b32 %r<16>, %ra<4>, %acc<128>;\n"
      "  .reg .b64 %d<16>, %da, %db, %in, %out;\n"
      "  .shared .align 1024 .b8 buffer[49152];\n"
      "  ld.param.u64 %in, [p_in];\n  ld.param.u64 %out, [p_out];\n"
      "  mov.u32 %r0, %tid.x;\n  mov.u32 %r1, buffer;\n"
      "  shl.b32 %r2, %r0, 4;\n  mov.u32 %r3, %r2;\n"
      "copy:\n  cvt.u64.u32 %d0, %r3;\n  add.s64 %d1, %in, %d0;\n"
      "  ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%d1];\n"
      "  add.u32 %r8, %r1, %r3;\n"
      "  st.shared.v4.b32 [%r8], {%r4, %r5, %r6, %r7};\n"
      "  add.u32 %r3, %r3, 2048;\n  setp.lt.u32 %p0, %r3, 49152;\n"
      "  @%p0 bra copy;\n"
      "  cvt.u64.u32 %d2, %r2;\n  add.s64 %d3, %in, %d2;\n"
      "  ld.global.v4.b32 " +
      listOf("ra", 4) + ", [%d3+49152];\n  mul.wide.u32 %d4, %r0, " +
      std::to_string(count * 4) +
      ";\n  add.s64 %d5, %in, %d4;\n  add.s64 %d6, %out, %d4;\n";
  for (unsigned i = 0; i < count; ++i)
    text += "  ld.global.b32 %acc" + std::to_string(i) + ", [%d5+" +
            std::to_string(imageBytes + 2048 + 4 * i) + "];\n";
  text += "  shr.u32 %r9, %r1, 4;\n  cvt.u64.u32 %d7, %r9;\n  add.s64 %da, "
          "%d7, " +
          std::to_string(int64_t(descriptor(c.layout, c.mnA, 0))) +
          ";\n  add.s64 %db, %d7, " +
          std::to_string(int64_t(descriptor(c.layout, c.mnB, offsetOfB))) +
          ";\n  setp.eq.u32 %p1, %r1, " + (c.addC ? "%r1" : "1") +
          ";\n  fence.proxy.async;\n  bar.sync 0;\n" + middle;
  for (unsigned i = 0; i < count; ++i)
    text += "  st.global.b32 [%d6+" + std::to_string(4 * i) + "], %acc" +
            std::to_string(i) + ";\n";
  return text + "  ret;\n}\n";
}

uint32_t floatOrInteger(const Case &c, int value) {
  return c.integers() ? uint32_t(value) : std::bit_cast<uint32_t>(float(value));
}

/// f16 of a small integer, to nearest even (exact below 2048).
uint32_t halfOf(int value) {
  unsigned magnitude = static_cast<unsigned>(std::abs(value));
  if (magnitude == 0)
    return 0;
  unsigned top = 31 - static_cast<unsigned>(std::countl_zero(magnitude));
  return (value < 0 ? 0x8000u : 0) | (top + 15) << 10 |
         ((magnitude << 10 >> top) & 0x3ff);
}

/// Row and column of accumulator i of a thread of the warpgroup.
unsigned rowOf(unsigned t, unsigned i) {
  return t / 32 * 16 + t % 32 / 4 + i / 2 % 2 * 8;
}
unsigned columnOf(unsigned t, unsigned i) {
  return i / 4 * 8 + t % 4 * 2 + i % 2;
}

std::vector<uint8_t> imageOf(const Case &c) {
  unsigned bytes = bytesOfKind(c.a);
  std::vector<uint8_t> image(imageBytes + 2048 + 128u * c.registersOfD() * 4);
  auto put = [&](size_t at, uint32_t bits) {
    std::memcpy(&image[at], &bits, bytes);
  };
  for (unsigned k = 0; k < c.depth(); ++k) {
    for (unsigned m = 0; m < 64; ++m)
      put(c.mnA ? mnMajor(c.layout, m, k) : kMajor(c.layout, m, k * bytes),
          encode(c.a, c.valueA(m, k)));
    for (unsigned n = 0; n < c.n; ++n)
      put(offsetOfB + (c.mnB ? mnMajor(c.layout, n, k)
                             : kMajor(c.layout, n, k * bytes)),
          encode(c.b, c.valueB(n, k)));
  }
  // Registers of A: four bytes at 4 * (t % 4), of two rows and two halves.
  for (unsigned t = 0; t < 128; ++t)
    for (unsigned r = 0; r < 4; ++r)
      for (unsigned i = 0; i < 4 / bytes; ++i) {
        unsigned row = t / 32 * 16 + t % 32 / 4 + (r & 1) * 8;
        unsigned k = (t % 4 * 4 + (r >> 1) * 16) / bytes + i;
        put(imageBytes + t * 16 + r * 4 + i * bytes,
            encode(c.a, c.valueA(row, k)));
      }
  for (unsigned t = 0; t < 128; ++t)
    for (unsigned i = 0; i < c.n / 2; ++i) {
      int value = c.valueC(rowOf(t, i), columnOf(t, i));
      uint32_t bits = c.half() ? halfOf(value) : floatOrInteger(c, value);
      unsigned size = c.half() ? 2 : 4;
      std::memcpy(
          &image[imageBytes + 2048 + t * c.registersOfD() * 4 + i * size],
          &bits, size);
    }
  return image;
}

struct Outcome {
  std::string error;
  LaunchResult result;
  std::vector<uint32_t> out;
};

Outcome runText(const Case &c, const std::string &text, LaunchConfig config,
                std::function<void(Machine &)> prepare = {},
                unsigned threads = 128) {
  Machine m;
  m.chip = findChip("sm_90a");
  std::vector<uint8_t> image = imageOf(c);
  m.in = *m.memory.allocate(image.size());
  m.memory.write(m.in, image.data(), image.size());
  size_t words = 128 * c.registersOfD();
  m.out = m.upload(std::vector<uint32_t>(words));
  if (prepare)
    prepare(m);
  Outcome o;
  o.error = m.run(text, threads, m.in, m.out, config);
  o.result = m.result;
  o.out = m.read(m.out, words);
  return o;
}

void expectProduct(const Case &c, const Schedule &schedule) {
  SCOPED_TRACE(c.name() + ", layout " + std::to_string(c.layout) +
               (c.registers ? ", A in registers" : "") + ", " + schedule.name);
  Outcome o = runText(
      c,
      kernelOf(c, "  wgmma.fence.sync.aligned;\n" + multiplyText(c) + finish),
      configOf({128, 1, 1}, schedule));
  ASSERT_EQ(o.error, "");
  ASSERT_TRUE(o.result.reports.empty()) << o.result.reports[0].text();
  for (unsigned t = 0; t < 128; ++t)
    for (unsigned i = 0; i < c.n / 2; ++i) {
      unsigned m = rowOf(t, i), n = columnOf(t, i);
      uint32_t got = o.out[t * c.registersOfD() + (c.half() ? i / 2 : i)];
      uint32_t want = c.half() ? halfOf(c.expected(m, n))
                               : floatOrInteger(c, c.expected(m, n));
      ASSERT_EQ(c.half() ? got >> (i % 2 * 16) & 0xffff : got, want)
          << "row " << m << ", column " << n;
    }
}

const Schedule eager{SchedulePolicy::Eager, 0, "eager"};

TEST(Wgmma, EveryTypeAndResult) {
  for (auto [a, b, result] : {std::tuple{F16, F16, "f32"},
                              {F16, F16, "f16"},
                              {BF16, BF16, "f32"},
                              {TF32, TF32, "f32"},
                              {E4M3, E4M3, "f32"},
                              {E4M3, E5M2, "f16"},
                              {E5M2, E4M3, "f32"},
                              {E5M2, E5M2, "f32"},
                              {S8, S8, "s32"},
                              {S8, U8, "s32"},
                              {U8, S8, "s32"},
                              {U8, U8, "s32"}})
    for (bool registers : {false, true}) {
      Case c;
      c.a = a, c.b = b, c.result = result, c.n = 16, c.registers = registers;
      expectProduct(c, eager);
    }
}

TEST(Wgmma, EveryLayout) {
  for (Layout layout : {Plain, Rows32, Rows64, Rows128})
    for (bool mnA : {false, true})
      for (bool mnB : {false, true}) {
        Case c;
        c.layout = layout, c.mnA = mnA, c.mnB = mnB, c.n = 128;
        c.a = c.b = mnA ? BF16 : F16;
        expectProduct(c, eager);
      }
}

TEST(Wgmma, EveryWidth) {
  for (unsigned n = 8; n <= 256; n += 8) {
    Case c;
    c.n = n, c.layout = Rows32;
    expectProduct(c, eager);
  }
}

TEST(Wgmma, SignsAndNoAccumulator) {
  for (int signA : {1, -1})
    for (int signB : {1, -1})
      for (bool addC : {false, true}) {
        Case c;
        c.a = c.b = E4M3, c.n = 24;
        c.signA = signA, c.signB = signB, c.addC = addC;
        expectProduct(c, eager);
      }
}

TEST(Wgmma, EverySchedule) {
  Case c;
  c.n = 64;
  for (const Schedule &schedule : everySchedule()) {
    expectProduct(c, schedule);
    c.registers = !c.registers;
  }
}

/// Two products in one accumulator, as two groups: the first may be pending
/// while the second is issued.
TEST(Wgmma, ProductsChain) {
  Case c;
  c.n = 32;
  std::string once = multiplyText(c) + "  wgmma.commit_group.sync.aligned;\n";
  std::string middle = "  wgmma.fence.sync.aligned;\n" + once + once +
                       "  wgmma.wait_group.sync.aligned 1;\n" +
                       "  wgmma.wait_group.sync.aligned 0;\n";
  for (const Schedule &schedule : everySchedule()) {
    Outcome o =
        runText(c, kernelOf(c, middle), configOf({128, 1, 1}, schedule));
    ASSERT_EQ(o.error, "");
    ASSERT_TRUE(o.result.reports.empty()) << o.result.reports[0].text();
    for (unsigned t = 0; t < 128; ++t)
      for (unsigned i = 0; i < 16; ++i) {
        unsigned m = rowOf(t, i), n = columnOf(t, i);
        int twice = 2 * c.expected(m, n) - c.valueC(m, n);
        ASSERT_EQ(std::bit_cast<float>(o.out[t * 16 + i]), float(twice));
      }
  }
}

/// MMA-Sim's model of Hopper: 8-bit formats keep 13 fraction bits, f16 25.
TEST(Wgmma, FractionBits) {
  for (Kind kind : {E4M3, F16}) {
    Case c;
    c.a = c.b = kind, c.addC = false;
    // Row 0 of A and of B: 1, then 2^-7; all else zero.
    Outcome o = runText(
        c,
        kernelOf(c, "  wgmma.fence.sync.aligned;\n" + multiplyText(c) + finish),
        {}, [&](Machine &m) {
          std::vector<uint8_t> image(imageBytes);
          for (uint32_t offset : {0u, offsetOfB}) {
            uint32_t at = offset + kMajor(Rows128, 0, 0);
            static constexpr uint8_t small[] = {0x38, 0x04};
            static constexpr uint8_t half[] = {0x00, 0x3c, 0x00, 0x20};
            std::memcpy(&image[at], kind == F16 ? half : small,
                        kind == F16 ? 4 : 2);
          }
          m.memory.write(m.in, image.data(), image.size());
        });
    ASSERT_TRUE(o.result.reports.empty()) << o.result.reports[0].text();
    EXPECT_EQ(std::bit_cast<float>(o.out[0]),
              kind == F16 ? 1.0f + 0x1p-14f : 1.0f);
  }
}

TEST(Wgmma, HalfResultsRoundToNearestEven) {
  Case c;
  c.result = "f16";
  Outcome o = runText(
      c,
      kernelOf(c, "  wgmma.fence.sync.aligned;\n" + multiplyText(c) + finish),
      {}, [&](Machine &m) {
        // Row 0: 1 * 1; accumulators 2048 and 2050 before.
        std::vector<uint8_t> image(imageBytes);
        for (uint32_t offset : {0u, offsetOfB})
          for (uint32_t row : {0u, 1u})
            image[offset + kMajor(Rows128, row, 0) + 1] = 0x3c;
        m.memory.write(m.in, image.data(), image.size());
        uint32_t accumulators = 0x68016800;
        m.memory.write(m.in + imageBytes + 2048, &accumulators, 4);
      });
  ASSERT_TRUE(o.result.reports.empty()) << o.result.reports[0].text();
  EXPECT_EQ(o.out[0], 0x68026800u); // 2049 -> 2048, 2051 -> 2052
}

TEST(Wgmma, IntegersWrapOrSaturate) {
  for (bool saturate : {false, true}) {
    Case c;
    c.a = c.b = S8, c.result = "s32";
    std::string multiply = multiplyText(c);
    if (saturate)
      multiply.insert(multiply.find(".s32"), ".satfinite");
    Outcome o = runText(
        c, kernelOf(c, "  wgmma.fence.sync.aligned;\n" + multiply + finish), {},
        [&](Machine &m) {
          std::vector<uint8_t> image(imageBytes);
          image[kMajor(Rows128, 0, 0)] = 100;
          image[offsetOfB + kMajor(Rows128, 0, 0)] = 100;
          m.memory.write(m.in, image.data(), image.size());
          uint32_t most = 0x7fffffff;
          m.memory.write(m.in + imageBytes + 2048, &most, 4);
        });
    ASSERT_EQ(o.error, "");
    ASSERT_TRUE(o.result.reports.empty()) << o.result.reports[0].text();
    EXPECT_EQ(o.out[0], saturate ? 0x7fffffffu : 0x7fffffffu + 10000);
  }
}

//===----------------------------------------------------------------------===//
// Findings
//===----------------------------------------------------------------------===//

/// The first finding under the lazy schedule; Timeout stands for none.
FindingKind findingOf(const std::string &middle, unsigned threads = 128,
                      std::function<void(Machine &)> prepare = {}) {
  Case c;
  LaunchConfig config;
  config.policy = SchedulePolicy::Lazy;
  Outcome o = runText(c, kernelOf(c, middle), config, prepare, threads);
  EXPECT_EQ(o.error, "");
  return o.result.reports.empty() ? FindingKind::Timeout
                                  : o.result.reports[0].kind;
}

const std::string fenceText = "  wgmma.fence.sync.aligned;\n";

TEST(Wgmma, MissingWaitIsFound) {
  std::string multiply = multiplyText(Case());
  EXPECT_EQ(
      findingOf(fenceText + multiply + "  wgmma.commit_group.sync.aligned;\n"),
      FindingKind::InFlight);
  // A group that is not the one at hand.
  EXPECT_EQ(findingOf(fenceText + multiply +
                      "  wgmma.commit_group.sync.aligned;\n"
                      "  wgmma.wait_group.sync.aligned 1;\n"),
            FindingKind::InFlight);
  // Not committed: no wait waits for it.
  EXPECT_EQ(
      findingOf(fenceText + multiply + "  wgmma.wait_group.sync.aligned 0;\n"),
      FindingKind::InFlight);
  EXPECT_EQ(findingOf(fenceText + multiply + finish), FindingKind::Timeout);
}

TEST(Wgmma, RegistersInUseAreFound) {
  Case c;
  c.registers = true;
  std::string multiply = multiplyText(c);
  auto between = [&](const char *text) {
    return findingOf(fenceText + multiply + text + finish);
  };
  EXPECT_EQ(between("  mov.b32 %ra2, 0;\n"), FindingKind::InFlight);
  EXPECT_EQ(between("  mov.b32 %acc1, 0;\n"), FindingKind::InFlight);
  EXPECT_EQ(between("  add.f32 %r12, %acc1, %acc1;\n"), FindingKind::InFlight);
  EXPECT_EQ(between("  mov.b32 %r12, %ra2;\n"), FindingKind::Timeout);
}

TEST(Wgmma, OperandsInUseAreFound) {
  std::string multiply = multiplyText(Case());
  auto store = [](unsigned offset) {
    return "  st.shared.b32 [%r1+" + std::to_string(offset) + "], %r0;\n";
  };
  EXPECT_EQ(findingOf(fenceText + multiply + store(64) + finish),
            FindingKind::InFlight);
  EXPECT_EQ(findingOf(fenceText + multiply + store(offsetOfB + 64) + finish),
            FindingKind::InFlight);
  // Beside the operands.
  EXPECT_EQ(findingOf(fenceText + multiply + store(offsetOfB) + finish),
            FindingKind::Timeout);
  // A warp's own wait says nothing of the other warps' products.
  EXPECT_EQ(findingOf(fenceText + multiply + finish + store(64)),
            FindingKind::InFlight);
  EXPECT_EQ(
      findingOf(fenceText + multiply + finish + "  bar.sync 0;\n" + store(64)),
      FindingKind::Timeout);
}

TEST(Wgmma, MisuseIsFound) {
  std::string multiply = multiplyText(Case());
  EXPECT_EQ(findingOf(multiply + finish), FindingKind::AsyncMisuse);
  EXPECT_EQ(findingOf("  cvt.u64.u32 %d8, %r0;\n  add.s64 %db, %db, %d8;\n" +
                      fenceText + multiply + finish),
            FindingKind::AsyncMisuse);
  EXPECT_EQ(findingOf(fenceText + multiply + finish, 96),
            FindingKind::AsyncMisuse);
  EXPECT_EQ(
      findingOf("  add.s64 %db, %db, 4096;\n" + fenceText + multiply + finish),
      FindingKind::OutOfBounds);
}

/// A marked byte of A marks its row; one beside the operand marks nothing.
TEST(Wgmma, MarksReachTheirRows) {
  std::string body =
      fenceText + multiplyText(Case()) + finish +
      // Only threads of row 5 store: all else would be a finding of its own.
      "  setp.lt.u32 %p2, %r0, 20;\n  @%p2 bra out;\n"
      "  setp.ge.u32 %p2, %r0, 24;\n  @%p2 bra out;\n"
      "  st.global.b32 [%d6], %acc0;\nout:\n  exit;\n";
  auto marked = [&](uint32_t at) {
    return findingOf(body, 128, [at](Machine &m) {
      m.memory.setPoison(m.in + at, 1, true);
    });
  };
  EXPECT_EQ(marked(kMajor(Rows128, 5, 17)), FindingKind::PoisonStored);
  EXPECT_EQ(marked(kMajor(Rows128, 6, 17)), FindingKind::Timeout);
  EXPECT_EQ(marked(kMajor(Rows128, 5, 17) ^ 64), FindingKind::Timeout);
  EXPECT_EQ(marked(offsetOfB + kMajor(Rows128, 0, 3)),
            FindingKind::PoisonStored);
  EXPECT_EQ(marked(imageBytes + 2048 + 20 * 16), FindingKind::PoisonStored);
  EXPECT_EQ(marked(imageBytes + 2048 + 19 * 16), FindingKind::Timeout);
}

/// Each element of A and B is labelled by its place in the image.
TEST(Wgmma, LabelsArrive) {
  Case c;
  Machine m;
  m.chip = findChip("sm_90a");
  std::vector<uint8_t> image = imageOf(c);
  uint64_t parameters[2] = {*m.memory.allocate(image.size()),
                            m.upload(std::vector<uint32_t>(512))};
  m.memory.write(parameters[0], image.data(), image.size());
  auto program = loadProgram(
      kernelOf(c, "  wgmma.fence.sync.aligned;\n" + multiplyText(c) + finish),
      *m.chip, m.memory);
  ASSERT_TRUE(bool(program)) << program.message();
  for (const Schedule &schedule : everySchedule()) {
    LabelTrace trace =
        traceLabels(**program, *(*program)->findKernel("k"),
                    configOf({128, 1, 1}, schedule),
                    reinterpret_cast<const uint8_t *>(parameters), m.memory,
                    {{parameters[0], imageBytes, 0, 2}}, 3);
    ASSERT_EQ(trace.problem, "");
    ASSERT_EQ(trace.records.size(), 4 * (16 + 8) * 16u);
    for (const LabelRecord &r : trace.records) {
      bool isA = r.operand == LabelOperand::A;
      uint32_t row = isA ? r.warp * 16 + r.row : r.row;
      ASSERT_EQ(r.state, LabelRecord::One);
      ASSERT_EQ(r.label,
                (kMajor(Rows128, row, 2 * r.k) + (isA ? 0 : offsetOfB)) / 2);
    }
  }
}

//===----------------------------------------------------------------------===//
// Forms
//===----------------------------------------------------------------------===//

/// Verdicts as ptxas 13.0 gives them for sm_90a.
TEST(Wgmma, Forms) {
  const std::string two = "{%r0, %r1}", four = "{%r0, %r1, %r2, %r3}",
                    a = "{%ra0, %ra1, %ra2, %ra3}",
                    ten = "{%acc0, %acc1, %acc2, %acc3, %acc4, %acc5, %acc6, "
                          "%acc7, %acc8, %acc9, %acc10, %acc11, %acc12, "
                          "%acc13, %acc14, %acc15, %acc16, %acc17, %acc18, "
                          "%acc19}";
  struct {
    bool legal;
    std::string text;
  } forms[] = {
      {true, "m64n8k16.f32.f16.f16 " + four + ", %da, %db, %p1, 1, 1, 0, 0"},
      {true, "m64n8k16.f32.f16.f16 " + four + ", %da, %db, !%p1, 1, 1, 0, 0"},
      {true, "m64n8k16.f32.f16.f16 " + four + ", %da, %db, 1, 1, -1, 0, 1"},
      {true, "m64n8k16.f32.f16.f16 " + four + ", " + a + ", %db, %p1, 1, 1, 0"},
      {true, "m64n8k16.f16.f16.f16 " + two + ", %da, %db, %p1, 1, 1, 0, 0"},
      {true, "m64n8k32.f32.e4m3.e5m2 " + four + ", %da, %db, %p1, 1, -1"},
      {true, "m64n8k32.satfinite.s32.s8.u8 " + four + ", %da, %db, %p1"},
      {true, "m64n8k32.s32.s8.u8.satfinite " + four + ", %da, %db, %p1"},
      {false, "m64n8k16.f32.f16.f16 " + four + ", %da, %db, %p1, 1, 1"},
      {false, "m64n8k16.f32.f16.f16 " + four + ", %da, %db, %p1, 1, 2, 0, 0"},
      {false, "m64n8k16.f32.f16.f16 " + four + ", %da, %db, %p1, 1, 1, 2, 0"},
      {false,
       "m64n8k16.f32.f16.f16 " + four + ", " + a + ", %db, %p1, 1, 1, 0, 0"},
      {false, "m64n8k16.f32.bf16.f16 " + four + ", %da, %db, %p1, 1, 1, 0, 0"},
      {false, "m64n8k16.f16.bf16.bf16 " + two + ", %da, %db, %p1, 1, 1, 0, 0"},
      {false, "m64n8k8.f32.tf32.tf32 " + four + ", %da, %db, %p1, 1, 1, 0, 0"},
      {false, "m64n8k32.s32.s8.s8 " + four + ", %da, %db, %p1, 1, 1"},
      {false, "m64n8k32.f32.f16.f16 " + four + ", %da, %db, %p1, 1, 1, 0, 0"},
      {false, "m64n40k32.s32.s8.u8 " + ten + ", %da, %db, %p1"},
  };
  for (auto &form : forms) {
    SCOPED_TRACE(form.text);
    std::string text =
        kernelOf(Case(), "  wgmma.mma_async.sync.aligned." + form.text + ";\n");
    GlobalMemory memory(1 << 20);
    EXPECT_EQ(bool(loadProgram(text, *findChip("sm_90a"), memory)), form.legal);
  }
}

TEST(Wgmma, OtherChipsRefuse) {
  for (const char *chip : {"sm_100a", "sm_120a"}) {
    GlobalMemory memory(1 << 20);
    std::string text = kernelOf(Case(), fenceText);
    text.replace(text.find("sm_90a"), 6, chip);
    auto program = loadProgram(text, *findChip(chip), memory);
    ASSERT_FALSE(bool(program));
    EXPECT_NE(program.message().find("sm_90a"), std::string::npos);
  }
}

} // namespace
