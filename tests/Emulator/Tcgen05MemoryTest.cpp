// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensor memory: allocation, and what tcgen05.ld and .st move. Expected cells
// come from CuTe's layouts (CUTLASS copy_traits_sm100.hpp, the (thread, value)
// strides of each load), written as sums of strides here.

#include "tests/Emulator/Tcgen05Fixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

std::string number(unsigned n) { return std::to_string(n); }

/// Bits of one lane's row at .x1 and where CuTe says that bit 0 of (thread,
/// register) lies among them: row = bit / width, column = bit % width / 32.
struct Layout {
  const char *shape;
  unsigned width, registers;
  unsigned (*bit)(unsigned thread, unsigned reg);
};
constexpr Layout layouts[] = {
    // Shape <2,2,8>, Stride <512,32,64>
    {"16x64b", 64, 1,
     [](unsigned t, unsigned) {
       return t % 2 * 512 + t / 2 % 2 * 32 + t / 4 * 64;
     }},
    // Shape <<4,8>,<32,2>>, Stride <<32,128>,<1,1024>>
    {"16x128b", 128, 2,
     [](unsigned t, unsigned r) {
       return t % 4 * 32 + t / 4 * 128 + r * 1024;
     }},
    // Shape <<4,8>,<64,2>>, Stride <<64,256>,<1,2048>>
    {"16x256b", 256, 4,
     [](unsigned t, unsigned r) {
       return t % 4 * 64 + t / 4 * 256 + r % 2 * 32 + r / 2 * 2048;
     }},
    // Shape <32,32>, Stride <32,1>
    {"32x32b", 32, 1, [](unsigned t, unsigned) { return t * 32; }},
};

/// Stores row by row with .32x32b, loads with `layout`.
TEST(Tcgen05Memory, ShapesOfLoad) {
  for (const Layout &layout : layouts)
    for (unsigned repeat : {1u, 2u, 8u}) {
      SCOPED_TRACE(layout.shape + std::string(".x") + number(repeat));
      unsigned count = layout.registers * repeat;
      std::string body = allocates(64);
      // Cell (lane, column) holds lane << 16 | column.
      body += "  shl.b32 %r1, %warp, 21;\n  add.u32 %r2, %taddr, %r1;\n"
              "  shl.b32 %r3, %tid, 16;\n";
      for (unsigned i = 0; i < 64; ++i)
        body += "  or.b32 %r" + number(100 + i) + ", %r3, " + number(i) + ";\n";
      body += "  tcgen05.st.sync.aligned.32x32b.x64.b32 [%r2], " +
              registers(100, 64) + ";\n  tcgen05.wait::st.sync.aligned;\n" +
              "  tcgen05.ld.sync.aligned." + layout.shape + ".x" +
              number(repeat) + ".b32 " + registers(10, count) + ", [%r2];\n" +
              "  tcgen05.wait::ld.sync.aligned;\n"
              "  mul.wide.u32 %d1, %tid, " +
              number(4 * count) + ";\n  add.u64 %d1, %out, %d1;\n";
      for (unsigned j = 0; j < count; ++j)
        body += "  st.global.u32 [%d1+" + number(4 * j) + "], %r" +
                number(10 + j) + ";\n";
      body += frees(64);
      std::vector<uint32_t> expected;
      for (unsigned thread = 0; thread < 128; ++thread)
        for (unsigned j = 0; j < count; ++j) {
          unsigned bit = layout.bit(thread % 32, j % layout.registers);
          unsigned row = bit / layout.width + thread / 32 * 32;
          unsigned column = bit % layout.width / 32 +
                            j / layout.registers * (layout.width / 32);
          expected.push_back(row << 16 | column);
        }
      expectResult(tensorKernel(body), 128, 1, {}, expected);
    }
}

/// Stores with each shape, at lane 16 of the part, and reads plainly.
TEST(Tcgen05Memory, ShapesOfStore) {
  for (unsigned which : {0u, 1u, 2u}) {
    const Layout &layout = layouts[which];
    SCOPED_TRACE(layout.shape);
    unsigned columns = layout.width / 32, count = layout.registers;
    std::string body = allocates(32);
    for (unsigned j = 0; j < count; ++j)
      body += "  mad.lo.u32 %r" + number(10 + j) + ", %tid, 16, " + number(j) +
              ";\n";
    body += "  add.u32 %r1, %taddr, 0x100000;\n"
            "  tcgen05.st.sync.aligned." +
            std::string(layout.shape) + ".x1.b32 [%r1], " +
            registers(10, count) +
            ";\n  tcgen05.wait::st.sync.aligned;\n"
            "  mov.b32 %r2, 7;\n"
            "  tcgen05.st.sync.aligned.16x64b.x1.b32 [%taddr+24], {%r2};\n"
            "  tcgen05.st.sync.aligned.16x128b.x1.b32 [%taddr], {%r2, %r2};\n"
            "  tcgen05.st.sync.aligned.16x128b.x1.b32 [%taddr+4], {%r2, "
            "%r2};\n  tcgen05.wait::st.sync.aligned;\n"
            "  tcgen05.ld.sync.aligned.32x32b.x" +
            number(columns) + ".b32 " + registers(20, columns) +
            ", [%taddr];\n  tcgen05.wait::ld.sync.aligned;\n"
            "  mul.wide.u32 %d1, %tid, " +
            number(4 * columns) + ";\n  add.u64 %d1, %out, %d1;\n";
    for (unsigned j = 0; j < columns; ++j)
      body += "  st.global.u32 [%d1+" + number(4 * j) + "], %r" +
              number(20 + j) + ";\n";
    body += frees(32);
    std::vector<uint32_t> expected(32 * columns, 7);
    for (unsigned t = 0; t < 32; ++t)
      for (unsigned j = 0; j < count; ++j) {
        unsigned bit = layout.bit(t, j);
        expected[(16 + bit / layout.width) * columns +
                 bit % layout.width / 32] = t * 16 + j;
      }
    expectResult(tensorKernel(body), 32, 1, {}, expected);
  }
}

/// Two 16-lane halves; packing takes the low 16 bits of neighbours.
TEST(Tcgen05Memory, HalvesAndPacking) {
  std::string body =
      allocates(32) +
      "  shl.b32 %r1, %tid, 8;\n  or.b32 %r2, %r1, 0xabcd0001;\n"
      "  or.b32 %r3, %r1, 0xabcd0002;\n  or.b32 %r4, %r1, 0xabcd0003;\n"
      "  or.b32 %r5, %r1, 0xabcd0004;\n"
      "  tcgen05.st.sync.aligned.32x32b.x4.b32 [%taddr], {%r2, %r3, %r4, "
      "%r5};\n  tcgen05.wait::st.sync.aligned;\n"
      "  tcgen05.ld.sync.aligned.32x32b.x2.pack::16b.b32 {%r10, %r11}, "
      "[%taddr];\n"
      "  tcgen05.ld.sync.aligned.16x32bx2.x2.b32 {%r12, %r13}, [%taddr], 2;\n"
      "  tcgen05.wait::ld.sync.aligned;\n"
      "  tcgen05.st.sync.aligned.32x32b.x1.unpack::16b.b32 [%taddr+8], "
      "{%r10};\n  tcgen05.wait::st.sync.aligned;\n"
      "  tcgen05.ld.sync.aligned.32x32b.x2.b32 {%r14, %r15}, [%taddr+8];\n"
      "  tcgen05.wait::ld.sync.aligned;\n"
      "  mul.wide.u32 %d1, %tid, 24;\n  add.u64 %d1, %out, %d1;\n";
  for (unsigned j = 0; j < 6; ++j)
    body += "  st.global.u32 [%d1+" + number(4 * j) + "], %r" + number(10 + j) +
            ";\n";
  body += frees(32);
  std::vector<uint32_t> expected;
  for (uint32_t t = 0; t < 32; ++t) {
    uint32_t low = t << 8, source = (t % 16) << 8, first = t < 16 ? 1 : 3;
    expected.push_back((low | 1) | (low | 2) << 16);
    expected.push_back((low | 3) | (low | 4) << 16);
    expected.push_back(0xabcd0000 | source | first);
    expected.push_back(0xabcd0000 | source | (first + 1));
    expected.push_back(low | 1);
    expected.push_back(low | 2);
  }
  expectResult(tensorKernel(body), 32, 1, {}, expected);
}

TEST(Tcgen05Memory, ReducingLoad) {
  auto kernel = [](const std::string &what) {
    std::string body =
        allocates(32) +
        "  mov.b32 %r2, 0x3f800000;\n  mov.b32 %r3, 0xc0400000;\n"
        "  mov.b32 %r4, 0x7fc00000;\n  mov.b32 %r5, 0x40000000;\n"
        "  tcgen05.st.sync.aligned.32x32b.x4.b32 [%taddr], {%r2, %r3, %r4, "
        "%r5};\n  tcgen05.wait::st.sync.aligned;\n"
        "  tcgen05.ld.red.sync.aligned.32x32b.x4." +
        what +
        " {%r10, %r11, %r12, %r13}, %r14, [%taddr];\n"
        "  tcgen05.wait::ld.sync.aligned;\n"
        "  @%lead st.global.u32 [%out], %r14;\n"
        "  @%lead st.global.u32 [%out+4], %r12;\n" +
        frees(32);
    return tensorKernel(body, "sm_103a");
  };
  // 1, -3, NaN, 2.
  std::pair<const char *, uint32_t> cases[] = {
      {"min.f32", 0xc0400000},     {"max.f32", 0x40000000},
      {"max.abs.f32", 0x40400000}, {"max.NaN.f32", 0x7fffffff},
      {"min.u32", 0x3f800000},     {"max.s32", 0x7fc00000},
      {"min.s32", 0xc0400000}};
  for (auto &[what, result] : cases) {
    SCOPED_TRACE(what);
    underEverySchedule(
        kernel(what), 32, 1, {}, 2,
        [&, want = result](Machine &m, SchedulePolicy) {
          ASSERT_EQ(firstReport(m), "");
          EXPECT_EQ(m.read(m.out, 2),
                    (std::vector<uint32_t>{want, 0x7fc00000}));
        },
        {}, "sm_103a");
  }
}

TEST(Tcgen05Memory, AllocationInTurns) {
  // Two warps want 512 columns: one waits until the other frees them.
  std::string body = "  mov.u32 %r9, slot;\n  shl.b32 %r8, %warp, 3;\n"
                     "  add.u32 %r9, %r9, 0;\n"
                     "  .shared .align 4 .b32 slots[8];\n"
                     "  mov.u32 %r9, slots;\n  add.u32 %r9, %r9, %r8;\n"
                     "  tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32"
                     " [%r9], 512;\n  ld.shared.u32 %taddr, [%r9];\n"
                     "  mul.wide.u32 %d1, %tid, 4;\n  add.u64 %d1, %out, %d1;\n"
                     "  st.global.u32 [%d1], %taddr;\n"
                     "  tcgen05.dealloc.cta_group::1.sync.aligned.b32 %taddr, "
                     "512;\n";
  expectResult(tensorKernel(body), 64, 1, {}, std::vector<uint32_t>(64, 0));
}

TEST(Tcgen05Memory, AllocationOfAPair) {
  std::string body = allocates(128, 2) +
                     "  mad.lo.u32 %r1, %rank, 32, %tid;\n"
                     "  mul.wide.u32 %d1, %r1, 4;\n  add.u64 %d1, %out, %d1;\n"
                     "  st.global.u32 [%d1], %taddr;\n" +
                     frees(128, 2);
  expectResult(tensorKernel(body), 32, 2, {}, std::vector<uint32_t>(64, 0));
}

/// One CTA frees before the cluster's barrier, the other one after it: it may
/// hang (PTX ISA 9.1 §9.7.16.5, table 48).
TEST(Tcgen05Memory, PairThatFreesOutOfStep) {
  std::string barrier = "  barrier.cluster.arrive;\n  barrier.cluster.wait;\n";
  std::string free = "  tcgen05.dealloc.cta_group::2.sync.aligned.b32 %taddr, "
                     "128;\n";
  expectFinding(tensorKernel(allocates(128, 2) + "  @%even bra low;\n" + free +
                             barrier + "  bra end;\nlow:\n" + barrier + free +
                             "end:\n"),
                32, 2, {}, FindingKind::Deadlock, "tensor memory", true);
}

TEST(Tcgen05Memory, MarkedAddressesAreFound) {
  Machine m;
  m.chip = findChip("sm_100a");
  m.in = m.upload({0});
  m.out = m.upload({0});
  m.memory.setPoison(m.in, 4, true);
  ASSERT_EQ(m.run(tensorKernel(allocates(32) +
                               "  ld.global.u32 %r1, [%in];\n"
                               "  tcgen05.st.sync.aligned.32x32b.x1.b32 "
                               "[%r1], {%tid};\n"),
                  32, m.in, m.out),
            "");
  ASSERT_FALSE(m.result.reports.empty());
  EXPECT_EQ(m.result.reports[0].kind, FindingKind::PoisonSteers);
}

//===----------------------------------------------------------------------===//
// Broken kernels
//===----------------------------------------------------------------------===//

constexpr char load[] =
    "  tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r10}, [%taddr];\n";
constexpr char store[] =
    "  tcgen05.st.sync.aligned.32x32b.x1.b32 [%taddr], {%tid};\n";
constexpr char waitStore[] = "  tcgen05.wait::st.sync.aligned;\n";
constexpr char waitLoad[] = "  tcgen05.wait::ld.sync.aligned;\n";

void expectMisuse(const std::string &body, const std::string &text,
                  FindingKind kind = FindingKind::TensorMemoryMisuse,
                  unsigned threads = 32) {
  expectFinding(tensorKernel(body), threads, 1, {}, kind, text);
}

TEST(Tcgen05Memory, MisuseIsFound) {
  expectMisuse(allocates(32), "still allocated");
  expectMisuse(allocates(32) + "  add.u32 %taddr, %taddr, 32;\n" + store +
                   frees(32),
               "not all allocated");
  expectMisuse(allocates(512) + "  add.u32 %taddr, %taddr, 512;\n" + store,
               "leaves tensor memory", FindingKind::OutOfBounds);
  expectMisuse(allocates(32) + load + frees(32), "nobody has written",
               FindingKind::UninitialisedRead);
  expectMisuse(allocates(32) + "  add.u32 %taddr, %taddr, 0x200000;\n" + store,
               "reaches lanes 0 to 31");
  expectMisuse(allocates(32) + frees(32) + allocates(32),
               "after tcgen05.relinquish_alloc_permit");
  expectMisuse(allocates(32) + "  mov.b32 %taddr, 32;\n" + frees(32),
               "none or another number");
  expectMisuse(allocates(64) + frees(32), "none or another number");
  expectMisuse("  mov.b32 %r1, 48;\n"
               "  tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 "
               "[slot], %r1;\n",
               "power of two");
  expectMisuse(allocates(32) +
                   "  tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 "
                   "[slot], 64;\n",
               "must not grow");
  expectMisuse("  tcgen05.alloc.cta_group::2.sync.aligned.shared::cta.b32 "
               "[slot], 32;\n",
               "no peer");
  expectMisuse(allocates(32) +
                   "  tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r10}, [%tid];\n",
               "do not agree");
  expectMisuse("  setp.lt.u32 %p1, %tid, 16;\n"
               "  @%p1 tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 "
               "[slot], 32;\n",
               "aligned", FindingKind::BarrierMisuse);
}

TEST(Tcgen05Memory, WhatHasNotBeenWaitedFor) {
  auto expectInFlight = [](const std::string &body, const std::string &text) {
    expectFinding(tensorKernel(body), 32, 1, {}, FindingKind::InFlight, text,
                  true);
  };
  expectInFlight(allocates(32) + store + load + waitLoad + frees(32),
                 "tcgen05.wait::st");
  expectInFlight(allocates(32) + store + waitStore + load + store + waitStore +
                     waitLoad + frees(32),
                 "tcgen05.wait::ld");
  expectInFlight(allocates(32) + store + waitStore + load + frees(32),
                 "tcgen05.dealloc");
  expectInFlight(allocates(32) + store + frees(32), "tcgen05.dealloc");
}

/// True dependencies through registers hold without a wait (PTX ISA 9.1
/// §9.7.16.6.4.5).
TEST(Tcgen05Memory, RegistersBeforeTheWait) {
  std::string body = allocates(32) + store + waitStore + load +
                     "  mul.wide.u32 %d1, %tid, 4;\n  add.u64 %d1, %out, %d1;\n"
                     "  st.global.u32 [%d1], %r10;\n" +
                     waitLoad + frees(32);
  std::vector<uint32_t> expected;
  for (uint32_t t = 0; t < 32; ++t)
    expected.push_back(t);
  expectResult(tensorKernel(body), 32, 1, {}, expected);
  LaunchConfig strict;
  strict.strictTensorLoads = true;
  expectFinding(tensorKernel(body), 32, 1, {}, FindingKind::InFlight,
                "a register", true, strict);
}

TEST(Tcgen05Memory, PoisonTravels) {
  // The input is marked; a round trip through tensor memory keeps the marks.
  std::string body = allocates(32) +
                     "  ld.global.u32 %r1, [%in];\n  mov.b32 %r2, 5;\n"
                     "  tcgen05.st.sync.aligned.32x32b.x2.b32 [%taddr], {%r1, "
                     "%r2};\n" +
                     waitStore +
                     "  tcgen05.ld.sync.aligned.32x32b.x2.b32 {%r3, %r4}, "
                     "[%taddr];\n" +
                     waitLoad + "  st.global.u32 [%out], %r%REG;\n" + frees(32);
  for (bool marked : {false, true}) {
    std::string text = body;
    text.replace(text.find("%REG"), 4, marked ? "3" : "4");
    Machine m;
    m.chip = findChip("sm_100a");
    m.in = m.upload({1});
    m.out = m.upload({0});
    m.memory.setPoison(m.in, 4, true);
    m.memory.declareOutput(m.out, "d", 1, 1, 4, 4);
    ASSERT_EQ(m.run(tensorKernel(text), 32, m.in, m.out), "");
    ASSERT_EQ(!m.result.reports.empty(), marked) << firstReport(m);
    if (marked)
      EXPECT_EQ(m.result.reports[0].kind, FindingKind::PoisonStored);
  }
}

TEST(Tcgen05Memory, RefusedAtLoad) {
  auto refuses = [](const std::string &line, const char *chip,
                    const std::string &text) {
    std::string error = loadError(tensorKernel(line, chip), chip);
    EXPECT_NE(error.find(text), std::string::npos) << line << ": " << error;
  };
  for (const char *chip : {"sm_90a", "sm_120a", "sm_121a"})
    refuses("  tcgen05.fence::after_thread_sync;\n", chip, "does not exist");
  for (const char *chip : {"sm_100a", "sm_103a", "sm_110a"})
    EXPECT_EQ(
        loadError(tensorKernel("  tcgen05.fence::after_thread_sync;\n", chip),
                  chip),
        "");
  refuses("  tcgen05.relinquish_alloc_permit.cta_group::1.sync.aligned;\n"
          "  tcgen05.relinquish_alloc_permit.cta_group::2.sync.aligned;\n",
          "sm_100a", "the same .cta_group");
  refuses("  tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [slot], "
          "48;\n",
          "sm_100a", "power of two");
  refuses("  tcgen05.ld.sync.aligned.16x256b.x64.b32 {%r1}, [%r2];\n",
          "sm_100a", "does not go with");
  refuses("  tcgen05.ld.sync.aligned.32x32b.x2.b32 {%r1}, [%r2];\n", "sm_100a",
          "expected 2 registers");
  refuses("  tcgen05.ld.red.sync.aligned.32x32b.x2.min.u32 {%r1, %r2}, %r3, "
          "[%r4];\n",
          "sm_100a", "does not exist");
  refuses("  tcgen05.ld.red.sync.aligned.32x32b.x2.min.abs.u32 {%r1, %r2}, "
          "%r3, [%r4];\n",
          "sm_103a", ".f32 only");
}

} // namespace
