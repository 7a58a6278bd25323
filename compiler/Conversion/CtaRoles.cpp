// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each role gets a loop over tiles of its own, with a copy of the arithmetic
// around it.

#include "compiler/Conversion/CtaRoles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

class TileRangeExpander {
public:
  explicit TileRangeExpander(cta::TileRangeOp range)
      : range(range), builder(range), location(range.getLoc()) {}

  void run();

private:
  Value number(int64_t value) {
    return arith::ConstantOp::create(builder, location,
                                     builder.getI32IntegerAttr(value));
  }
  /// An empty loop over this CTA's tiles.
  scf::ForOp makeLoop(ValueRange carried);
  void expand(cta::RoleOp role);
  /// Behind what it does for the last tile.
  void releaseGrid();
  void setRegisters(cta::RoleOp role);
  /// Iterations of `ring` are `base` later.
  void shiftIterations(Operation *root, Value ring, Value base);

  cta::TileRangeOp range;
  OpBuilder builder;
  Location location;
};

scf::ForOp TileRangeExpander::makeLoop(ValueRange carried) {
  Type i32 = builder.getI32Type();
  Value first = NVVM::BlockIdXOp::create(builder, location, i32);
  Value grid = NVVM::GridDimXOp::create(builder, location, i32);
  // The index cannot wrap: count is proven (L6) to leave room for a grid more.
  return scf::ForOp::create(builder, location, first, range.getCount(), grid,
                            carried);
}

void TileRangeExpander::run() {
  Block &body = range.getBody().front();
  if (range.getBody().getOps<cta::RoleOp>().empty()) {
    scf::ForOp loop = makeLoop({});
    body.getArgument(0).replaceAllUsesWith(loop.getInductionVar());
    Block *into = loop.getBody();
    into->getOperations().splice(into->getTerminator()->getIterator(),
                                 body.getOperations());
  } else {
    for (auto role : range.getBody().getOps<cta::RoleOp>())
      expand(role);
  }
  range.erase();
}

/// Of more than its share a thread may have what others give away.
void TileRangeExpander::setRegisters(cta::RoleOp role) {
  std::optional<uint64_t> registers = role.getRegisters();
  if (!registers)
    return;
  bool fewer = int64_t(*registers) <=
               cta::registersAtLaunch(role->getParentOfType<cta::KernelOp>());
  NVVM::SetMaxRegisterOp::create(builder, location, *registers,
                                 fewer ? NVVM::SetMaxRegisterAction::decrease
                                       : NVVM::SetMaxRegisterAction::increase);
}

void TileRangeExpander::shiftIterations(Operation *root, Value ring,
                                        Value base) {
  auto shift = [&](OpOperand &operand) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(operand.getOwner());
    operand.set(arith::AddIOp::create(builder, location, operand.get(), base));
  };
  root->walk([&](Operation *op) {
    if (auto access = dyn_cast<cta::StageAccess>(op)) {
      auto alloc = access.getStage().getDefiningOp<cta::AllocOp>();
      for (OpOperand &operand : op->getOpOperands()) // it follows its stage
        if (alloc.getRing() == ring && operand.get() == access.getStage())
          return shift(op->getOpOperand(operand.getOperandNumber() + 1));
    }
    if (isa<cta::RingAcquireOp, cta::RingPublishOp, cta::RingWaitOp,
            cta::RingReleaseOp>(op) &&
        op->getOperand(0) == ring)
      shift(op->getOpOperand(1));
  });
}

/// Each of its warps arrives once at the ring's barriers.
template <typename Op>
static void countArrivals(cta::RoleOp role, StringRef attribute) {
  llvm::SmallSetVector<Operation *, 4> rings;
  role.walk([&](Op op) { rings.insert(op.getRing().getDefiningOp()); });
  for (Operation *ring : rings) {
    auto before = ring->getAttrOfType<IntegerAttr>(attribute);
    int64_t warps = (before ? before.getInt() : 0) + int64_t(role.getCount());
    ring->setAttr(attribute, Builder(ring).getI64IntegerAttr(warps));
  }
}

static bool publishes(cta::RoleOp role) {
  return role.walk([](cta::RingPublishOp) { return WalkResult::interrupt(); })
      .wasInterrupted();
}

/// Dependent grids may start as soon as a thread of each CTA allows it (PTX
/// ISA, griddepcontrol): the first role that loads does so behind its last
/// load, while others still multiply and store. Whoever reads what they store
/// waits for the whole grid.
void TileRangeExpander::releaseGrid() {
  auto kernel = range->getParentOfType<cta::KernelOp>();
  for (auto release : kernel.getBody().getOps<cta::GridReleaseOp>())
    return release->moveBefore(builder.getInsertionBlock(),
                               builder.getInsertionPoint());
}

void TileRangeExpander::expand(cta::RoleOp role) {
  countArrivals<cta::RingPublishOp>(role, publishingWarps);
  countArrivals<cta::RingReleaseOp>(role, releasingWarps);
  OpBuilder::InsertionGuard guard(builder);
  Value thread = cta::ThreadIdOp::create(builder, location);
  // Threads before the first wrap round to large numbers.
  Value own = arith::SubIOp::create(builder, location, thread,
                                    number(32 * role.getFirst()));
  Value has =
      arith::CmpIOp::create(builder, location, arith::CmpIPredicate::ult, own,
                            number(role.getThreads()));
  auto branch = scf::IfOp::create(builder, location, has);
  builder.setInsertionPointToStart(branch.thenBlock());
  setRegisters(role);

  SmallVector<cta::RingOp> rings;
  for (auto ring :
       range->getParentOfType<cta::KernelOp>().getBody().getOps<cta::RingOp>())
    rings.push_back(ring);
  scf::ForOp loop = makeLoop(SmallVector<Value>(rings.size(), number(0)));
  builder.setInsertionPointToStart(loop.getBody());
  IRMapping mapping;
  mapping.map(range.getBody().getArgument(0), loop.getInductionVar());
  mapping.map(role.getBody().getArgument(0), own);
  for (Operation &op : range.getBody().front())
    if (!isa<cta::RoleOp>(op))
      builder.clone(op, mapping);
  for (Operation &op : role.getBody().front())
    builder.clone(op, mapping);
  SmallVector<Value> next;
  for (auto [ring, base] : llvm::zip(rings, loop.getRegionIterArgs())) {
    shiftIterations(loop, ring, base);
    Value sum = arith::AddIOp::create(builder, location, base,
                                      number(ring.getSteps().value_or(0)));
    next.push_back(arith::RemUIOp::create(builder, location, sum,
                                          number(2 * ring.getStages())));
  }
  if (!rings.empty())
    scf::YieldOp::create(builder, location, next);
  builder.setInsertionPointAfter(loop);
  if (publishes(role))
    releaseGrid();
}

} // namespace

void nybl::compiler::expandTileRanges(cta::KernelOp kernel) {
  for (auto range :
       llvm::make_early_inc_range(kernel.getBody().getOps<cta::TileRangeOp>()))
    TileRangeExpander(range).run();
}
