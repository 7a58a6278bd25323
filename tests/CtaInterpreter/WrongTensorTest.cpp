// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Edits of kernels whose accumulators lie in tensor memory. No verdict of the
// enumeration may be of a kernel that is proven.

#include "tests/CtaInterpreter/WrongKernels.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

namespace {

void swapOperands(Operation *op, unsigned i, unsigned j) {
  Value first = op->getOperand(i);
  op->setOperand(i, op->getOperand(j));
  op->setOperand(j, first);
}

/// Of each multiply, or of the last alone.
void swapInMultiplies(cta::KernelOp kernel, unsigned i, unsigned j) {
  for (cta::TensorMmaOp mma : all<cta::TensorMmaOp>(kernel))
    swapOperands(mma, i, j);
}

/// The first and the last of some ops take each other's operand.
template <typename Op>
void exchange(cta::KernelOp kernel, unsigned operand) {
  Op first = all<Op>(kernel).front(), last = all<Op>(kernel).back();
  Value value = first->getOperand(operand);
  first->setOperand(operand, last->getOperand(operand));
  last->setOperand(operand, value);
}

template <typename Op>
Op lastOf(cta::KernelOp kernel) {
  return all<Op>(kernel).back();
}

template <typename Op>
void dropLast(cta::KernelOp kernel) {
  lastOf<Op>(kernel).erase();
}

cta::RingOp ringOfSums(cta::KernelOp kernel) {
  auto publish = all<cta::TensorPublishOp>(kernel).front();
  return publish.getRing().getDefiningOp<cta::RingOp>();
}

/// Threads that ask: those below `bound` and not below `from`.
template <typename Op>
void askBy(cta::KernelOp kernel, int64_t from, int64_t bound) {
  for (Op op : all<Op>(kernel)) {
    OpBuilder b(op);
    Location loc = op.getLoc();
    Value thread =
        op->template getParentOfType<cta::RoleOp>().getBody().getArgument(0);
    auto limit = [&](int64_t number) -> Value {
      return arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(number));
    };
    Value high = limit(bound), low = limit(from);
    Value below =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::ult, thread, high);
    Value above =
        arith::CmpIOp::create(b, loc, arith::CmpIPredicate::uge, thread, low);
    op.getMineMutable().assign(arith::AndIOp::create(b, loc, below, above));
  }
}

void askAllBy(cta::KernelOp kernel, int64_t from, int64_t bound) {
  askBy<cta::TensorCopyOp>(kernel, from, bound);
  askBy<cta::TensorMmaOp>(kernel, from, bound);
  askBy<cta::TensorReleaseOp>(kernel, from, bound);
  askBy<cta::TensorPublishOp>(kernel, from, bound);
}

/// The slot is released by threads, that do not know when multiplies are over.
void releaseByThreads(cta::KernelOp kernel) {
  cta::TensorReleaseOp release = all<cta::TensorReleaseOp>(kernel).front();
  OpBuilder b(release);
  cta::RingReleaseOp::create(b, release.getLoc(), release.getRing(),
                             release.getIteration());
  release.erase();
}

/// In the place of an iteration: 0 or another number.
template <typename Op>
void setIteration(cta::KernelOp kernel, int64_t number) {
  for (Op op : all<Op>(kernel)) {
    OpBuilder b(op);
    op.getIterationMutable().assign(
        arith::ConstantOp::create(b, op.getLoc(), b.getI32IntegerAttr(number)));
  }
}

constexpr Edit tensorEdits[] = {
    // What a multiply takes.
    {"ScalesSwapped", "L2", [](cta::KernelOp k) { swapInMultiplies(k, 1, 3); }},
    {"DataSwapped", "L2", [](cta::KernelOp k) { swapInMultiplies(k, 0, 2); }},
    {"SidesSwapped", "gemm",
     [](cta::KernelOp k) {
       swapInMultiplies(k, 0, 2);
       swapInMultiplies(k, 1, 3);
     }},
    {"StepTwice", "gemm",
     [](cta::KernelOp k) { lastOf<cta::TensorMmaOp>(k).setStep(0); }},
    {"StagesSwapped", "L2",
     [](cta::KernelOp k) { exchange<cta::SmemDescOp>(k, 0); }},
    {"CopiesSwapped", "L2",
     [](cta::KernelOp k) { exchange<cta::TensorCopyOp>(k, 0); }},
    {"DataOfTheFirstStep", "L2",
     [](cta::KernelOp k) { setIteration<cta::SmemDescOp>(k, 0); }},
    {"ScalesOfTheFirstStep", "L2",
     [](cta::KernelOp k) { setIteration<cta::TensorCopyOp>(k, 0); }},
    // Which accumulators.
    {"OtherColumns", "gemm",
     [](cta::KernelOp k) { lastOf<cta::TensorLoadOp>(k).setFirst(0); }},
    {"LoadsOfTheOtherGroup", "L3",
     [](cta::KernelOp k) { setIteration<cta::TensorLoadOp>(k, 1); }},
    {"SumsOfTheOtherGroup", "L3",
     [](cta::KernelOp k) { setIteration<cta::TensorMmaOp>(k, 1); }},
    {"OneSlotOfSums", "L3",
     [](cta::KernelOp k) { ringOfSums(k).setStages(1); }},
    {"ThreeSlotsOfSums", "L3",
     [](cta::KernelOp k) { ringOfSums(k).setStages(3); }},
    // When.
    {"SumsNotAcquired", "L3",
     [](cta::KernelOp k) { all<cta::RingAcquireOp>(k).back().erase(); }},
    {"SumsNotAwaited", "L3",
     [](cta::KernelOp k) { dropLast<cta::RingWaitOp>(k); }},
    {"SumsAwaitedLate", "L3",
     [](cta::KernelOp k) {
       lastOf<cta::RingWaitOp>(k)->moveAfter(all<cta::TensorLoadOp>(k).front());
     }},
    {"SumsNotReleased", "L3",
     [](cta::KernelOp k) { dropLast<cta::RingReleaseOp>(k); }},
    {"SumsReleasedEarly", "L3",
     [](cta::KernelOp k) {
       lastOf<cta::RingReleaseOp>(k)->moveBefore(lastOf<cta::TensorLoadOp>(k));
     }},
    {"SumsReleasedAtOnce", "L3",
     [](cta::KernelOp k) {
       lastOf<cta::RingReleaseOp>(k)->moveBefore(
           all<cta::TensorLoadOp>(k).front());
     }},
    {"NotReleased", "L3",
     [](cta::KernelOp k) { dropLast<cta::TensorReleaseOp>(k); }},
    {"ReleasedEarly", "L3",
     [](cta::KernelOp k) {
       moveTo<cta::TensorReleaseOp, cta::TensorMmaOp>(k, 1, false);
     }},
    {"ReleasedBeforeCopies", "L3",
     [](cta::KernelOp k) {
       moveTo<cta::TensorReleaseOp, cta::TensorCopyOp>(k, 0, false);
     }},
    {"ReleasedByThreads", "L3", releaseByThreads},
    {"ReleasedTwice", "L3",
     [](cta::KernelOp k) {
       auto release = lastOf<cta::TensorReleaseOp>(k);
       OpBuilder(release).clone(*release);
     }},
    {"CopiedEarly", "L3",
     [](cta::KernelOp k) {
       moveTo<cta::TensorCopyOp, cta::RingWaitOp>(k, 0, false);
     }},
    // Who.
    {"AskedByTwo", "L3", [](cta::KernelOp k) { askAllBy(k, 0, 2); }},
    {"AskedByNobody", "L3", [](cta::KernelOp k) { askAllBy(k, 0, 0); }},
    {"CopiesOfAnotherWarp", "L3",
     [](cta::KernelOp k) { askBy<cta::TensorCopyOp>(k, 32, 33); }},
    {"ReleaseOfAnotherWarp", "L3",
     [](cta::KernelOp k) { askBy<cta::TensorReleaseOp>(k, 96, 97); }},
};

class WrongTensor : public testing::TestWithParam<Edit> {};

/// Two K steps, the second with a tail; six tiles for one CTA.
TEST_P(WrongTensor, IsFoundAndNotProven) {
  expectFound(GetParam(),
              {"kind=tmem tile=128x128x128 warps=4x1 stages=2 fill=tma",
               /*k=*/224,
               /*n=*/140,
               {31, 300},
               "sm_100a",
               /*mayBeProven=*/false});
}

INSTANTIATE_TEST_SUITE_P(Edits, WrongTensor, testing::ValuesIn(tensorEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

//===----------------------------------------------------------------------===//
// Pairs of CTAs
//===----------------------------------------------------------------------===//

/// The CTA copies what the one of rank 0 does.
void copyOfFirst(cta::KernelOp kernel, StringRef source) {
  for (cta::CopyBoxOp copy : all<cta::CopyBoxOp>(kernel, source)) {
    auto row = copy.getRow().getDefiningOp<arith::AddIOp>();
    copy.getRowMutable().assign(row.getLhs());
  }
}

/// Another number in the place of the rank.
void setRank(cta::KernelOp kernel, bool turned) {
  cta::PairRankOp rank = all<cta::PairRankOp>(kernel).front();
  OpBuilder b(rank->getBlock(), std::next(rank->getIterator()));
  Location loc = rank.getLoc();
  Operation *number =
      arith::ConstantOp::create(b, loc, b.getI32IntegerAttr(turned));
  if (turned)
    number = arith::XOrIOp::create(b, loc, rank, number->getResult(0));
  rank.getResult().replaceAllUsesExcept(number->getResult(0), number);
}

constexpr Edit pairEdits[] = {
    {"NotHandedOver", "L3",
     [](cta::KernelOp k) { dropLast<cta::PairWaitOp>(k); }},
    {"HandedOverBeforeItIsWhole", "L3",
     [](cta::KernelOp k) {
       moveTo<cta::PairWaitOp, cta::RingWaitOp>(k, 0, false);
     }},
    {"HandedOverBehindACopy", "L3",
     [](cta::KernelOp k) {
       moveTo<cta::PairWaitOp, cta::TensorCopyOp>(k, 0, true);
     }},
    {"HandedOverBehindTheMultiplies", "L3",
     [](cta::KernelOp k) {
       moveTo<cta::PairWaitOp, cta::TensorReleaseOp>(k, 0, false);
     }},
    {"HandedOverByAnotherWarp", "L3",
     [](cta::KernelOp k) { askBy<cta::PairWaitOp>(k, 32, 33); }},
    {"AnotherSlotHandedOver", "L3",
     [](cta::KernelOp k) { setIteration<cta::PairWaitOp>(k, 1); }},
    {"SumsNotAcquired", "L3",
     [](cta::KernelOp k) { all<cta::RingAcquireOp>(k).back().erase(); }},
    {"RowsOfBOfTheFirst", "L2", [](cta::KernelOp k) { copyOfFirst(k, "b"); }},
    {"RowsOfAOfTheFirst", "L2", [](cta::KernelOp k) { copyOfFirst(k, "a"); }},
    {"BothTheFirst", "L4", [](cta::KernelOp k) { setRank(k, false); }},
    {"TurnedRound", "L2", [](cta::KernelOp k) { setRank(k, true); }},
};

class WrongPair : public testing::TestWithParam<Edit> {};

/// Three tiles for one pair.
TEST_P(WrongPair, IsFoundAndNotProven) {
  expectFound(GetParam(),
              {"kind=tmem tile=256x32x128 warps=4x1 stages=2 fill=tma ctas=2",
               /*k=*/224,
               /*n=*/24,
               {31, 560},
               "sm_100a",
               /*mayBeProven=*/false});
}

INSTANTIATE_TEST_SUITE_P(Edits, WrongPair, testing::ValuesIn(pairEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

} // namespace
