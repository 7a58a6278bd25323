// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Labels at the operands of a block-scaled tcgen05.mma: scale factors come
// through tcgen05.cp and tensor memory, A and B from swizzled shared memory.

#include "tests/Emulator/Tcgen05ScaledFixture.h"
#include "tools/emulator/Exec/Labels.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

constexpr unsigned mostCopied = 32768;

LabelTrace traced(const ScaledCase &c, const ScaledPieces &pieces,
                  const Schedule &schedule, unsigned operands) {
  Machine m;
  m.chip = findChip("sm_100a");
  auto program = loadProgram(scaledKernel(pieces), *m.chip, m.memory);
  EXPECT_TRUE(bool(program)) << program.message();
  if (!program)
    return {};
  uint64_t parameters[2] = {
      m.upload(wordsOf(scaledImages(c, scaledOperands(c)))),
      m.upload(std::vector<uint32_t>(128 * c.n))};
  LaunchConfig config;
  config.block = {128, 1, 1};
  config.policy = schedule.policy;
  config.seed = schedule.seed;
  return traceLabels(**program, *(*program)->findKernel("k"), config,
                     reinterpret_cast<const uint8_t *>(parameters), m.memory,
                     {{parameters[0], mostCopied, 0, 1}}, operands);
}

/// Offset of row r, element k of packed e2m1 in rows of 32 bytes, swizzled.
uint32_t elementAt(uint32_t row, uint32_t k) {
  return row * 32 + ((k / 32) ^ (row / 4 % 2)) * 16 + k % 32 / 2;
}

/// Offset of a scale in an atom of 128 rows by 4.
uint32_t scaleAt(uint32_t row, uint32_t block) {
  return row % 32 * 16 + row / 32 * 4 + block;
}

uint32_t expected(const LabelRecord &r) {
  switch (r.operand) {
  case LabelOperand::A:
    return elementAt(r.row, r.k);
  case LabelOperand::B:
    return bAt + elementAt(r.row, r.k);
  case LabelOperand::ScaleA:
    return scalesAAt + scaleAt(r.row, r.k);
  default:
    return scalesBAt + scaleAt(r.row, r.k);
  }
}

TEST(Tcgen05Label, EveryByteArrivesWhereItBelongs) {
  ScaledCase c;
  for (const Schedule &schedule : schedules()) {
    LabelTrace trace = traced(c, scaledPieces(c), schedule, 15);
    ASSERT_EQ(trace.problem, "");
    ASSERT_TRUE(trace.result.reports.empty());
    ASSERT_EQ(trace.records.size(), (128 + c.n) * (64 + 4));
    for (const LabelRecord &r : trace.records) {
      ASSERT_EQ(r.state, LabelRecord::One);
      ASSERT_EQ(r.label, expected(r))
          << "operand " << int(r.operand) << ", row " << r.row << ", k " << r.k;
    }
  }
}

/// The scale factors of A copied where those of B belong.
TEST(Tcgen05Label, WrongScalesAreSeen) {
  ScaledCase c;
  ScaledPieces pieces = scaledPieces(c);
  pieces.copies = copiesAtom(1, scaleColumnA, scalesAAt) +
                  copiesAtom(1, scaleColumnB, scalesAAt);
  LabelTrace trace = traced(c, pieces, {SchedulePolicy::Eager, 0}, 12);
  ASSERT_EQ(trace.problem, "");
  ASSERT_EQ(trace.records.size(), (128 + c.n) * 4);
  for (const LabelRecord &r : trace.records) {
    EXPECT_EQ(r.state, LabelRecord::One);
    EXPECT_EQ(r.label == expected(r), r.operand == LabelOperand::ScaleA);
    EXPECT_EQ(r.label, scalesAAt + scaleAt(r.row, r.k));
  }
}

} // namespace
