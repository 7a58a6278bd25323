// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each role gets a loop over tiles of its own, with a copy of the arithmetic
// around it. What a role copies ahead of the grid's wait is copied there, for
// the CTA's first tile, and left out of that tile later.

#include "compiler/Conversion/CtaRoles.h"
#include "compiler/Conversion/CtaShared.h"
#include "compiler/Conversion/CtaTileLoop.h"
#include "compiler/Conversion/Index.h"
#include "compiler/Conversion/TileOrder.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

class TileRangeExpander {
public:
  explicit TileRangeExpander(cta::TileRangeOp range)
      : range(range), builder(range), location(range.getLoc()) {
    auto kernel = range->getParentOfType<cta::KernelOp>();
    auto waits = kernel.getBody().getOps<cta::GridWaitOp>();
    if (!waits.empty())
      wait = *waits.begin();
    byPairs = kernel.isByPairs();
  }

  void run();

private:
  Value number(int64_t value) {
    return arith::ConstantOp::create(builder, location,
                                     builder.getI32IntegerAttr(value));
  }
  /// The index of the tile that has this number and, where it has parts, the
  /// part: what the range's arguments are.
  SmallVector<Value> argumentsAt(Value number);
  Value tileAt(Value number);
  void expand(cta::RoleOp role);
  /// The role's warps go on in a branch, where the builder is from here on.
  /// Returns the thread's number in the role.
  Value enter(cta::RoleOp role);
  // What runs ahead of the grid's wait.
  void hoistAhead();
  void fillAhead(cta::RoleOp role);
  void cloneAhead(scf::ForOp loop, IRMapping &mapping);
  void cloneIfKnown(Operation &op, IRMapping &mapping);
  void skipFilled(const TileLoop &tiles);
  void expandTile(cta::RoleOp role, const TileLoop &loop, Value own);
  /// Iterations of so many tiles, as far as slots and parities go.
  Index timesSteps(Value tiles, cta::RingOp ring, int64_t rounds);
  /// Rings start at this loop's first tile, and so do turns.
  SmallVector<Value> firstCounts(cta::RoleOp role, const TileWalker &walker);
  /// What is done in the loop is of its counts' iterations and turns.
  void useCounts(cta::RoleOp role, const TileLoop &loop);
  /// The loop's counts go on to its next tile.
  SmallVector<Value> countOn(cta::RoleOp role, const TileLoop &loop,
                             const TileWalker &walker);
  /// One of the range's.
  bool isFiller(cta::RoleOp role);
  /// What take_turn and pass_turn wait for and arrive at.
  void placeTurns(cta::RoleOp role);
  void numberTurns(Operation *root, Value number);
  /// Each group has its own copy of a stage of D.
  void shiftOutput(Operation *root, Value group);
  /// Behind what it does for the last tile.
  void releaseGrid();
  void awaitReleases(cta::RoleOp role, ResultRange counts);
  void setRegisters(cta::RoleOp role);
  /// Iterations of `ring` are `base` later.
  void shiftIterations(Operation *root, Value ring, Value base);

  cta::TileRangeOp range;
  cta::GridWaitOp wait; ///< null: the kernel has none
  bool byPairs;         ///< of CTAs
  OpBuilder builder;
  Location location;
  std::unique_ptr<TileScheduler> scheduler;
};

/// Parts of a tile follow one another.
SmallVector<Value> TileRangeExpander::argumentsAt(Value number) {
  if (range.getAcross()) {
    Index at(builder, number), across(builder, range.getAcross());
    Value row = at / across;
    return {row, at % across};
  }
  if (!range.getPart())
    return {tileAt(number)};
  int64_t parts = range.getParts();
  Value tile = tileAt(Index(builder, number) / parts);
  return {tile, Index(builder, number) % parts};
}

Value TileRangeExpander::tileAt(Value number) {
  if (!range.getGroup())
    return number;
  int64_t columns = *range.getColumns();
  Index rows = Index(builder, range.getCount()) / columns;
  return compiler::tileAt(Index(builder, number), rows, columns,
                          int64_t(*range.getGroup()));
}

void TileRangeExpander::run() {
  Block &body = range.getBody().front();
  range.walk([&](cta::SumPartsOp sum) {
    sum->setAttr(partsOfTile, builder.getI64IntegerAttr(range.getParts()));
  });
  scheduler = makeScheduler(range, builder);
  if (range.getBody().getOps<cta::RoleOp>().empty()) {
    TileLoop loop = scheduler->open({}, {});
    SmallVector<Value> arguments = argumentsAt(loop.number);
    for (auto [old, value] : llvm::zip(body.getArguments(), arguments))
      old.replaceAllUsesWith(value);
    builder.getInsertionBlock()->getOperations().splice(
        builder.getInsertionPoint(), body.getOperations());
  } else {
    // All threads see barriers made before any has a role.
    for (auto role : range.getBody().getOps<cta::RoleOp>())
      placeTurns(role);
    if (byPairs)
      cta::PairMeetOp::create(builder, location);
    for (auto role : range.getBody().getOps<cta::RoleOp>())
      fillAhead(role);
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
    for (OpOperand &operand : op->getOpOperands()) // or its columns
      if (auto alloc = operand.get().getDefiningOp<cta::TensorAllocOp>();
          alloc && alloc.getRing() == ring &&
          isa<cta::TensorColumnsType>(operand.get().getType()))
        return shift(op->getOpOperand(operand.getOperandNumber() + 1));
    if (isa<cta::RingAcquireOp, cta::RingPublishOp, cta::RingWaitOp,
            cta::RingReleaseOp, cta::TensorPublishOp, cta::TensorReleaseOp,
            cta::PairWaitOp>(op) &&
        op->getOperand(0) == ring)
      shift(op->getOpOperand(1));
  });
}

void TileRangeExpander::shiftOutput(Operation *root, Value group) {
  auto shift = [&](OpOperand &offset, Value stage) {
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(offset.getOwner());
    Index skipped =
        Index(builder, group) * slotBytes(stage.getDefiningOp<cta::AllocOp>());
    offset.set(Index(builder, offset.get()) + skipped);
  };
  root->walk([&](cta::StorePairOp pair) {
    shift(pair.getOffsetMutable(), pair.getStage());
  });
  root->walk([&](cta::StoreBoxOp box) {
    shift(box.getOffsetMutable(), box.getStage());
  });
}

/// Each warp of the group that has the tile arrives once at the ring's
/// barriers, or so many of its warps.
template <typename Op>
static void countArrivals(cta::RoleOp role, StringRef attribute,
                          std::optional<int64_t> arriving = {}) {
  llvm::SmallSetVector<Operation *, 4> rings;
  role.walk([&](Op op) { rings.insert(op.getRing().getDefiningOp()); });
  for (Operation *ring : rings) {
    auto before = ring->getAttrOfType<IntegerAttr>(attribute);
    int64_t warps = (before ? before.getInt() : 0) +
                    arriving.value_or(role.getThreads() / 32);
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

static SmallVector<cta::RingOp> ringsOf(cta::TileRangeOp range) {
  auto kernel = range->getParentOfType<cta::KernelOp>();
  return llvm::to_vector(kernel.getBody().getOps<cta::RingOp>());
}

/// What the other CTA of a pair lets go of comes from outside: nobody leaves
/// before it is there, as no slot is filled before.
void TileRangeExpander::awaitReleases(cta::RoleOp role, ResultRange counts) {
  llvm::SmallSetVector<Operation *, 4> filled;
  role.walk([&](cta::RingPublishOp op) {
    filled.insert(op.getRing().getDefiningOp());
  });
  for (auto [ring, next] : llvm::zip(ringsOf(range), counts)) {
    if (!filled.contains(ring))
      continue;
    Value begin = number(0), end = number(ring.getStages()), one = number(1);
    auto loop = scf::ForOp::create(builder, location, begin, end, one);
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPointToStart(loop.getBody());
    Index iteration =
        Index(builder, next) + Index(builder, loop.getInductionVar());
    cta::RingAcquireOp::create(builder, location, ring, iteration);
  }
}

void TileRangeExpander::placeTurns(cta::RoleOp role) {
  SmallVector<Operation *> turns;
  role.walk([&](Operation *op) {
    if (isa<cta::TakeTurnOp, cta::PassTurnOp>(op))
      turns.push_back(op);
  });
  if (turns.empty())
    return;
  Value place = cta::TurnsOp::create(builder, location, role.getGroups(),
                                     role.getThreads() / 32);
  // The number comes with the loop.
  for (Operation *op : turns)
    if (auto take = dyn_cast<cta::TakeTurnOp>(op))
      take.getTurnsMutable().assign(place);
    else
      cast<cta::PassTurnOp>(op).getTurnsMutable().assign(place);
}

void TileRangeExpander::numberTurns(Operation *root, Value number) {
  root->walk([&](Operation *op) {
    if (auto take = dyn_cast<cta::TakeTurnOp>(op))
      take.getNumberMutable().assign(number);
    else if (auto pass = dyn_cast<cta::PassTurnOp>(op))
      pass.getNumberMutable().assign(number);
  });
}

Index TileRangeExpander::timesSteps(Value tiles, cta::RingOp ring,
                                    int64_t rounds) {
  if (!ring.getFreeSteps())
    return Index(builder, tiles) *
           (int64_t(ring.getSteps().value_or(0)) % rounds);
  Index steps = Index(builder, ring.getFreeSteps()) % rounds;
  return Index(builder, tiles) * steps;
}

SmallVector<Value> TileRangeExpander::firstCounts(cta::RoleOp role,
                                                  const TileWalker &walker) {
  SmallVector<Value> counts;
  Value turn = scheduler->firstTurn(walker);
  for (cta::RingOp ring : ringsOf(range)) {
    Value first = number(0);
    if (turn) {
      int64_t rounds = 2 * int64_t(ring.getStages());
      Index before = timesSteps(turn, ring, rounds);
      first = before % rounds;
    }
    counts.push_back(first);
  }
  if (role.getTurns())
    counts.push_back(turn ? turn : number(0));
  return counts;
}

void TileRangeExpander::useCounts(cta::RoleOp role, const TileLoop &loop) {
  for (auto [ring, base] : llvm::zip(ringsOf(range), loop.counts))
    shiftIterations(loop.op, ring, base);
  if (role.getTurns())
    numberTurns(loop.op, loop.counts.back());
}

SmallVector<Value> TileRangeExpander::countOn(cta::RoleOp role,
                                              const TileLoop &loop,
                                              const TileWalker &walker) {
  int64_t turns = scheduler->turnsInRound(walker);
  SmallVector<Value> next;
  auto add = [&](Value base, int64_t more, int64_t rounds) {
    next.push_back((Index(builder, base) + more % rounds) % rounds);
  };
  for (auto [ring, base] : llvm::zip(ringsOf(range), loop.counts)) {
    int64_t rounds = 2 * int64_t(ring.getStages());
    if (ring.getFreeSteps()) {
      Index more = timesSteps(number(turns), ring, rounds);
      next.push_back((Index(builder, base) + more) % rounds);
    } else {
      add(base, turns * int64_t(ring.getSteps().value_or(0)), rounds);
    }
  }
  if (role.getTurns())
    add(loop.counts.back(), turns, 2 * role.getGroups());
  return next;
}

void TileRangeExpander::expandTile(cta::RoleOp role, const TileLoop &loop,
                                   Value own) {
  IRMapping mapping;
  mapping.map(range.getBody().getArguments(), argumentsAt(loop.number));
  mapping.map(role.getBody().getArgument(0), own);
  for (Operation &op : range.getBody().front())
    if (!isa<cta::RoleOp>(op))
      builder.clone(op, mapping);
  for (Operation &op : role.getBody().front())
    builder.clone(op, mapping);
}

Value TileRangeExpander::enter(cta::RoleOp role) {
  Value thread = cta::ThreadIdOp::create(builder, location);
  // Threads before the first wrap round to large numbers.
  Value own = arith::SubIOp::create(builder, location, thread,
                                    number(32 * role.getFirst()));
  Value has =
      arith::CmpIOp::create(builder, location, arith::CmpIPredicate::ult, own,
                            number(32 * role.getCount()));
  auto branch = scf::IfOp::create(builder, location, has);
  builder.setInsertionPointToStart(branch.thenBlock());
  return own;
}

//===----------------------------------------------------------------------===//
// Ahead of the grid's wait
//===----------------------------------------------------------------------===//

/// How many steps of a K loop are copied ahead: as many as find empty slots.
static int64_t stepsAhead(scf::ForOp loop) {
  int64_t steps = 0;
  for (Operation &op : *loop.getBody()) {
    if (!cta::isAhead(&op))
      continue;
    auto alloc = cast<cta::StageAccess>(op).getStage().getDefiningOp();
    auto ring = cast<cta::AllocOp>(alloc).getRing().getDefiningOp();
    int64_t stages = cast<cta::RingOp>(ring).getStages();
    steps = steps ? std::min(steps, stages) : stages;
  }
  std::optional<int64_t> all = getConstantIntValue(loop.getUpperBound());
  return std::min(steps, all.value_or(0));
}

/// Rings, stages and arithmetic need nothing that the wait waits for.
void TileRangeExpander::hoistAhead() {
  auto isKnown = [&](Value value) {
    Operation *from = value.getDefiningOp();
    return !from || from->isBeforeInBlock(wait);
  };
  for (Operation &op : llvm::make_early_inc_range(llvm::make_range(
           std::next(wait->getIterator()), range->getIterator())))
    if ((isa<cta::RingOp, cta::AllocOp>(op) || isPure(&op)) &&
        llvm::all_of(op.getOperands(), isKnown))
      op.moveBefore(wait);
}

/// What depends on other than arithmetic is no part of an address.
void TileRangeExpander::cloneIfKnown(Operation &op, IRMapping &mapping) {
  auto isKnown = [&](Value value) {
    return mapping.contains(value) ||
           !range->isAncestor(value.getParentRegion()->getParentOp());
  };
  if (llvm::all_of(op.getOperands(), isKnown))
    builder.clone(op, mapping);
}

void TileRangeExpander::cloneAhead(scf::ForOp loop, IRMapping &mapping) {
  Value zero = number(0), steps = number(stepsAhead(loop)), one = number(1);
  auto ahead = scf::ForOp::create(builder, location, zero, steps, one);
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPointToStart(ahead.getBody());
  mapping.map(loop.getInductionVar(), ahead.getInductionVar());
  for (Operation &op : loop.getBody()->without_terminator())
    if (isPure(&op) || cta::isAhead(&op))
      cloneIfKnown(op, mapping);
}

/// The grid may be larger than the number of tiles.
void TileRangeExpander::fillAhead(cta::RoleOp role) {
  auto loops = role.getBody().getOps<scf::ForOp>();
  if (!wait || llvm::none_of(loops, stepsAhead))
    return;
  hoistAhead();
  OpBuilder::InsertionGuard guard(builder);
  builder.setInsertionPoint(wait);
  Value own = enter(role);
  Value first = scheduler->workerIndex();
  Value hasTile = Index(builder, first) < Index(builder, scheduler->tasks());
  auto branch = scf::IfOp::create(builder, location, hasTile);
  builder.setInsertionPointToStart(branch.thenBlock());
  IRMapping mapping;
  mapping.map(range.getBody().getArguments(), argumentsAt(first));
  mapping.map(role.getBody().getArgument(0), own);
  for (Operation &op : range.getBody().front())
    if (!isa<cta::RoleOp>(op))
      builder.clone(op, mapping);
  for (Operation &op : role.getBody().front())
    if (auto loop = dyn_cast<scf::ForOp>(op); loop && stepsAhead(loop))
      cloneAhead(loop, mapping);
    else if (isPure(&op))
      cloneIfKnown(op, mapping);
}

/// In the CTA's first tile, which the loop over tiles begins with, the first
/// steps are there already.
void TileRangeExpander::skipFilled(const TileLoop &tiles) {
  tiles.op->walk([&](scf::ForOp loop) {
    int64_t steps = stepsAhead(loop);
    if (!wait || !steps)
      return;
    OpBuilder::InsertionGuard guard(builder);
    builder.setInsertionPoint(loop);
    Value filled = number(steps), none = number(0);
    Value isFirst = arith::CmpIOp::create(
        builder, location, arith::CmpIPredicate::eq, tiles.number, tiles.first);
    Value begin =
        arith::SelectOp::create(builder, location, isFirst, filled, none);
    // Of copies that one value is for, one value again.
    llvm::SmallDenseMap<Value, Value> later;
    auto makeLater = [&](Value given) {
      Value &mine = later[given];
      if (mine)
        return mine;
      mine = arith::CmpIOp::create(builder, location, arith::CmpIPredicate::uge,
                                   loop.getInductionVar(), begin);
      if (given)
        mine = arith::AndIOp::create(builder, location, given, mine);
      return mine;
    };
    for (Operation &op : *loop.getBody())
      llvm::TypeSwitch<Operation *>(&op)
          .Case<cta::CopyOp, cta::CopyBoxOp, cta::CopyScalesOp,
                cta::CopyScaleAtomsOp>([&](auto copy) {
            if (!copy.getAhead())
              return;
            builder.setInsertionPoint(copy);
            copy.getMineMutable().assign(makeLater(copy.getMine()));
          });
  });
}

bool TileRangeExpander::isFiller(cta::RoleOp role) {
  auto roles = range.getBody().getOps<cta::RoleOp>();
  auto first = llvm::find_if(roles, publishes);
  return role == (first == roles.end() ? *roles.begin() : *first);
}

void TileRangeExpander::expand(cta::RoleOp role) {
  countArrivals<cta::RingPublishOp>(role, publishingWarps);
  countArrivals<cta::RingReleaseOp>(role, releasingWarps);
  countArrivals<cta::TensorPublishOp>(role, publishingWarps, 1);
  countArrivals<cta::TensorReleaseOp>(role, releasingWarps, 1);
  OpBuilder::InsertionGuard guard(builder);
  Value own = enter(role);
  setRegisters(role);
  TileWalker walker{role.getGroups(), {}, isFiller(role) ? own : Value()};
  if (role.getTurns()) {
    walker.group = Index(builder, own) / role.getThreads();
    own = Index(builder, own) % role.getThreads();
  }
  SmallVector<Value> counts = firstCounts(role, walker);
  TileLoop loop = scheduler->open(walker, counts);
  expandTile(role, loop, own);
  skipFilled(loop);
  useCounts(role, loop);
  if (walker.group)
    shiftOutput(loop.op, walker.group);
  scheduler->close(loop, walker, [&] { return countOn(role, loop, walker); });
  if (publishes(role))
    releaseGrid();
  if (byPairs && publishes(role))
    awaitReleases(role, loop.op->getResults());
}

} // namespace

void nybl::compiler::expandTileRanges(cta::KernelOp kernel) {
  for (auto range :
       llvm::make_early_inc_range(kernel.getBody().getOps<cta::TileRangeOp>()))
    TileRangeExpander(range).run();
}
