// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Edits of kernels that multiply in registers.

#include "tests/CtaInterpreter/WrongKernels.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

namespace {

/// The conjuncts of a guard, outermost last.
std::vector<Value> conjuncts(Value guard) {
  auto both = guard.getDefiningOp<arith::AndIOp>();
  if (!both)
    return {guard};
  std::vector<Value> list = conjuncts(both.getLhs());
  for (Value value : conjuncts(both.getRhs()))
    list.push_back(value);
  return list;
}

/// A guard without its conjunct number `left`: 0 for rows, 1 for blocks or
/// columns.
template <typename Op>
void dropConjunct(cta::KernelOp kernel, StringRef source, size_t left) {
  for (Op op : all<Op>(kernel, source)) {
    OpBuilder builder(op);
    Value guard;
    for (auto [i, value] : llvm::enumerate(conjuncts(op.getGuard())))
      if (i != left)
        guard = guard
                    ? arith::AndIOp::create(builder, op.getLoc(), guard, value)
                          .getResult()
                    : value;
    op.getGuardMutable().assign(guard);
  }
}

/// offset + number at each op.
template <typename Op>
void moveOffset(Op op, int64_t number) {
  OpBuilder builder(op);
  Value offset = op.getOffset();
  Value more = arith::ConstantOp::create(
      builder, op.getLoc(), IntegerAttr::get(offset.getType(), number));
  op.getOffsetMutable().assign(
      arith::AddIOp::create(builder, op.getLoc(), offset, more));
}

template <typename Op>
void moveOffsets(cta::KernelOp kernel, int64_t number, StringRef source = "") {
  for (Op op : all<Op>(kernel, source))
    moveOffset(op, number);
}

/// Comparisons of rows with M that let one more row pass.
void weakenRows(cta::KernelOp kernel) {
  kernel.walk([&](arith::CmpIOp op) {
    if (op.getRhs() == kernel.argumentFor("m"))
      op.setPredicate(arith::CmpIPredicate::ule);
  });
}

void dropBarriers(cta::KernelOp kernel, size_t which) {
  for (auto [i, barrier] : llvm::enumerate(all<cta::BarrierOp>(kernel)))
    if (i == which)
      barrier.erase();
}

/// Lanes whose guard does not hold write nothing, instead of zero.
template <typename Store, typename Load>
void skipMasked(cta::KernelOp kernel) {
  for (Store store : all<Store>(kernel))
    store.getGuardMutable().assign(
        store.getValue().template getDefiningOp<Load>().getGuard());
}

void swapScales(cta::KernelOp kernel) {
  for (cta::MmaOp op : all<cta::MmaOp>(kernel)) {
    Value a = op.getSa(), b = op.getSb();
    op.getSaMutable().assign(b);
    op.getSbMutable().assign(a);
  }
}

void swapHalves(cta::KernelOp kernel) {
  for (cta::MmaOp op : all<cta::MmaOp>(kernel)) {
    SmallVector<Value> b(op.getB());
    op.getBMutable().assign({b[1], b[0]});
  }
}

/// The operand is said to lie in another layout than the offsets are for.
void relabel(cta::KernelOp kernel, StringRef source, StringRef layout) {
  BlockArgument argument = kernel.argumentFor(source);
  auto type = cast<cta::ScalesType>(argument.getType());
  argument.setType(cta::ScalesType::get(
      kernel.getContext(), type.getRows(), type.getBlocks(),
      StringAttr::get(kernel.getContext(), layout)));
}

void guardAlways(cta::KernelOp kernel, StringRef source) {
  for (auto op : all<cta::LoadScaleOp>(kernel, source)) {
    OpBuilder builder(op);
    op.getGuardMutable().assign(arith::ConstantOp::create(
        builder, op.getLoc(), builder.getBoolAttr(true)));
  }
}

/// Offsets of rows in 32 bits, which are too few for the last of many rows.
void narrowOffsets(cta::KernelOp kernel) {
  for (auto op : all<cta::LoadOp>(kernel, "a")) {
    OpBuilder builder(op);
    auto sum = op.getOffset().getDefiningOp<arith::AddIOp>();
    auto product = sum.getLhs().getDefiningOp<arith::MulIOp>();
    auto narrow = [&](Value value) -> Value {
      return arith::TruncIOp::create(builder, op.getLoc(), builder.getI32Type(),
                                     value);
    };
    Value row = narrow(product.getLhs()), stride = narrow(product.getRhs());
    Value small = arith::MulIOp::create(builder, op.getLoc(), row, stride);
    Value wide = arith::ExtUIOp::create(builder, op.getLoc(),
                                        builder.getI64Type(), small);
    op.getOffsetMutable().assign(
        arith::AddIOp::create(builder, op.getLoc(), wide, sum.getRhs()));
  }
}

/// What was loaded says where it goes.
void steerByData(cta::KernelOp kernel) {
  auto store = all<cta::StoreSharedOp>(kernel).front();
  OpBuilder builder(store);
  store.getOffsetMutable().assign(arith::TruncIOp::create(
      builder, store.getLoc(), builder.getI32Type(), store.getValue()));
}

void storeTwice(cta::KernelOp kernel) {
  cta::StoreOp store = all<cta::StoreOp>(kernel).front();
  OpBuilder(store).clone(*store);
}

void dropStore(cta::KernelOp kernel) {
  all<cta::StoreOp>(kernel).front().erase();
}

void dropSteps(cta::KernelOp kernel) {
  for (scf::ForOp loop : all<scf::ForOp>(kernel))
    loop.getUpperBoundMutable().assign(loop.getLowerBound());
}

constexpr Edit edits[] = {
    {"ScalesOfARowDropped", "L1",
     [](cta::KernelOp k) { dropConjunct<cta::LoadScaleOp>(k, "sfa", 0); }},
    {"ScalesOfABlockDropped", "L1",
     [](cta::KernelOp k) { dropConjunct<cta::LoadScaleOp>(k, "sfa", 1); }},
    {"ScalesOfBRowDropped", "L1",
     [](cta::KernelOp k) { dropConjunct<cta::LoadScaleOp>(k, "sfb", 0); }},
    {"ScalesOfBBlockDropped", "L1",
     [](cta::KernelOp k) { dropConjunct<cta::LoadScaleOp>(k, "sfb", 1); }},
    {"ScalesOfAAlways", "L1", [](cta::KernelOp k) { guardAlways(k, "sfa"); }},
    {"DataOfARowDropped", "L1",
     [](cta::KernelOp k) { dropConjunct<cta::LoadOp>(k, "a", 0); }},
    {"DataOfABlockDropped", "L1",
     [](cta::KernelOp k) { dropConjunct<cta::LoadOp>(k, "a", 1); }},
    {"DataOfBRowDropped", "L1",
     [](cta::KernelOp k) { dropConjunct<cta::LoadOp>(k, "b", 0); }},
    {"StoreRowDropped", "L1",
     [](cta::KernelOp k) { dropConjunct<cta::StoreOp>(k, "d", 0); }},
    {"StoreColumnDropped", "L1",
     [](cta::KernelOp k) { dropConjunct<cta::StoreOp>(k, "d", 1); }},
    {"RowBoundWeakened", "L1", weakenRows},
    {"ScaleOneOn", "L1",
     [](cta::KernelOp k) { moveOffsets<cta::LoadScaleOp>(k, 1, "sfa"); }},
    {"DataOneBlockOn", "L1",
     [](cta::KernelOp k) { moveOffsets<cta::LoadOp>(k, 8, "a"); }},
    {"ElementOneOn", "L1",
     [](cta::KernelOp k) { moveOffsets<cta::StoreOp>(k, 2, "d"); }},
    {"LayoutOfA", "L1", [](cta::KernelOp k) { relabel(k, "sfa", "8x4"); }},
    {"LayoutOfB", "L1", [](cta::KernelOp k) { relabel(k, "sfb", "linear"); }},
    {"FirstBarrierDropped", "L3", [](cta::KernelOp k) { dropBarriers(k, 0); }},
    {"SecondBarrierDropped", "L3", [](cta::KernelOp k) { dropBarriers(k, 1); }},
    {"MaskedScalesSkip", "L3", skipMasked<cta::StoreScaleOp, cta::LoadScaleOp>},
    {"MaskedDataSkip", "L3", skipMasked<cta::StoreSharedOp, cta::LoadOp>},
    {"ScaleStageOneOn", "L3",
     [](cta::KernelOp k) { moveOffsets<cta::StoreScaleOp>(k, 1); }},
    {"ScaleWordOn", "L2",
     [](cta::KernelOp k) { moveOffset(all<cta::LoadScaleWordOp>(k)[0], 4); }},
    {"ScalesSwapped", "L2", swapScales},
    {"HalvesSwapped", "L2", swapHalves},
    {"DataHalfOn", "L2",
     [](cta::KernelOp k) { moveOffset(all<cta::LdMatrixOp>(k)[0], 16); }},
    {"StoredTwice", "L4", storeTwice},
    {"NotStored", "L4", dropStore},
    {"DataSteer", "L5", steerByData},
    {"NoSteps", "gemm", dropSteps}};

/// Rows of a warp's scale factors as if they were not turned by eights: 8t + g.
void turnNoScales(cta::KernelOp kernel) {
  kernel.walk([](cta::LoadScaleWordsOp op) {
    SmallVector<Value> pending = {op.getOffset()};
    while (!pending.empty()) {
      Operation *part = pending.pop_back_val().getDefiningOp();
      if (!part)
        continue;
      auto sum = part->getNumOperands()
                     ? part->getOperand(0).getDefiningOp<arith::AddIOp>()
                     : arith::AddIOp();
      if (isa<arith::RemUIOp>(part) && sum)
        part->setOperand(0, sum.getLhs());
      else
        llvm::append_range(pending, part->getOperands());
    }
  });
}

/// Of kernels that pack scale factors.
constexpr Edit packedEdits[] = {
    {"SelectorOfA", "L2",
     [](cta::KernelOp k) { all<cta::MmaOp>(k)[0].setSaSelector(1); }},
    {"SelectorOfB", "L2",
     [](cta::KernelOp k) { all<cta::MmaOp>(k)[0].setSbSelector(2); }},
    {"WordOfOtherRows", "L2",
     [](cta::KernelOp k) {
       for (cta::LoadScaleWordsOp op : all<cta::LoadScaleWordsOp>(k))
         op.getWords()[0].replaceAllUsesWith(op.getWords()[1]);
     }},
    {"ReadOfOtherWords", "L2",
     [](cta::KernelOp k) { moveOffset(all<cta::LoadScaleWordsOp>(k)[0], -8); }},
    {"ReadOffAlignment", "L3",
     [](cta::KernelOp k) { moveOffset(all<cta::LoadScaleWordsOp>(k)[0], 4); }},
    {"ScalesInTheirOrder", "L2", turnNoScales},
    {"WordOfNobody", "L3",
     [](cta::KernelOp k) { all<cta::CopyScalesOp>(k, "sfa")[0].erase(); }}};

/// Two elements that a lane holds, along the rows and along the columns of
/// multiplies, in each other's place.
void exchangeElements(cta::KernelOp kernel) {
  auto stores = all<cta::StoreOp>(kernel);
  Value first = stores[1].getValue();
  stores[1].getValueMutable().assign(stores[2].getValue());
  stores[2].getValueMutable().assign(first);
}

/// The columns of a multiply are the first of its rows.
void multiplyBySelf(cta::KernelOp kernel) {
  cta::MmaOp op = all<cta::MmaOp>(kernel)[0];
  SmallVector<Value> rows(op.getA());
  op.getBMutable().assign({rows[0], rows[2]});
  op.getSbMutable().assign(op.getSa());
}

/// Of kernels whose multiplies' rows are columns of D.
constexpr Edit swappedEdits[] = {
    {"ElementsExchanged", "gemm", exchangeElements},
    {"OneOperandTwice", "gemm", multiplyBySelf},
    {"ScalesSwapped", "L2", swapScales},
    {"HalvesSwapped", "L2", swapHalves},
    {"ScaleWordOn", "L2",
     [](cta::KernelOp k) { moveOffset(all<cta::LoadScaleWordOp>(k)[0], 4); }},
    {"RowBoundWeakened", "L1", weakenRows},
    {"StoreColumnDropped", "L1",
     [](cta::KernelOp k) { dropConjunct<cta::StoreOp>(k, "d", 1); }}};

template <typename Op>
void dropStep(cta::KernelOp kernel) {
  all<Op>(kernel).front().erase();
}

/// A step of a ring over the copy or read that is `number` of its kind.
template <typename Step, typename Touch>
void moveStep(cta::KernelOp kernel, size_t number, bool behind) {
  Step step = all<Step>(kernel).front();
  Touch touch = all<Touch>(kernel)[number];
  behind ? step->moveAfter(touch) : step->moveBefore(touch);
}

/// The step takes another iteration than the accesses around it.
template <typename Step>
void shiftStep(cta::KernelOp kernel) {
  Step step = all<Step>(kernel).front();
  OpBuilder builder(step);
  Value at = step.getIteration();
  Value one = arith::ConstantOp::create(builder, step.getLoc(),
                                        IntegerAttr::get(at.getType(), 1));
  step->setOperand(
      1, arith::AddIOp::create(builder, step.getLoc(), at, one).getResult());
}

/// Of kernels with roles: what they owe each other at the ring.
constexpr Edit roleEdits[] = {
    {"NotAcquired", "L3", dropStep<cta::RingAcquireOp>},
    {"NotPublished", "L3", dropStep<cta::RingPublishOp>},
    {"NotWaitedFor", "L3", dropStep<cta::RingWaitOp>},
    {"NotReleased", "L3", dropStep<cta::RingReleaseOp>},
    {"AcquiredLate", "L3",
     [](cta::KernelOp k) {
       moveStep<cta::RingAcquireOp, cta::CopyOp>(k, 0, true);
     }},
    {"PublishedEarly", "L3",
     [](cta::KernelOp k) {
       moveStep<cta::RingPublishOp, cta::CopyScalesOp>(k, 0, false);
     }},
    {"WaitedLate", "L3",
     [](cta::KernelOp k) {
       moveStep<cta::RingWaitOp, cta::LdMatrixOp>(k, 0, true);
     }},
    {"ReleasedEarly", "L3",
     [](cta::KernelOp k) {
       moveStep<cta::RingReleaseOp, cta::LdMatrixOp>(k, 1, false);
     }},
    {"AcquiresAnother", "L3", shiftStep<cta::RingAcquireOp>},
    {"PublishesAnother", "L3", shiftStep<cta::RingPublishOp>},
    {"WaitsForAnother", "L3", shiftStep<cta::RingWaitOp>},
    {"ReleasesAnother", "L3", shiftStep<cta::RingReleaseOp>},
    {"OneStepTooFew", "L3",
     [](cta::KernelOp k) {
       cta::RingOp ring = all<cta::RingOp>(k).front();
       ring.setSteps(*ring.getSteps() - 1);
     }},
    {"FewerProducers", "L3",
     [](cta::KernelOp k) { all<cta::RoleOp>(k).front().setCount(2); }},
    {"NoProducer", "L3",
     [](cta::KernelOp k) { all<cta::RoleOp>(k).front().erase(); }}};

template <typename Turn>
void dropTurn(cta::KernelOp kernel) {
  all<Turn>(kernel).front().erase();
}

/// The turn ends with the first K loop's beginning, or begins at its end.
template <typename Turn>
void moveTurn(cta::KernelOp kernel, bool behind) {
  Turn turn = all<Turn>(kernel).front();
  scf::ForOp loop = all<scf::ForOp>(kernel).back();
  behind ? turn->moveAfter(loop) : turn->moveBefore(loop);
}

/// Of roles whose groups take tiles by turns.
constexpr Edit turnEdits[] = {
    {"NotTaken", "L3", dropTurn<cta::TakeTurnOp>},
    {"NotPassed", "L3", dropTurn<cta::PassTurnOp>},
    {"TakenLate", "L3",
     [](cta::KernelOp k) { moveTurn<cta::TakeTurnOp>(k, true); }},
    {"PassedEarly", "L3",
     [](cta::KernelOp k) { moveTurn<cta::PassTurnOp>(k, false); }},
    {"PassedTwice", "L3",
     [](cta::KernelOp k) {
       Operation *pass = all<cta::PassTurnOp>(k).front();
       OpBuilder(pass).clone(*pass);
     }},
    {"ProducersByTurns", "L3",
     [](cta::KernelOp k) { all<cta::RoleOp>(k).front().setTurns(2); }}};

/// operand + number at each box of an operand.
void moveBoxes(cta::KernelOp kernel, StringRef source, bool rows, int number) {
  for (cta::CopyBoxOp box : all<cta::CopyBoxOp>(kernel, source)) {
    OpBuilder builder(box);
    Value at = rows ? box.getRow() : box.getColumn();
    Value more = arith::ConstantOp::create(
        builder, box.getLoc(), IntegerAttr::get(at.getType(), number));
    Value moved = arith::AddIOp::create(builder, box.getLoc(), at, more);
    (rows ? box.getRowMutable() : box.getColumnMutable()).assign(moved);
  }
}

void copyBoxesBy(cta::KernelOp kernel, bool threads) {
  for (cta::CopyBoxOp box : all<cta::CopyBoxOp>(kernel)) {
    OpBuilder builder(box);
    box.getMineMutable().assign(arith::ConstantOp::create(
        builder, box.getLoc(), builder.getBoolAttr(threads)));
  }
}

/// Of kernels that copy by TMA.
constexpr Edit boxEdits[] = {
    {"OneRowOn", "gemm", [](cta::KernelOp k) { moveBoxes(k, "a", true, 1); }},
    {"OneBlockOn", "L2", [](cta::KernelOp k) { moveBoxes(k, "b", false, 8); }},
    {"OneStepOn", "L2", [](cta::KernelOp k) { moveBoxes(k, "a", false, 32); }},
    {"ByAllThreads", "L3", [](cta::KernelOp k) { copyBoxesBy(k, true); }},
    {"ByNoThread", "L3", [](cta::KernelOp k) { copyBoxesBy(k, false); }},
    {"Dropped", "L3",
     [](cta::KernelOp k) { all<cta::CopyBoxOp>(k, "b")[0].erase(); }},
    {"Unswizzled", "L2",
     [](cta::KernelOp k) {
       for (arith::XOrIOp op : all<arith::XOrIOp>(k))
         op.replaceAllUsesWith(op.getLhs());
     }},
    {"PublishedBefore", "L3",
     [](cta::KernelOp k) {
       moveStep<cta::RingPublishOp, cta::CopyBoxOp>(k, 0, false);
     }},
    {"AcquiredBehind", "L3", [](cta::KernelOp k) {
       moveStep<cta::RingAcquireOp, cta::CopyBoxOp>(k, 0, true);
     }}};

/// Of kernels whose D leaves by TMA.
constexpr Edit outputEdits[] = {
    {"NoAcquire", "L3",
     [](cta::KernelOp k) { all<cta::OutputAcquireOp>(k).front().erase(); }},
    {"AcquiredLate", "L3",
     [](cta::KernelOp k) {
       moveTo<cta::OutputAcquireOp, cta::StorePairOp>(k, 0, true);
     }},
    {"NoPublish", "L3",
     [](cta::KernelOp k) { all<cta::OutputPublishOp>(k).front().erase(); }},
    {"PublishedEarly", "L3",
     [](cta::KernelOp k) {
       moveTo<cta::OutputPublishOp, cta::StorePairOp>(k, 3, false);
     }},
    {"PublishedLate", "L3",
     [](cta::KernelOp k) {
       moveTo<cta::OutputPublishOp, cta::StoreBoxOp>(k, 0, true);
     }},
    {"NoDrain", "L3",
     [](cta::KernelOp k) { all<cta::OutputDrainOp>(k).front().erase(); }},
    {"DrainedBefore", "L3",
     [](cta::KernelOp k) {
       moveTo<cta::OutputDrainOp, cta::TileRangeOp>(k, 0, false);
     }},
    {"NoPair", "L3",
     [](cta::KernelOp k) { all<cta::StorePairOp>(k)[1].erase(); }},
    {"PairMoved", "L3",
     [](cta::KernelOp k) {
       cta::StorePairOp pair = all<cta::StorePairOp>(k)[1];
       addTo(pair, pair.getOffsetMutable(), 4);
     }},
    {"PairTurnedRound", "gemm",
     [](cta::KernelOp k) {
       cta::StorePairOp pair = all<cta::StorePairOp>(k)[1];
       Value first = pair.getFirst();
       pair.getFirstMutable().assign(pair.getSecond());
       pair.getSecondMutable().assign(first);
     }},
    {"NoBox", "L4",
     [](cta::KernelOp k) { all<cta::StoreBoxOp>(k).front().erase(); }},
    {"BoxTwice", "L4",
     [](cta::KernelOp k) {
       cta::StoreBoxOp box = all<cta::StoreBoxOp>(k).front();
       OpBuilder(box).clone(*box);
     }},
    {"BoxOneRowOn", "gemm",
     [](cta::KernelOp k) {
       cta::StoreBoxOp box = all<cta::StoreBoxOp>(k).front();
       addTo(box, box.getRowMutable(), 1);
     }},
    {"BoxOneElementOn", "gemm",
     [](cta::KernelOp k) {
       cta::StoreBoxOp box = all<cta::StoreBoxOp>(k).front();
       addTo(box, box.getColumnMutable(), 2);
     }},
    {"BoxOneByteOn", "L4",
     [](cta::KernelOp k) {
       cta::StoreBoxOp box = all<cta::StoreBoxOp>(k).front();
       addTo(box, box.getColumnMutable(), 1);
     }},
    {"BoxOfAnotherWarp", "L3",
     [](cta::KernelOp k) {
       cta::StoreBoxOp box = all<cta::StoreBoxOp>(k).front();
       OpBuilder builder(box);
       auto zero = arith::ConstantOp::create(builder, box.getLoc(),
                                             builder.getI32IntegerAttr(0));
       box.getOffsetMutable().assign(zero);
     }},
    {"BoxByAllLanes", "L3",
     [](cta::KernelOp k) {
       cta::StoreBoxOp box = all<cta::StoreBoxOp>(k).front();
       OpBuilder builder(box);
       box.getMineMutable().assign(arith::ConstantOp::create(
           builder, box.getLoc(), builder.getBoolAttr(true)));
     }},
};

cta::SumPartsOp theSum(cta::KernelOp kernel) {
  return all<cta::SumPartsOp>(kernel).front();
}

/// What the last part does is done by each, with what it has itself.
void storeByEachPart(cta::KernelOp kernel) {
  cta::SumPartsOp sum = theSum(kernel);
  Block &body = sum.getBody().front();
  for (auto [argument, value] : llvm::zip(body.getArguments(), sum.getValues()))
    argument.replaceAllUsesWith(value);
  for (Operation &op : llvm::make_early_inc_range(body))
    op.moveBefore(sum);
}

/// K steps of all parts begin where those of one do.
void walkAs(cta::KernelOp kernel, int64_t number) {
  BlockArgument part = all<cta::TileRangeOp>(kernel).front().getPart();
  OpBuilder builder(kernel.getContext());
  builder.setInsertionPointToStart(&kernel.getBody().front());
  Value other = arith::ConstantOp::create(builder, kernel.getLoc(),
                                          builder.getI32IntegerAttr(number));
  part.replaceUsesWithIf(other, [](OpOperand &use) {
    return !isa<cta::SumPartsOp>(use.getOwner());
  });
}

void movePlace(cta::KernelOp kernel, int64_t by) {
  cta::SumPartsOp sum = theSum(kernel);
  OpBuilder builder(sum);
  Value more = arith::ConstantOp::create(builder, sum.getLoc(),
                                         builder.getI32IntegerAttr(by));
  sum.getThreadMutable().assign(
      arith::AddIOp::create(builder, sum.getLoc(), sum.getThread(), more));
}

/// Of tiles that have parts.
constexpr Edit partEdits[] = {
    {"AllWalkAsTheFirst", "gemm", [](cta::KernelOp k) { walkAs(k, 0); }},
    {"AllWalkAsTheLast", "gemm", [](cta::KernelOp k) { walkAs(k, 1); }},
    {"StoredByEach", "L4", storeByEachPart},
    {"OtherTile", "L3",
     [](cta::KernelOp k) {
       cta::SumPartsOp sum = theSum(k);
       sum.getTileMutable().assign(sum.getPart());
     }},
    {"OtherPart", "L3",
     [](cta::KernelOp k) {
       cta::SumPartsOp sum = theSum(k);
       sum.getPartMutable().assign(sum.getTile());
     }},
    {"OtherThread", "L1", [](cta::KernelOp k) { movePlace(k, 1); }},
    {"OtherRegister", "gemm",
     [](cta::KernelOp k) {
       SmallVector<Value> values(theSum(k).getValues());
       std::swap(values[0], values[1]);
       theSum(k).getValuesMutable().assign(values);
     }},
    {"Twice", "L3", [](cta::KernelOp k) {
       cta::SumPartsOp sum = theSum(k);
       auto copy = cast<cta::SumPartsOp>(OpBuilder(sum).clone(*sum));
       copy.getBody().front().clear();
     }}};

class WrongKernel : public testing::TestWithParam<Edit> {};

TEST_P(WrongKernel, IsFoundAndNotProven) {
  expectFound(GetParam(), {"tile=32x32x128 warps=2x2"});
}

class WrongPackedKernel : public testing::TestWithParam<Edit> {};

TEST_P(WrongPackedKernel, IsFoundAndNotProven) {
  expectFound(GetParam(), {"kind=multistage tile=64x64x64 warps=1x1"});
}

class WrongSwapped : public testing::TestWithParam<Edit> {};

TEST_P(WrongSwapped, IsFoundAndNotProven) {
  expectFound(GetParam(), {"tile=32x32x128 warps=2x2 swap=ab"});
}

class WrongSwappedPacked : public testing::TestWithParam<Edit> {};

TEST_P(WrongSwappedPacked, IsFoundAndNotProven) {
  expectFound(GetParam(), {"kind=multistage tile=64x64x64 warps=1x1 swap=ab"});
}

class WrongRoles : public testing::TestWithParam<Edit> {};

TEST_P(WrongRoles, AreFoundAndNotProven) {
  expectFound(GetParam(),
              {"kind=cooperative tile=32x32x64 warps=2x2 stages=2"});
}

class WrongTurns : public testing::TestWithParam<Edit> {};

TEST_P(WrongTurns, AreFoundAndNotProven) {
  expectFound(GetParam(), {"kind=pingpong tile=32x32x64 warps=2x2 stages=2"});
}

class WrongParts : public testing::TestWithParam<Edit> {};

TEST_P(WrongParts, AreFoundAndNotProven) {
  for (const char *kind :
       {"kind=cooperative tile=32x32x64 warps=2x2 stages=2 split=2",
        "tile=32x32x64 warps=2x2 split=2"})
    expectFound(GetParam(), {kind});
}

class WrongBoxes : public testing::TestWithParam<Edit> {};

TEST_P(WrongBoxes, AreFoundAndNotProven) {
  expectFound(
      GetParam(),
      {"kind=cooperative tile=32x32x64 warps=2x2 stages=2 fill=tma", 96});
}

class WrongOutput : public testing::TestWithParam<Edit> {};

TEST_P(WrongOutput, IsFoundAndNotProven) {
  expectFound(GetParam(),
              {"kind=cooperative tile=32x32x64 warps=2x2 stages=2 store=tma",
               80,
               /*n=*/24});
}

/// Right for every M that is quick to enumerate.
TEST(WrongKernels, OffsetsThatWrap) {
  GemmProblem problem;
  problem.n = 21;
  problem.k = 80;
  CtaInstance instance(problem, "tile=32x32x128 warps=2x2");
  ASSERT_TRUE(instance.kernel);
  narrowOffsets(instance.kernel);
  auto small = findViolations(instance.kernel, {45});
  ASSERT_TRUE(small) << small.message();
  EXPECT_TRUE(small->empty());
  constexpr int64_t m = 1 << 24, tiles = m / 32;
  auto large = findViolations(instance.kernel, {m, tiles, tiles - 1, tiles});
  ASSERT_TRUE(large) << large.message();
  ASSERT_FALSE(large->empty());
  EXPECT_EQ(large->front().lemma, "L6");
  EXPECT_FALSE(prove(instance).accepted);
}

INSTANTIATE_TEST_SUITE_P(Edits, WrongPackedKernel,
                         testing::ValuesIn(packedEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

INSTANTIATE_TEST_SUITE_P(Edits, WrongSwapped, testing::ValuesIn(swappedEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

INSTANTIATE_TEST_SUITE_P(Edits, WrongSwappedPacked,
                         testing::ValuesIn(packedEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

INSTANTIATE_TEST_SUITE_P(Edits, WrongRoles, testing::ValuesIn(roleEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

INSTANTIATE_TEST_SUITE_P(Edits, WrongTurns, testing::ValuesIn(turnEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

INSTANTIATE_TEST_SUITE_P(Edits, WrongParts, testing::ValuesIn(partEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

INSTANTIATE_TEST_SUITE_P(Edits, WrongBoxes, testing::ValuesIn(boxEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

INSTANTIATE_TEST_SUITE_P(Edits, WrongOutput, testing::ValuesIn(outputEdits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

INSTANTIATE_TEST_SUITE_P(Edits, WrongKernel, testing::ValuesIn(edits),
                         [](const testing::TestParamInfo<Edit> &info) {
                           return info.param.name;
                         });

} // namespace
