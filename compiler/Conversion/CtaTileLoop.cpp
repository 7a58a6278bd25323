// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The static loop is an scf.for. The other one goes on as long as the answers
// name a tile (PTX ISA, clusterlaunchcontrol). They lie in a ring: `full` of a
// slot completes with the 16 bytes of an answer, `empty` when all warps have
// taken it. The next answer is asked for when the one before is known to name a
// tile, by who takes it too: so nobody asks after "none", which would be
// undefined, and no CTA leaves before its last answer has come.

#include "compiler/Conversion/CtaTileLoop.h"
#include "compiler/Conversion/CtaToSM120.h"
#include "compiler/Conversion/Index.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include <numeric>

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

Value TileScheduler::number(int64_t value) {
  return arith::ConstantOp::create(builder, location,
                                   builder.getI32IntegerAttr(value));
}

static bool isByPairs(cta::TileRangeOp range) {
  return range->getParentOfType<cta::KernelOp>().isByPairs();
}

Value TileScheduler::workerIndex() {
  Type i32 = builder.getI32Type();
  if (isByPairs(range))
    return NVVM::ClusterIdXOp::create(builder, location, i32);
  return NVVM::BlockIdXOp::create(builder, location, i32);
}

Value TileScheduler::workers() {
  Type i32 = builder.getI32Type();
  if (isByPairs(range))
    return NVVM::ClusterDimXOp::create(builder, location, i32);
  return NVVM::GridDimXOp::create(builder, location, i32);
}

Value TileScheduler::tasks() {
  if (range.getAcross())
    return arith::MulIOp::create(builder, location, range.getCount(),
                                 range.getAcross());
  if (!range.getPart())
    return range.getCount();
  Value parts = number(range.getParts());
  return arith::MulIOp::create(builder, location, range.getCount(), parts);
}

namespace {

class StaticScheduler : public TileScheduler {
public:
  using TileScheduler::TileScheduler;

  Value firstTurn(const TileWalker &walker) override { return walker.group; }
  int64_t turnsInRound(const TileWalker &walker) override {
    return walker.groups;
  }

  TileLoop open(const TileWalker &walker, ValueRange counts) override {
    Value first = workerIndex();
    Value step = workers();
    Value count = tasks();
    // The number cannot wrap: count is proven (L6) to leave room for `groups`
    // grids more.
    if (walker.groups > 1) {
      Value skipped =
          arith::MulIOp::create(builder, location, walker.group, step);
      first = arith::AddIOp::create(builder, location, first, skipped);
      step =
          arith::MulIOp::create(builder, location, step, number(walker.groups));
    }
    auto loop =
        scf::ForOp::create(builder, location, first, count, step, counts);
    builder.setInsertionPointToStart(loop.getBody());
    return {loop, loop.getInductionVar(), first,
            llvm::to_vector_of<Value>(loop.getRegionIterArgs())};
  }

  void close(const TileLoop &loop, const TileWalker &,
             function_ref<SmallVector<Value>()> countOn) override {
    SmallVector<Value> next = countOn();
    if (!next.empty())
      scf::YieldOp::create(builder, location, next);
    builder.setInsertionPointAfter(loop.op);
  }
};

/// A loop carries the tile's number, then how many tiles the CTA has had, then
/// what its body counts. Groups that take turns all go through all tiles, and
/// do each their own.
class LaunchControlScheduler : public TileScheduler {
public:
  LaunchControlScheduler(cta::TileRangeOp range, OpBuilder &builder)
      : TileScheduler(range, builder) {
    int64_t warps = 0;
    for (auto role : range.getBody().getOps<cta::RoleOp>()) {
      warps += int64_t(role.getCount());
      groups = std::lcm(groups, role.getGroups());
    }
    SmallVector<int64_t> arrivals(answerSlots, 1);
    arrivals.append(answerSlots, warps);
    barriers = placeBarriers(builder, range, arrivals, "answer_barriers");
    answers = sharedArray(builder, location, range->getParentOfType<ModuleOp>(),
                          answerSlots * answerBytes, "answers");
  }

  Value firstTurn(const TileWalker &) override { return {}; }
  int64_t turnsInRound(const TileWalker &) override { return 1; }

  TileLoop open(const TileWalker &walker, ValueRange counts) override {
    Value first = workerIndex();
    SmallVector<Value> begin{first, number(0)};
    llvm::append_range(begin, counts);
    scf::WhileOp loop = openLoop(begin);
    Block::BlockArgListType carried = loop.getAfterArguments();
    if (walker.filler)
      ask(carried[1], Index(builder, walker.filler) < 32);
    if (walker.group) {
      Value whose = Index(builder, carried[1]) % walker.groups;
      Value mine = arith::CmpIOp::create(
          builder, location, arith::CmpIPredicate::eq, whose, walker.group);
      auto branch = scf::IfOp::create(builder, location, mine);
      builder.setInsertionPointToStart(branch.thenBlock());
    }
    return {loop, carried[0], first,
            llvm::to_vector_of<Value>(carried.drop_front(2))};
  }

  void close(const TileLoop &loop, const TileWalker &,
             function_ref<SmallVector<Value>()> countOn) override {
    Block *body = cast<scf::WhileOp>(loop.op).getAfterBody();
    builder.setInsertionPointToEnd(body);
    SmallVector<Value> counts = countOn();
    Value had = body->getArgument(1);
    Value taken = take(had);
    Value more = (Index(builder, had) + 1) % (2 * answerSlots * groups);
    SmallVector<Value> next{taken, more};
    llvm::append_range(next, counts);
    scf::YieldOp::create(builder, location, next);
    builder.setInsertionPointAfter(loop.op);
  }

private:
  /// As long as the tile's number is below their count.
  scf::WhileOp openLoop(ValueRange begin) {
    SmallVector<Type> types = llvm::to_vector(begin.getTypes());
    SmallVector<Location> locations(types.size(), location);
    auto loop = scf::WhileOp::create(builder, location, types, begin);
    Block *before =
        builder.createBlock(&loop.getBefore(), {}, types, locations);
    Value count = tasks();
    Value isTile =
        Index(builder, before->getArgument(0)) < Index(builder, count);
    scf::ConditionOp::create(builder, location, isTile, before->getArguments());
    builder.createBlock(&loop.getAfter(), {}, types, locations);
    return loop;
  }

  Value answerAt(Value had) {
    Value slot = Index(builder, had) % answerSlots;
    Value offset = Index(builder, slot) * answerBytes;
    return LLVM::GEPOp::create(builder, location, answers.getType(),
                               builder.getI8Type(), answers,
                               ArrayRef<LLVM::GEPArg>{offset});
  }

  /// The elected thread of the warp that asks; the others wait with it.
  void ask(Value had, Value asks) {
    waitFree(builder, location, answerSlots, barriers, had);
    Value full = fullBarrier(builder, location, answerSlots, barriers, had);
    Value to = answerAt(had);
    Value elected = electFor(builder, location, asks);
    inlinePtx(builder, location, {}, {full, elected},
              "@$1 mbarrier.arrive.expect_tx.shared.b64 _, [$0], " +
                  std::to_string(answerBytes) + ";",
              "r,b,~{memory}");
    inlinePtx(builder, location, {}, {to, full, elected},
              "@$2 clusterlaunchcontrol.try_cancel.async.shared::cta.mbarrier"
              "::complete_tx::bytes.b128 [$0], [$1];",
              "r,r,b,~{memory}");
  }

  /// The tile of the CTA that was cancelled, or the largest number of all. What
  /// has been read may be written again by another proxy.
  Value take(Value had) {
    waitWhole(builder, location, answerSlots, barriers, had);
    Value from = answerAt(had);
    Value taken =
        inlinePtx(builder, location, builder.getI32Type(), from,
                  "{\n\t.reg .b128 answer;\n\t.reg .pred is_tile;\n\t"
                  "ld.shared.b128 answer, [$1];\n\t"
                  "clusterlaunchcontrol.query_cancel.is_canceled.pred.b128 "
                  "is_tile, answer;\n\t"
                  "mov.b32 $0, -1;\n\t"
                  "@is_tile clusterlaunchcontrol.query_cancel"
                  ".get_first_ctaid::x.b32.b128 $0, answer;\n\t}",
                  "=r,r,~{memory}")
            .getResult(0);
    inlinePtx(builder, location, {}, {}, "fence.proxy.async.shared::cta;",
              "~{memory}");
    letGo(builder, location, answerSlots, barriers, had);
    return taken;
  }

  Value barriers, answers;
  int64_t groups = 1; ///< a multiple of each role's
};

} // namespace

bool nybl::compiler::takesOver(cta::KernelOp kernel) {
  return kernel.getSchedule().getScheduler() && kernel.hasRoles();
}

std::unique_ptr<TileScheduler>
nybl::compiler::makeScheduler(cta::TileRangeOp range, OpBuilder &builder) {
  if (takesOver(range->getParentOfType<cta::KernelOp>()))
    return std::make_unique<LaunchControlScheduler>(range, builder);
  return std::make_unique<StaticScheduler>(range, builder);
}
