// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The frame: arguments, tiles, loops, and which method an op belongs to.

#include "tests/CtaInterpreter/CtaInterpreter.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "tests/CtaInterpreter/CtaMachine.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

Status nybl::enumeration::unknownOp(Operation &op) {
  return Status::invalid("the interpreter of Cta does not know '" +
                         op.getName().getStringRef().str() + "'");
}

CtaMachine::CtaMachine(cta::KernelOp kernel, const Launch &launch,
                       Observer &observer)
    : kernel(kernel), launch(launch), observer(observer),
      threads(static_cast<int>(kernel.getThreads())) {
  for (BlockArgument argument : kernel.getBody().getArguments())
    operands.emplace_back(argument, kernel.sourceOf(argument), launch);
  for (BlockArgument argument : kernel.getBody().getArguments()) {
    StringRef source = kernel.sourceOf(argument);
    if (source == "m")
      numbers(argument).assign(threads, launch.m);
    else if (source == "n")
      numbers(argument).assign(threads, launch.n);
    else if (source == "k.blocks")
      numbers(argument).assign(threads, launch.blocks);
    else if (source.consume_back(".tile_stride"))
      numbers(argument).assign(
          threads, operandOf(kernel.argumentFor(source)).tileStride());
    else if (source.consume_back(".stride"))
      numbers(argument).assign(threads,
                               operandOf(kernel.argumentFor(source)).stride());
    else if (argument.getType().isInteger(32))
      numbers(argument).assign(threads, 0);
    else
      sums(argument);
  }
}

Status CtaMachine::run() {
  for (cta = launch.firstCta; cta < launch.endCta; ++cta) {
    shared->clear();
    for (auto &memory : tensorOf)
      *memory = TensorMemory();
    *outputs = {};
    Status status = execute(kernel.getBody().front());
    if (status.code() == ErrorCode::Refused) // and told as a fault
      return Status::ok();
    if (!status)
      return status;
    checkDrained();
  }
  if (launch.isWhole())
    checkWorkspace();
  return Status::ok();
}

Registers &CtaMachine::registersOf(Value value) {
  auto [at, isNew] = indices.try_emplace(value, registers.size());
  if (isNew)
    registers.emplace_back();
  return registers[at->second];
}

const Operand &CtaMachine::operandOf(Value base) {
  return operands[cast<BlockArgument>(base).getArgNumber()];
}

bool CtaMachine::isComputed(Operation *op, Value value) {
  if (!registersOf(value).numbers.empty())
    return true;
  observer.fault(op, "L5", "computes an integer from loaded data");
  return false;
}

uint64_t CtaMachine::uniform(Operation *op, Value value) {
  if (!isComputed(op, value))
    return 0;
  const auto &list = numbers(value);
  if (!llvm::all_equal(list))
    observer.fault(op, "L5", "is not the same number in all threads");
  return list[0];
}

Status CtaMachine::execute(Block &block) {
  for (Operation &op : block) {
    if (observer.isEnough())
      return Status::refused("enough is known");
    if (Status status = execute(op); !status)
      return status;
  }
  return Status::ok();
}

Status CtaMachine::execute(Operation &op) {
  if (isa<arith::ArithDialect>(op.getDialect()))
    return executeArith(op);
  if (auto loop = dyn_cast<scf::ForOp>(op))
    return executeFor(loop);
  if (isa<scf::YieldOp>(op))
    return Status::ok();
  return executeCta(op);
}

Status CtaMachine::executeCta(Operation &op) {
  return TypeSwitch<Operation *, Status>(&op)
      .Case([&](cta::TileRangeOp o) { return executeTileRange(o); })
      .Case([&](cta::ThreadIdOp o) {
        auto &list = numbers(o);
        for (int thread = 0; thread < threads; ++thread)
          list[thread] = thread;
        return Status::ok();
      })
      .Case([&](cta::AllocOp o) {
        if (isa<cta::OutputStageType>(o.getType())) // made where it is used
          return Status::ok();
        int64_t size = isa<cta::StageType>(o.getType())
                           ? cast<cta::StageType>(o.getType()).getBytes()
                           : cast<cta::ScaleStageType>(o.getType()).getBytes();
        auto ring = o.getRing() ? o.getRing().getDefiningOp<cta::RingOp>()
                                : cta::RingOp();
        (*shared)[o].assign(size * (ring ? ring.getStages() : 1), Cell());
        return Status::ok();
      })
      .Case([&](cta::PairRankOp o) {
        return numbers(o).assign(threads, rank), Status::ok();
      })
      .Case([&](cta::PairWaitOp o) { return executePairWait(o); })
      .Case([&](cta::BarrierOp) { return ++epoch, Status::ok(); })
      .Case<cta::RingPublishOp, cta::RingWaitOp, cta::RingAcquireOp,
            cta::RingReleaseOp>([&](auto o) {
        bool between = role >= 0 || stepsOf(o.getRing()) != 0;
        return between ? executeRingStep(op) : executeGroup(op);
      })
      .Case<cta::TensorPublishOp, cta::TensorReleaseOp>([&](auto o) {
        isAsked(o, o.getMine());
        return executeRingStep(op);
      })
      .Case<cta::TakeTurnOp, cta::PassTurnOp>(
          [&](auto) { return executeTurn(op); })
      .Case<cta::GridWaitOp, cta::GridReleaseOp, cta::RingOp,
            cta::TensorAllocOp>([](auto) { return Status::ok(); })
      .Case([&](cta::SmemDescOp o) {
        Value ring = o.getStage().getDefiningOp<cta::AllocOp>().getRing();
        numbers(o).assign(threads,
                          iterationOf(ring, uniform(o, o.getIteration())));
        return Status::ok();
      })
      .Case([&](cta::TensorCopyOp o) {
        return executeTensorCopy(o), Status::ok();
      })
      .Case([&](cta::TensorZeroOp o) {
        return numbers(o).assign(threads, 0), Status::ok();
      })
      .Case(
          [&](cta::TensorMmaOp o) { return executeTensorMma(o), Status::ok(); })
      .Case([&](cta::TensorLoadOp o) {
        return executeTensorLoad(o), Status::ok();
      })
      .Case(
          [&](cta::StorePairOp o) { return executeStorePair(o), Status::ok(); })
      .Case([&](cta::StoreBoxOp o) { return executeStoreBox(o), Status::ok(); })
      .Case<cta::OutputAcquireOp, cta::OutputPublishOp, cta::OutputDrainOp>(
          [&](auto) { return executeOutputStep(op), Status::ok(); })
      .Case([&](cta::SumPartsOp o) { return executeSumParts(o); })
      .Case([&](cta::GlobalAccess o) { return executeAccess(o), Status::ok(); })
      .Case([&](cta::StoreSharedOp o) {
        return executeStoreShared(o, o.getValue()), Status::ok();
      })
      .Case([&](cta::StoreScaleOp o) {
        return executeStoreShared(o, o.getValue()), Status::ok();
      })
      .Case([&](cta::LdMatrixOp o) { return executeLdMatrix(o), Status::ok(); })
      .Case<cta::LoadScaleWordOp, cta::LoadScaleWordsOp>(
          [&](auto o) { return executeLoadScaleWords(o), Status::ok(); })
      .Case([&](cta::DequantizeOp o) {
        return executeDequantize(o), Status::ok();
      })
      .Case([&](cta::MmaOp o) { return executeMma(o), Status::ok(); })
      .Default([](Operation *o) { return unknownOp(*o); });
}

/// A step of a ring within one role: copies are groups.
Status CtaMachine::executeGroup(Operation &op) {
  if (auto wait = dyn_cast<cta::RingWaitOp>(op))
    executeWait(wait);
  group += isa<cta::RingPublishOp>(op);
  return Status::ok();
}

Status CtaMachine::executeTileRange(cta::TileRangeOp op) {
  if (!op.getBody().getOps<cta::RoleOp>().empty())
    return executeRoles(op);
  return forEachTask(op,
                     [&](int64_t) { return execute(op.getBody().front()); });
}

Status
CtaMachine::forEachTask(cta::TileRangeOp range,
                        llvm::function_ref<Status(int64_t number)> body) {
  auto parts = static_cast<uint64_t>(range.getParts());
  uint64_t across = range.getAcross() ? uniform(range, range.getAcross()) : 1;
  uint64_t count = uniform(range, range.getCount()) * across * parts;
  int64_t ctas = parts > 1 ? 1 : launch.ctas, number = 0;
  if (cta >= ctas)
    return Status::ok();
  for (uint64_t task = cta; task < count; task += ctas) {
    numbers(range.getTile()).assign(threads, task / (across * parts));
    if (range.getColumn())
      numbers(range.getColumn()).assign(threads, task % across);
    if (range.getPart())
      numbers(range.getPart()).assign(threads, task % parts);
    if (Status status = body(number++); !status)
      return status;
  }
  return Status::ok();
}

Status CtaMachine::executeFor(scf::ForOp op) {
  auto signedOf = [&](Value value) {
    return llvm::SignExtend64(uniform(op, value),
                              value.getType().getIntOrFloatBitWidth());
  };
  int64_t low = signedOf(op.getLowerBound()),
          high = signedOf(op.getUpperBound());
  int64_t step = signedOf(op.getStep());
  if (step < 1)
    return Status::invalid("expected a positive step of 'scf.for'");
  std::vector<Registers> carried;
  auto take = [&](ValueRange values) {
    carried.clear();
    for (Value value : values)
      carried.push_back(registersOf(value));
  };
  auto give = [&](ValueRange values) {
    for (auto [value, list] : llvm::zip(values, carried))
      registersOf(value) = std::move(list);
  };
  take(op.getInitArgs());
  for (int64_t i = low; i < high; i += step) {
    give(op.getRegionIterArgs());
    numbers(op.getInductionVar()).assign(threads, i);
    if (Status status = execute(*op.getBody()); !status)
      return status;
    take(op.getBody()->getTerminator()->getOperands());
  }
  give(op.getResults());
  return Status::ok();
}

Status nybl::enumeration::interpretCta(cta::KernelOp kernel,
                                       const Launch &launch,
                                       Observer &observer) {
  return CtaMachine(kernel, launch, observer).run();
}
