// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels of pairs of CTAs that meet in the wrong way: the emulated sm_100a
// sees each of them, in one order of what happens or another.

#include "tests/EndToEnd/Labels/LabelCases.h"

using namespace nybl;
using namespace nybl::labels;

namespace {

class PairMutant : public testing::Test {
protected:
  void SetUp() override {
    Class c = makeClass(16, 192, ScaleLayout::T128x4, ScaleLayout::T8x4);
    auto made = compileKernel(c.problem, "kind=tmem tile=256x16x64 warps=4x1 "
                                         "stages=2 fill=tma ctas=2");
    ASSERT_TRUE(made) << made.message();
    kernel = *made;
  }

  void expectFound(const Kernel &mutant) { EXPECT_TRUE(isFound(mutant)); }
  /// In some order there is a fault.
  bool isFound(const Kernel &mutant) {
    Launch launch;
    launch.m = 260;
    launch.grid = 2;
    for (int policy : {NYBL_EMU_SCHEDULE_LAZY, NYBL_EMU_SCHEDULE_ADVERSARY,
                       NYBL_EMU_SCHEDULE_EAGER}) {
      launch.policy = policy;
      if (!run(mutant, launch).ok())
        return true;
    }
    return false;
  }

  Kernel kernel;
};

const std::string slotWait =
    R"(mbarrier\.try_wait\.parity\.shared\.b64 done, [^;]*;)";
const std::string pairWait =
    R"(mbarrier\.try_wait\.parity\.acquire\.cluster[^;]*;)";
const std::string passes = "setp.eq.u32 done, 0, 0;";

TEST_F(PairMutant, TheKernelItselfPasses) { EXPECT_FALSE(isFound(kernel)); }

TEST_F(PairMutant, NobodyWaitsForTheOtherSlot) {
  expectFound(changed(kernel, pairWait, passes));
}

TEST_F(PairMutant, ASlotIsHandedOverUnready) {
  expectFound(changed(kernel, slotWait + R"((\n[^m]*(?:m(?!bar)[^m]*)*mapa))",
                      passes + "$1"));
}

TEST_F(PairMutant, SlotsComeBackToOneCtaAlone) {
  expectFound(changed(kernel, R"((mov\.b16 *\t%rs\d+, )3;)", "$1 1;"));
}

TEST_F(PairMutant, SlotsAreHandedOverToTheirOwnCta) {
  expectFound(changed(kernel, R"((mapa\.shared::cluster\.u32 %r\d+, %r\d+, )0)",
                      "$1 1"));
}

/// Its tensor memory is given back, and used still.
TEST_F(PairMutant, ACtaLeavesBeforeTheOther) {
  Kernel mutant =
      changed(kernel, R"(barrier\.cluster\.arrive[^;]*;)", "", /*which=*/1);
  expectFound(changed(mutant, R"(barrier\.cluster\.wait[^;]*;)", "", 1));
}

} // namespace
