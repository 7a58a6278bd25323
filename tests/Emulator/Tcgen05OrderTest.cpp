// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tcgen05 promises about order and what has to be waited for: kernels that
// are right under every schedule, beside ones that lack one thing.

#include "tests/Emulator/Tcgen05ScaledFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

struct Tcgen05Order : ::testing::Test {
  ScaledCase c;
  ScaledOperands o = scaledOperands(c);
  std::vector<Image> images = scaledImages(c, o);
  ScaledPieces p = scaledPieces(c);

  void expectFound(FindingKind kind, const std::string &text,
                   bool someSchedule = true, const LaunchConfig &base = {}) {
    expectFinding(scaledKernel(p), 128, c.group, wordsOf(images), kind, text,
                  someSchedule, base);
  }
  void expectClean(double times = 1, const LaunchConfig &base = {}) {
    expectResult(scaledKernel(p), 128, c.group, wordsOf(images),
                 scaledResult(c, o, times), base);
  }
};

TEST_F(Tcgen05Order, WithoutRaces) {
  LaunchConfig config;
  config.races = true;
  expectClean(1, config);
  c.group = 2;
  c.m = 256;
  o = scaledOperands(c);
  images = scaledImages(c, o);
  p = scaledPieces(c);
  expectClean(1, config);
}

TEST_F(Tcgen05Order, MissingWaitForCommit) {
  p.wait = "  bar.sync 0;\n"; // issued, but not complete
  expectFound(FindingKind::InFlight,
              "tcgen05.ld touches cells of tensor memory that tcgen05.mma");
  p.shows = ""; // and freed at once
  expectFound(FindingKind::InFlight, "tcgen05.dealloc");
}

TEST_F(Tcgen05Order, MissingCommit) {
  p.commit = "";
  expectFound(FindingKind::Deadlock, "the mbarrier", false);
}

TEST_F(Tcgen05Order, CommitBeforeTheProduct) {
  // The mbarrier then tracks the copies alone.
  p.copies += p.commit;
  p.commit = "";
  expectFound(FindingKind::InFlight, "tcgen05.mma");
}

TEST_F(Tcgen05Order, StageOverwrittenEarly) {
  std::string overwrites = "  mov.b32 %r50, 0;\n"
                           "  @%lead st.shared.u32 [data+32], %r50;\n";
  ScaledPieces mended = p;
  mended.wait += overwrites;
  p.wait = overwrites + p.wait;
  expectFound(FindingKind::InFlight, "tcgen05.mma");
  p = mended;
  expectClean();
}

TEST_F(Tcgen05Order, ScalesOverwrittenEarly) {
  // The source of tcgen05.cp.
  p.product += "  mov.b32 %r50, 0;\n  st.shared.u32 [data+" +
               number(scalesAAt + 4) + "], %r50;\n";
  expectFound(FindingKind::InFlight, "tcgen05.cp");
}

TEST_F(Tcgen05Order, StoreToColumnsOfAPendingProduct) {
  p.wait = "  mov.b32 %r50, 0;\n  shl.b32 %r2, %warp, 21;\n"
           "  add.u32 %r2, %taddr, %r2;\n"
           "  tcgen05.st.sync.aligned.32x32b.x1.b32 [%r2+" +
           number(scaleColumnB + 1) +
           "], {%r50};\n  tcgen05.wait::st.sync.aligned;\n" + p.wait;
  expectFound(FindingKind::InFlight, "tcgen05.st");
}

TEST_F(Tcgen05Order, ProductOverALoadThatIsNotWaitedFor) {
  // Load, then a second product into the same accumulator.
  std::string load = "  shl.b32 %r2, %warp, 21;\n  add.u32 %r2, %taddr, %r2;\n"
                     "  tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r10}, [%r2];\n";
  std::string wait = "  tcgen05.wait::ld.sync.aligned;\n";
  std::string again = "  tcgen05.fence::before_thread_sync;\n  bar.sync 0;\n"
                      "  tcgen05.fence::after_thread_sync;\n"
                      "  @!%lead bra again;\n" +
                      multipliesScaled(c, true) + commits(1) + "again:\n" +
                      waitsForBar(1);
  std::string first = p.wait;
  p.wait = first + load + again;
  expectFound(FindingKind::InFlight, "tcgen05.wait::ld");
  p.wait = first + load + wait + again;
  expectClean(2);
}

/// The axiom: a load of which a register has been used has read its cells.
TEST_F(Tcgen05Order, ProductOverALoadThatIsUsed) {
  p.wait += "  shl.b32 %r2, %warp, 21;\n  add.u32 %r2, %taddr, %r2;\n"
            "  tcgen05.ld.sync.aligned.32x32b.x2.b32 {%r10, %r11}, [%r2];\n"
            "  add.u32 %r11, %r11, 1;\n"
            "  tcgen05.fence::before_thread_sync;\n  bar.sync 0;\n"
            "  tcgen05.fence::after_thread_sync;\n"
            "  @!%lead bra again;\n" +
            multipliesScaled(c, true) + commits(1) + "again:\n" +
            waitsForBar(1);
  expectClean(2);
  LaunchConfig without;
  without.axiomUsedLoadIsComplete = false;
  expectFound(FindingKind::InFlight, "tcgen05.wait::ld", true, without);
}

TEST_F(Tcgen05Order, ProductsInOrder) {
  for (unsigned i = 0; i < 3; ++i)
    p.product += multipliesScaled(c, true);
  expectClean(4);
}

/// Another shape on the same cells: no order is promised.
TEST_F(Tcgen05Order, ProductsOfOtherShapes) {
  ScaledCase narrower = c;
  narrower.n = 32;
  p.product += multipliesScaled(narrower, true);
  expectFound(FindingKind::InFlight, "tcgen05.mma");
}

/// Scale factors replaced for the next product, without a wait: the axiom.
TEST_F(Tcgen05Order, CopyAfterProduct) {
  p.product +=
      copiesAtom(1, scaleColumnA, scalesAAt) + multipliesScaled(c, true) +
      copiesAtom(1, scaleColumnA, scalesAAt) + multipliesScaled(c, true);
  expectClean(3);
  LaunchConfig strict;
  strict.axiomMmaBeforeCp = false;
  expectFound(FindingKind::InFlight, "tcgen05.cp", true, strict);
}

TEST_F(Tcgen05Order, CopiesOverEachOther) {
  p.copies += copiesAtom(1, scaleColumnA, scalesAAt);
  expectFound(FindingKind::InFlight, "tcgen05.cp");
}

/// Between threads the order needs fences and a barrier.
TEST_F(Tcgen05Order, CopiesAndProductByTwoThreads) {
  auto kernel = [&](bool before, bool after) {
    std::string second = "  setp.eq.u32 %p4, %tid, 32;\n";
    return tensorKernel(
        p.prologue + "  @!%lead bra copied;\n" + p.copies +
        (before ? "  tcgen05.fence::before_thread_sync;\n" : "") +
        "copied:\n  bar.sync 0;\n" + second + "  @!%p4 bra issued;\n" +
        (after ? "  tcgen05.fence::after_thread_sync;\n" : "") + p.product +
        p.commit + "issued:\n" + p.wait + p.shows + p.epilogue);
  };
  expectResult(kernel(true, true), 128, 1, wordsOf(images), scaledResult(c, o));
  for (auto [before, after] : {std::pair(false, true), std::pair(true, false)})
    expectFinding(kernel(before, after), 128, 1, wordsOf(images),
                  FindingKind::InFlight, "tcgen05.fence", true);
}

TEST_F(Tcgen05Order, WrongScaleId) {
  c.kind = "mxf4";
  c.vector = "scale_vec::2X";
  c.scales = 2;
  c.ue8m0 = true;
  o = scaledOperands(c);
  images = scaledImages(c, o);
  for (unsigned id : {1u, 3u}) {
    c.idA = id;
    p = scaledPieces(c);
    expectFound(FindingKind::TensorMemoryMisuse, "id", false);
  }
  // A legal id, but of bytes that hold NaN: another result, no finding.
  c.idA = 2;
  p = scaledPieces(c);
  underEverySchedule(scaledKernel(p), 128, 1, wordsOf(images), 128 * 64,
                     [&](Machine &m, SchedulePolicy) {
                       EXPECT_EQ(firstReport(m), "");
                       EXPECT_EQ(m.read(m.out, 1)[0], 0x7fffffffu);
                     });
}

TEST_F(Tcgen05Order, CopiesOfScalesDiffer) {
  // Straight rows instead of four copies of 32.
  p.copies = copiesAtom(1, scaleColumnA, 0, "128x128b") +
             copiesAtom(1, scaleColumnB, scalesBAt);
  expectFound(FindingKind::TensorMemoryMisuse, "copies of the scale factors",
              false);
}

TEST_F(Tcgen05Order, UninitialisedOperands) {
  ScaledPieces whole = p;
  p.copies = copiesAtom(1, scaleColumnA, scalesAAt);
  expectFound(FindingKind::UninitialisedRead, "a scale factor", false);
  p = whole;
  p.product = describes("%d10", 0, packedRows.descriptor()) +
              describes("%d11", bAt, packedRows.descriptor()) +
              multipliesScaled(c, true);
  expectFound(FindingKind::UninitialisedRead, "D, which it adds to", false);
  p = whole;
  p.prologue = allocates(512) + "  @%lead mbarrier.init.shared.b64 [bar], 1;\n"
                                "  bar.sync 0;\n";
  expectFound(FindingKind::UninitialisedRead, "the source of tcgen05.cp",
              false);
}

TEST_F(Tcgen05Order, BeyondWhatIsAllocated) {
  p.prologue = allocates(256) + fillsData();
  p.epilogue = frees(256);
  expectFound(FindingKind::TensorMemoryMisuse, "not all allocated", false);
}

TEST_F(Tcgen05Order, BadDescriptors) {
  ScaledPieces whole = p;
  auto expectBad = [&](uint64_t descriptor, FindingKind kind,
                       const std::string &text) {
    p = whole;
    p.product = describes("%d10", 0, descriptor) +
                describes("%d11", bAt, packedRows.descriptor()) +
                multipliesScaled(c, false);
    expectFound(kind, text, false);
  };
  uint64_t good = packedRows.descriptor();
  expectBad(good & ~(uint64_t(7) << 46), FindingKind::TensorMemoryMisuse,
            "48:46");
  expectBad(good | uint64_t(7) << 61, FindingKind::TensorMemoryMisuse,
            "swizzle");
  expectBad(good | uint64_t(1) << 60, FindingKind::TensorMemoryMisuse, "60:53");
  expectBad((good & ~(uint64_t(0x3fff) << 32)) | uint64_t(0x200) << 32,
            FindingKind::OutOfBounds, "leaves the");
}

} // namespace
