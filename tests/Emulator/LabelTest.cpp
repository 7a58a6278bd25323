// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Labels at the operands of multiplies, against formulas of the layouts that
// the kernels read: packed rows of e2m1, scales in atoms of 128 rows by 4.

#include "tests/Emulator/ExecFixture.h"
#include "tests/Emulator/Schedules.h"
#include "tools/emulator/Exec/Labels.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

constexpr unsigned everyOperand = 31;
constexpr uint64_t offsetOfB = 8192, offsetOfScalesA = 16384,
                   offsetOfScalesB = 20480, inputBytes = 24576;
constexpr unsigned rowBytes = 64; ///< K = 128 of e2m1: two multiplies

/// Scale of (row, block of 16): atoms of 512 bytes, 4 blocks each; PTX ISA's
/// and cuBLAS's layout for 128 rows.
uint64_t scaleOffset(unsigned row, unsigned block) {
  return block / 4 * 512 + row % 32 * 16 + row / 32 * 4 + block % 4;
}

/// Warp w multiplies rows 32 w to 32 w + 15 of A by the same 8 columns, K = 128
/// in two steps. `scaleLane` is the lane whose row is loaded, `twist` runs on
/// the scales of A in %r10 before each multiply.
std::string kernelOf(const std::string &scaleLane, const std::string &twist) {
  std::string text = R"(
  mov.u32 %r0, %laneid;
  mov.u32 %r1, %tid.x;
  shr.u32 %r2, %r1, 5;       // warp
  shr.u32 %r3, %r0, 2;       // g
  and.b32 %r4, %r0, 3;       // t
  shl.b32 %r5, %r2, 5;
  add.u32 %r6, %r5, %r3;     // row of A
  mul.lo.u32 %r7, %r6, 64;
  mad.lo.u32 %r7, %r4, 4, %r7;
  cvt.u64.u32 %d1, %r7;
  add.s64 %d1, %in, %d1;     // A
  mul.lo.u32 %r8, %r3, 64;
  mad.lo.u32 %r8, %r4, 4, %r8;
  cvt.u64.u32 %d2, %r8;
  add.s64 %d2, %in, %d2;     // B, at 8192
)" + scaleLane + R"(
  shr.u32 %r11, %r9, 2;
  and.b32 %r12, %r9, 1;
  mad.lo.u32 %r13, %r12, 8, %r11; // row within the warp's 16
  mul.lo.u32 %r14, %r13, 16;
  mad.lo.u32 %r14, %r2, 4, %r14;
  cvt.u64.u32 %d3, %r14;
  add.s64 %d3, %in, %d3;     // scales of A, at 16384
  mul.lo.u32 %r15, %r3, 16;
  cvt.u64.u32 %d4, %r15;
  add.s64 %d4, %in, %d4;     // scales of B, at 20480
  mov.u32 %r16, buffer;
  mad.lo.u32 %r16, %r1, 4, %r16;
  mov.f32 %f0, 0f00000000;
  mov.f32 %f1, %f0;
  mov.f32 %f2, %f0;
  mov.f32 %f3, %f0;
)";
  for (unsigned step = 0; step < 2; ++step) {
    auto at = [&](uint64_t offset) { return std::to_string(offset); };
    text +=
        "  ld.global.b32 %r20, [%d1+" + at(32 * step) +
        "];\n  ld.global.b32 %r21, [%d1+" + at(32 * step + 8 * rowBytes) +
        "];\n  ld.global.b32 %r22, [%d1+" + at(32 * step + 16) +
        "];\n  ld.global.b32 %r23, [%d1+" + at(32 * step + 16 + 8 * rowBytes) +
        "];\n  ld.global.b32 %r24, [%d2+" + at(offsetOfB + 32 * step) +
        "];\n  ld.global.b32 %r25, [%d2+" + at(offsetOfB + 32 * step + 16) +
        "];\n  ld.global.b32 %r26, [%d3+" + at(offsetOfScalesA + 512 * step) +
        "];\n  st.shared.b32 [%r16], %r26;\n"
        "  ld.shared.b32 %r10, [%r16];\n  ld.global.b32 %r27, [%d4+" +
        at(offsetOfScalesB + 512 * step) + "];\n" + twist +
        "  mma.sync.aligned.m16n8k64.row.col.kind::mxf4nvf4.block_scale."
        "scale_vec::4X.f32.e2m1.e2m1.f32.ue4m3 {%f0, %f1, %f2, %f3}, "
        "{%r20, %r21, %r22, %r23}, {%r24, %r25}, {%f0, %f1, %f2, %f3}, "
        "%r10, {0, 0}, %r27, {0, 0};\n";
  }
  text += "  mul.wide.u32 %d5, %r1, 4;\n  add.s64 %d5, %out, %d5;\n"
          "  st.global.f32 [%d5], %f0;\n";
  return kernelText(text, "  .shared .align 16 .b8 buffer[256];\n");
}

const std::string ownLane = "  mov.u32 %r9, %r0;\n",
                  nextLane = "  xor.b32 %r9, %r0, 4;\n";

struct Tracer : Machine {
  std::shared_ptr<const Program> program;
  LaunchConfig config;

  explicit Tracer(const std::string &text, uint64_t bytes = inputBytes) {
    auto loaded = loadProgram(text, *chip, memory);
    EXPECT_TRUE(bool(loaded)) << loaded.message();
    if (loaded)
      program = *loaded;
    in = upload(std::vector<uint32_t>(bytes / 4, 0x38383838));
    out = upload(std::vector<uint32_t>(1024));
    config.block = {64, 1, 1};
  }
  LabelTrace trace(const std::vector<LabelRequest> &requests,
                   unsigned operands = everyOperand) {
    uint64_t parameters[2] = {in, out};
    return traceLabels(*program, *program->findKernel("k"), config,
                       reinterpret_cast<const uint8_t *>(parameters), memory,
                       requests, operands);
  }
  LabelRequest all(unsigned unit, uint32_t first = 0) const {
    return {in, inputBytes, first, unit};
  }
};

/// What should be at a slot, when every byte's label is its offset.
uint64_t expectedByte(const LabelRecord &r) {
  unsigned row = 32 * r.warp + r.row, step = unsigned(r.multiply);
  switch (r.operand) {
  case LabelOperand::A:
    return row * rowBytes + (64 * step + r.k) / 2;
  case LabelOperand::B:
    return offsetOfB + r.row * rowBytes + (64 * step + r.k) / 2;
  case LabelOperand::ScaleA:
    return offsetOfScalesA + scaleOffset(row, 4 * step + r.k);
  default:
    return offsetOfScalesB + scaleOffset(r.row, 4 * step + r.k);
  }
}

TEST(Label, EveryByteArrivesWhereItBelongs) {
  for (const Schedule &schedule : everySchedule()) {
    Tracer t(kernelOf(ownLane, ""));
    t.config.policy = schedule.policy;
    t.config.seed = schedule.seed;
    auto trace = t.trace({t.all(1)}, 15);
    ASSERT_EQ(trace.problem, "");
    // 2 warps, 2 multiplies; elements of A and B, scales of A and B.
    ASSERT_EQ(trace.records.size(),
              2 * 2 * (16 * 64 + 8 * 64 + 16 * 4 + 8 * 4u));
    for (const LabelRecord &r : trace.records) {
      ASSERT_EQ(r.state, LabelRecord::One);
      ASSERT_EQ(r.label, expectedByte(r))
          << "operand " << int(r.operand) << ", row " << r.row << ", k " << r.k;
    }
  }
}

TEST(Label, NibblesAreToldApart) {
  Tracer t(kernelOf(ownLane, ""));
  LabelRequest half{t.in, offsetOfScalesA, 1000, 0};
  auto trace = t.trace({half}, 3); // A and B
  ASSERT_EQ(trace.problem, "");
  ASSERT_FALSE(trace.records.empty());
  for (const LabelRecord &r : trace.records) {
    ASSERT_EQ(r.state, LabelRecord::One);
    ASSERT_EQ(r.label, 1000 + 2 * expectedByte(r) + r.k % 2);
  }
}

TEST(Label, EverySlotIsRecordedOnce) {
  Tracer t(kernelOf(ownLane, ""));
  auto trace = t.trace({t.all(1)});
  ASSERT_EQ(trace.problem, "");
  std::map<std::tuple<unsigned, uint64_t, unsigned, unsigned, unsigned>, int>
      seen;
  for (const LabelRecord &r : trace.records)
    ++seen[{r.warp, r.multiply, unsigned(r.operand), r.row, r.k}];
  EXPECT_EQ(seen.size(), trace.records.size());
  for (unsigned row = 0; row < 16; ++row)
    for (unsigned block = 0; block < 4; ++block)
      EXPECT_EQ((seen[{1, 1, 2, row, block}]), 1);
}

/// The accumulator of the second multiply holds all of the first one's row and
/// column: a mixture. That of the first holds nothing.
TEST(Label, Accumulators) {
  Tracer t(kernelOf(ownLane, ""));
  auto trace = t.trace({t.all(1)}, 16);
  ASSERT_EQ(trace.problem, "");
  ASSERT_EQ(trace.records.size(), 2 * 2 * 128u);
  for (const LabelRecord &r : trace.records)
    EXPECT_EQ(r.state, r.multiply ? LabelRecord::Mixed : LabelRecord::None);
}

/// A kernel that loads the scales of a neighbouring row.
TEST(Label, WrongLaneIsSeen) {
  Tracer t(kernelOf(nextLane, ""));
  auto trace = t.trace({t.all(1)}, 15);
  ASSERT_EQ(trace.problem, "");
  unsigned wrong = 0;
  for (const LabelRecord &r : trace.records) {
    ASSERT_EQ(r.state, LabelRecord::One);
    bool differs = r.label != expectedByte(r);
    EXPECT_EQ(differs, r.operand == LabelOperand::ScaleA);
    LabelRecord neighbour = r;
    neighbour.row ^= 1;
    wrong += differs && r.label == expectedByte(neighbour);
  }
  EXPECT_EQ(wrong, 2 * 2 * 16 * 4u);
}

/// Exactly the low byte mixes two rows' scales; the others stay.
TEST(Label, MixturesAreSeen) {
  Tracer t(kernelOf(ownLane, R"(
  shfl.sync.bfly.b32 %r30, %r10, 4, 31, -1;
  xor.b32 %r31, %r30, %r10;
  prmt.b32 %r10, %r10, %r31, 0x3214;
)"));
  auto trace = t.trace({t.all(1)}, 4);
  ASSERT_EQ(trace.problem, "");
  ASSERT_EQ(trace.records.size(), 2 * 2 * 64u);
  for (const LabelRecord &r : trace.records) {
    EXPECT_EQ(r.state, r.k == 0 ? LabelRecord::Mixed : LabelRecord::One);
    if (r.k)
      EXPECT_EQ(r.label, expectedByte(r));
  }
}

TEST(Label, WhatIsNotLabelledIsNone) {
  // The last block's scale is a constant; B is not labelled.
  Tracer t(kernelOf(ownLane, "  prmt.b32 %r10, %r10, 0x38, 0x4210;\n"));
  auto trace = t.trace({{t.in + offsetOfScalesA, 4096, 7, 1}}, 15);
  ASSERT_EQ(trace.problem, "");
  for (const LabelRecord &r : trace.records) {
    bool labelled = r.operand == LabelOperand::ScaleA && r.k != 3;
    ASSERT_EQ(r.state, labelled ? LabelRecord::One : LabelRecord::None);
    if (labelled)
      EXPECT_EQ(r.label, 7 + expectedByte(r) - offsetOfScalesA);
  }
}

/// Labelled bytes may steer, and be stored: no finding. The last run is a
/// normal launch, with the poison that was there.
TEST(Label, LeavesMemoryAsALaunchDoes) {
  std::string text = kernelOf(ownLane, R"(
  ld.global.b32 %r33, [%in+24000];
  and.b32 %r33, %r33, 0;
  setp.ne.u32 %p1, %r33, 1;
  @%p1 add.u32 %r10, %r10, %r33;
  ld.global.b32 %r34, [%out+512];
  add.u32 %r34, %r34, 1;
  st.global.b32 [%out+512], %r34;
)");
  Tracer t(text), plain(text);
  auto trace = t.trace({t.all(1)}, 4);
  ASSERT_EQ(trace.problem, "");
  EXPECT_TRUE(trace.result.reports.empty());
  ASSERT_FALSE(trace.records.empty());
  ASSERT_EQ(plain.run(text, 64, plain.in, plain.out), "");
  EXPECT_EQ(t.read(t.out, 1024), plain.read(plain.out, 1024));
  EXPECT_NE(t.read(t.out, 1)[0], 0u);

  t.memory.setPoison(t.in, 1, true);
  trace = t.trace({t.all(1)}, 4);
  ASSERT_EQ(trace.problem, "");
  ASSERT_FALSE(trace.result.reports.empty());
  EXPECT_EQ(trace.result.reports[0].kind, FindingKind::PoisonStored);
}

TEST(Label, AFindingLeavesNoRecords) {
  Tracer t(kernelOf(ownLane, "  ld.global.b32 %r33, [%in+24576];\n"));
  auto trace = t.trace({t.all(1)});
  EXPECT_NE(trace.problem.find("out of bounds"), std::string::npos);
  EXPECT_TRUE(trace.records.empty());
  ASSERT_FALSE(trace.result.reports.empty());
  EXPECT_EQ(trace.result.reports[0].kind, FindingKind::OutOfBounds);
}

TEST(Label, RefusesWhatItCannotLabel) {
  Tracer t(kernelOf(ownLane, ""));
  // It runs all the same.
  EXPECT_NE(t.trace({}).problem, "");
  EXPECT_NE(t.read(t.out, 1)[0], 0u);
  EXPECT_NE(t.trace({{t.in, inputBytes + 1, 0, 1}}).problem, "");
  EXPECT_NE(t.trace({{t.in, 0, 0, 1}}).problem, "");
  EXPECT_NE(t.trace({t.all(1, UINT32_MAX - 5)}).problem, "");
}

/// f16 through ldmatrix: a label for each element of A.
TEST(Label, MatricesOfHalves) {
  Tracer t(kernelText(R"(
  mov.u32 %r0, %laneid;
  mov.u32 %r1, buffer;
  shl.b32 %r2, %r0, 4;
  cvt.u64.u32 %d1, %r2;
  add.s64 %d1, %in, %d1;
  ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%d1];
  add.u32 %r3, %r1, %r2;
  st.shared.v4.b32 [%r3], {%r4, %r5, %r6, %r7};
  bar.sync 0;
  and.b32 %r8, %r0, 15;
  shr.u32 %r9, %r0, 4;
  mad.lo.u32 %r10, %r8, 32, %r1;
  mad.lo.u32 %r10, %r9, 16, %r10;
  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r20, %r21, %r22, %r23}, [%r10];
  mov.b32 %r24, 0;
  mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f0, %f1, %f2, %f3},
    {%r20, %r21, %r22, %r23}, {%r24, %r24}, {%f4, %f4, %f4, %f4};
)",
                      "  .shared .align 16 .b8 buffer[512];\n"),
           512);
  t.config.block = {32, 1, 1};
  auto trace = t.trace({{t.in, 512, 0, 2}}, 3);
  ASSERT_EQ(trace.problem, "");
  ASSERT_EQ(trace.records.size(), 16 * 16 + 8 * 16u);
  for (const LabelRecord &r : trace.records)
    if (r.operand == LabelOperand::A) {
      ASSERT_EQ(r.state, LabelRecord::One);
      EXPECT_EQ(r.label, r.row * 16 + r.k);
    } else {
      EXPECT_EQ(r.state, LabelRecord::None);
    }
}

} // namespace
