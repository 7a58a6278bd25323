// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Edits of what copies scale factors as a whole, and of what goes with it: what
// else copies them, and whether there is a fence. No verdict of the enumeration
// may be of a kernel that is proven.

#include "compiler/Conversion/Index.h"
#include "mlir/IR/Matchers.h"
#include "tests/CtaInterpreter/WrongKernels.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

namespace {

using Atoms = cta::CopyScaleAtomsOp;

Value truth(Operation *before, bool value) {
  OpBuilder b(before);
  return arith::ConstantOp::create(b, before->getLoc(), b.getBoolAttr(value));
}

/// row < rows and block < blocks: which of them is left, for all who look.
void keepHalf(cta::KernelOp kernel, unsigned half) {
  for (Atoms atoms : all<Atoms>(kernel)) {
    auto both = atoms.getInside().getDefiningOp<arith::AndIOp>();
    both.getResult().replaceAllUsesWith(both->getOperand(half));
  }
}

/// The first row is real, and not the last.
void askForOneRow(cta::KernelOp kernel) {
  for (Atoms atoms : all<Atoms>(kernel)) {
    auto both = atoms.getInside().getDefiningOp<arith::AndIOp>();
    auto rows = both.getLhs().getDefiningOp<arith::CmpIOp>();
    auto last = rows.getLhs().getDefiningOp<arith::AddIOp>();
    rows->setOperand(0, last.getLhs());
  }
}

/// 16 K blocks are more than there are, and in step 1 what lies where the last
/// ones would is the next 128 rows' first.
void askForOtherRows(cta::KernelOp kernel) {
  Atoms atoms = all<Atoms>(kernel, "sfa").front();
  auto both = atoms.getInside().getDefiningOp<arith::AndIOp>();
  auto rows = both.getLhs().getDefiningOp<arith::CmpIOp>();
  auto blocks = both.getRhs().getDefiningOp<arith::CmpIOp>();
  OpBuilder b(both);
  compiler::Index last(b, rows.getLhs());
  Value next = last + 128 < compiler::Index(b, rows.getRhs());
  Value wide = compiler::Index(b, blocks.getLhs()) < 16;
  Value inside = arith::AndIOp::create(b, both.getLoc(), rows, wide);
  inside = arith::AndIOp::create(b, both.getLoc(), inside, next);
  both.getResult().replaceAllUsesWith(inside);
  for (cta::RingWaitOp wait : all<cta::RingWaitOp>(kernel))
    wait.getCopiedMutable().clear();
}

void leaveToNobody(cta::KernelOp kernel) {
  for (cta::CopyScalesOp words : all<cta::CopyScalesOp>(kernel))
    words.erase();
}

void leaveNothing(cta::KernelOp kernel) {
  for (cta::CopyScalesOp words : all<cta::CopyScalesOp>(kernel, "sfa"))
    words.getUnlessMutable().clear();
}

/// The other side's choice.
void leaveToOthers(cta::KernelOp kernel) {
  Value other = all<Atoms>(kernel, "sfb").front().getInside();
  for (cta::CopyScalesOp words : all<cta::CopyScalesOp>(kernel, "sfa")) {
    words->moveBefore(words->getBlock()->getTerminator());
    words.getUnlessMutable().assign(other);
  }
  // They are published behind it.
  auto publish = all<cta::RingPublishOp>(kernel).front();
  publish->moveBefore(publish->getBlock()->getTerminator());
}

void copyBy(cta::KernelOp kernel, bool threads) {
  for (Atoms atoms : all<Atoms>(kernel))
    atoms.getMineMutable().assign(truth(atoms, threads));
}

cta::RingWaitOp waitForSlot(cta::KernelOp kernel) {
  for (cta::RingWaitOp wait : all<cta::RingWaitOp>(kernel))
    if (wait.getCopied())
      return wait;
  return {};
}

/// As if A's rows, or B's, were whole wherever the K blocks are.
void claimWithoutRows(cta::KernelOp kernel, const char *side) {
  cta::RingWaitOp wait = waitForSlot(kernel);
  Value rows = all<Atoms>(kernel, side)
                   .front()
                   .getInside()
                   .getDefiningOp<arith::AndIOp>()
                   .getLhs()
                   .getDefiningOp<arith::CmpIOp>()
                   .getRhs();
  kernel.walk([&](arith::CmpIOp compare) {
    bool isClaim = compare->getParentOp() == wait->getParentOp() &&
                   compare->isBeforeInBlock(wait);
    APInt number, other;
    bool isSame = compare.getRhs() == rows ||
                  (matchPattern(rows, m_ConstantInt(&number)) &&
                   matchPattern(compare.getRhs(), m_ConstantInt(&other)) &&
                   number == other);
    if (isClaim && isSame)
      compare.getResult().replaceAllUsesWith(truth(compare, true));
  });
}

constexpr Edit atomEdits[] = {
    // Whether.
    {"AskedForRowsAlone", "L1", [](cta::KernelOp k) { keepHalf(k, 0); }},
    {"AskedForBlocksAlone", "L1", [](cta::KernelOp k) { keepHalf(k, 1); }},
    {"AskedForOneRow", "L1", askForOneRow},
    {"AskedForOtherRows", "L2", askForOtherRows},
    {"AlwaysCopied", "L1",
     [](cta::KernelOp k) {
       for (Atoms atoms : all<Atoms>(k))
         atoms.getInsideMutable().assign(truth(atoms, true));
     }},
    {"NeverCopied", "L3",
     [](cta::KernelOp k) { all<Atoms>(k, "sfa").front().erase(); }},
    {"NeverCopiedByThreads", "L3", leaveToNobody},
    {"AlwaysCopiedByThreads", "L3", leaveNothing},
    {"CopiedByThreadsWhereTheOtherIs", "L3", leaveToOthers},
    // What, and where to.
    {"OneAtomLess", "L3",
     [](cta::KernelOp k) { all<Atoms>(k).front().setAtoms(1); }},
    {"OneAtomOn", "L2",
     [](cta::KernelOp k) {
       Atoms atoms = all<Atoms>(k, "sfa").front();
       addTo(atoms, atoms.getOffsetMutable(), 512);
     }},
    {"OneSectorOn", "L2",
     [](cta::KernelOp k) {
       Atoms atoms = all<Atoms>(k, "sfa").front();
       addTo(atoms, atoms.getOffsetMutable(), 32);
     }},
    {"ToTheNextPlace", "L3",
     [](cta::KernelOp k) {
       Atoms atoms = all<Atoms>(k).front();
       addTo(atoms, atoms.getToMutable(), 512);
     }},
    {"ToOnePlace", "L3",
     [](cta::KernelOp k) {
       Atoms atoms = all<Atoms>(k).front();
       addTo(atoms, atoms.getToMutable(), 512);
       atoms.setAtoms(1);
     }},
    {"FurtherApart", "L3",
     [](cta::KernelOp k) { all<Atoms>(k).front().setApart(1024); }},
    // Who, and when.
    {"ByAllThreads", "L3", [](cta::KernelOp k) { copyBy(k, true); }},
    {"ByNoThread", "L3", [](cta::KernelOp k) { copyBy(k, false); }},
    {"PublishedEarly", "L3",
     [](cta::KernelOp k) {
       all<cta::RingPublishOp>(k).front()->moveBefore(all<Atoms>(k).back());
     }},
    {"BeforeTheSlotIsFree", "L3",
     [](cta::KernelOp k) {
       all<cta::RingAcquireOp>(k).front()->moveAfter(all<Atoms>(k).front());
     }},
    // Fences.
    {"NeverFenced", "L3",
     [](cta::KernelOp k) {
       cta::RingWaitOp wait = waitForSlot(k);
       wait.getCopiedMutable().assign(truth(wait, true));
     }},
    {"NotFencedForA", "L3",
     [](cta::KernelOp k) { claimWithoutRows(k, "sfa"); }},
    {"NotFencedForB", "L3",
     [](cta::KernelOp k) { claimWithoutRows(k, "sfb"); }},
};

class WrongAtoms : public testing::TestWithParam<Edit> {};

/// Two K steps, the second with a tail of rows' K blocks; tiles with and
/// without a tail of rows of either side.
TEST_P(WrongAtoms, AreFoundAndNotProven) {
  expectFound(GetParam(),
              {"kind=tmem tile=128x128x128 warps=4x1 stages=2 fill=tma",
               /*k=*/224,
               /*n=*/140,
               {31, 128, 300},
               "sm_100a",
               /*mayBeProven=*/false});
}

INSTANTIATE_TEST_SUITE_P(Edits, WrongAtoms, testing::ValuesIn(atomEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

/// A's box of 128 rows of 8 K blocks, as its 128 threads would copy it: a row
/// each, in the box's swizzle of 64 bytes.
void copyDataByThreads(cta::KernelOp kernel) {
  using compiler::Index;
  cta::CopyBoxOp box = all<cta::CopyBoxOp>(kernel, "a").front();
  Location loc = box.getLoc();
  OpBuilder b(box);
  auto role = box->getParentOfType<cta::RoleOp>();
  Index thread(b, role.getBody().getArgument(0)), begin(b, box.getColumn());
  Index row = Index(b, box.getRow()) + thread;
  Index start = row.extend() * Index(b, kernel.argumentFor("a.stride"));
  Value isRow = row < Index(b, kernel.argumentFor("m"));
  Index swizzle = thread / 2 % 4, pitch = thread * 64;
  for (int64_t block = 0; block < 8; ++block) {
    Index column = begin + block * 8;
    Value isBlock = column < box.getBase().getType().getRowBytes();
    Value inside = arith::AndIOp::create(b, loc, isRow, isBlock);
    Index offset = start + column.extend();
    Value sixteens = arith::ConstantOp::create(
        b, loc, b.getI32IntegerAttr(int32_t(block / 2)));
    Index to = pitch + (swizzle ^ Index(b, sixteens)) * 16;
    to = to + block % 2 * 8;
    cta::CopyOp::create(b, loc, box.getBase(), offset, inside, box.getStage(),
                        box.getIteration(), to, /*mine=*/Value(),
                        /*ahead=*/false);
  }
  box.erase();
}

/// Multiplies read data as something else than threads, too: a wait that leaves
/// the fence out where scale factors came as a whole is no wait for these.
TEST(DataByThreads, AreFencedInAnyCase) {
  GemmProblem problem;
  problem.n = 140;
  problem.k = 224;
  for (bool isFenced : {true, false}) {
    CtaInstance instance(
        problem, "kind=tmem tile=128x128x128 warps=4x1 stages=2 fill=tma",
        /*templateText=*/"", "sm_100a");
    ASSERT_TRUE(instance.kernel);
    copyDataByThreads(instance.kernel);
    if (isFenced)
      for (cta::RingWaitOp wait : all<cta::RingWaitOp>(instance.kernel))
        wait.getCopiedMutable().clear();
    Verdict verdict = prove(instance);
    EXPECT_EQ(verdict.accepted, isFenced) << verdict.message;
    if (!isFenced)
      EXPECT_NE(verdict.message.find("threads write in any case"),
                std::string::npos)
          << verdict.message;
  }
}

} // namespace
