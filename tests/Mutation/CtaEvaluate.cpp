// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The evaluator: values by number, ops in a flat list, one thread at a time.

#include "tests/Mutation/CtaEvaluate.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

/// One by one, in memory and in the stage.
static void addAtoms(cta::CopyScaleAtomsOp op, SmallVector<Access> &list) {
  int64_t atoms = op.getAtoms(), apart = op.getApart();
  SmallVector<Value> guards{op.getInside(), op.getMine()};
  for (int64_t i = 0; i < atoms; ++i) {
    list.push_back({op.getBase(), op.getOffset(), Value(), guards,
                    i * op.atomBytes, op.atomBytes, true, false});
    list.push_back({op.getStage(), op.getTo(), op.getIteration(), guards,
                    i * apart, op.atomBytes, false, true});
  }
}

SmallVector<Access> nybl::mutation::accessesOf(Operation *op) {
  SmallVector<Access> list;
  // Boxes touch what their map holds, wherever it lies.
  auto addBox = [&](auto box) {
    for (Value coordinate : {box.getRow(), box.getColumn()})
      list.push_back(
          {box.getMap(), coordinate, Value(), {box.getMine()}, 0, 1});
  };
  if (auto box = dyn_cast<cta::CopyBoxOp>(op)) {
    addBox(box);
  } else if (auto box = dyn_cast<cta::StoreBoxOp>(op)) {
    addBox(box);
    list.push_back({box.getStage(),
                    box.getOffset(),
                    Value(),
                    {box.getMine()},
                    0,
                    box.getMap().getType().alignment()});
  } else if (auto pair = dyn_cast<cta::StorePairOp>(op)) {
    list.push_back({pair.getStage(),
                    pair.getOffset(),
                    Value(),
                    {},
                    0,
                    2 * pair.getElementBytes(),
                    false,
                    true});
  } else if (auto atoms = dyn_cast<cta::CopyScaleAtomsOp>(op)) {
    addAtoms(atoms, list);
    return list;
  } else if (auto global = dyn_cast<cta::GlobalAccess>(op)) {
    for (unsigned i = 0; i < global.getElementCount(); ++i)
      list.push_back({global.getBase(), global.getByteOffset(), Value(),
                      global.getGuards(i), i * global.getElementBytes(),
                      global.getElementBytes(), true, global.isWrite()});
  }
  if (auto shared = dyn_cast<cta::StageAccess>(op)) {
    SmallVector<Value> guards;
    if (Value guard = shared.getStageGuard())
      guards.push_back(guard);
    list.push_back({shared.getStage(), shared.getStageOffset(),
                    shared.getIteration(), guards, 0, shared.getStageBytes(),
                    false, shared.isStageWrite()});
  }
  if (auto words = dyn_cast<cta::CopyScalesOp>(op))
    for (Access &access : list)
      access.unless = words.getUnless();
  return list;
}

Evaluator::Evaluator(cta::KernelOp kernel) : kernel(kernel) {
  for (BlockArgument argument : kernel.getBody().getArguments())
    numberOf(argument);
  steps = flatten(kernel.getBody().front());
}

unsigned Evaluator::numberOf(Value value) {
  auto [at, isNew] = numbers.try_emplace(value, cells.size());
  if (isNew)
    cells.emplace_back();
  return at->second;
}

enum class Evaluator::Code : uint8_t {
  Unknown,
  Constant,
  Thread,
  Rank,
  Select,
  ExtendZero,
  ExtendSign,
  Truncate,
  Add,
  Sub,
  Mul,
  Div,
  Rem,
  And,
  Or,
  Xor,
  Min,
  Max,
  ShiftLeft,
  ShiftRight,
  Compare,
  Tiles,
  Parts,
  Role,
  Loop,
  If,
  Wait,
  Access,
  Order,
};

Evaluator::Code Evaluator::codeOf(Operation *op) {
  if (isa<cta::SumPartsOp>(op))
    return Code::Parts;
  if (!accessesOf(op).empty())
    return Code::Access;
  if (isa<cta::RingAcquireOp, cta::RingPublishOp, cta::RingWaitOp,
          cta::RingReleaseOp, cta::BarrierOp>(op))
    return Code::Order;
  return llvm::TypeSwitch<Operation *, Code>(op)
      .Case<arith::ConstantOp>([](auto) { return Code::Constant; })
      .Case<cta::ThreadIdOp>([](auto) { return Code::Thread; })
      .Case<cta::PairRankOp>([](auto) { return Code::Rank; })
      .Case<arith::SelectOp>([](auto) { return Code::Select; })
      .Case<arith::ExtUIOp>([](auto) { return Code::ExtendZero; })
      .Case<arith::ExtSIOp>([](auto) { return Code::ExtendSign; })
      .Case<arith::TruncIOp>([](auto) { return Code::Truncate; })
      .Case<arith::AddIOp>([](auto) { return Code::Add; })
      .Case<arith::SubIOp>([](auto) { return Code::Sub; })
      .Case<arith::MulIOp>([](auto) { return Code::Mul; })
      .Case<arith::DivUIOp>([](auto) { return Code::Div; })
      .Case<arith::RemUIOp>([](auto) { return Code::Rem; })
      .Case<arith::AndIOp>([](auto) { return Code::And; })
      .Case<arith::OrIOp>([](auto) { return Code::Or; })
      .Case<arith::XOrIOp>([](auto) { return Code::Xor; })
      .Case<arith::MinUIOp>([](auto) { return Code::Min; })
      .Case<arith::MaxUIOp>([](auto) { return Code::Max; })
      .Case<arith::ShLIOp>([](auto) { return Code::ShiftLeft; })
      .Case<arith::ShRUIOp>([](auto) { return Code::ShiftRight; })
      .Case<arith::CmpIOp>([](auto) { return Code::Compare; })
      .Case<cta::TileRangeOp>([](auto) { return Code::Tiles; })
      .Case<cta::RoleOp>([](auto) { return Code::Role; })
      .Case<scf::ForOp>([](auto) { return Code::Loop; })
      .Case<scf::IfOp>([](auto) { return Code::If; })
      .Case<cta::GridWaitOp>([](auto) { return Code::Wait; })
      .Default([](auto) { return Code::Unknown; });
}

static unsigned widthOf(Value value) {
  Type type = value.getType();
  return type.isIndex()     ? 64
         : type.isInteger() ? type.getIntOrFloatBitWidth()
                            : 0;
}

Evaluator::Step Evaluator::decode(Operation *op) {
  Step step;
  step.code = codeOf(op);
  step.op = op;
  for (Value operand : op->getOperands())
    step.operands.push_back(numberOf(operand));
  step.results = op->getNumResults();
  for (Value result : op->getResults()) // these get numbers in a row
    numberOf(result);
  step.result = step.results ? numberOf(op->getResult(0)) : 0;
  step.width = step.results ? widthOf(op->getResult(0)) : 0;
  step.from = op->getNumOperands() ? widthOf(op->getOperand(0)) : 0;
  if (auto constant = dyn_cast<arith::ConstantOp>(op)) {
    if (auto number = dyn_cast<IntegerAttr>(constant.getValue()))
      step.number = number.getValue().getZExtValue();
    else
      step.code = Code::Unknown;
  }
  if (auto cmp = dyn_cast<arith::CmpIOp>(op))
    step.number = static_cast<uint64_t>(cmp.getPredicate());
  for (Access &access : accessesOf(op)) {
    NumberedAccess numbered;
    if (access.offset)
      numbered.offset = static_cast<int>(numberOf(access.offset));
    if (access.iteration)
      numbered.iteration = static_cast<int>(numberOf(access.iteration));
    for (Value guard : access.guards)
      numbered.guards.push_back(numberOf(guard));
    if (access.unless)
      numbered.unless = static_cast<int>(numberOf(access.unless));
    numbered.access = std::move(access);
    step.accesses.push_back(std::move(numbered));
  }
  return step;
}

std::vector<Evaluator::Step> Evaluator::flatten(Block &block) {
  std::vector<Step> list;
  for (Operation &op : block) {
    Step step = decode(&op);
    for (Region &region : op.getRegions())
      for (Block &inner : region) {
        for (BlockArgument argument : inner.getArguments())
          step.arguments.push_back(numberOf(argument));
        step.body.push_back(flatten(inner));
      }
    list.push_back(std::move(step));
  }
  return list;
}

uint64_t nybl::mutation::threadsOf(cta::KernelOp kernel) {
  return uint64_t(kernel.getThreads()) * (kernel.isByPairs() ? 2 : 1);
}

void Evaluator::bind(const Arguments &arguments) {
  for (Cell &cell : cells)
    cell = {};
  for (BlockArgument argument : kernel.getBody().getArguments())
    if (std::optional<uint64_t> bits = arguments(kernel.sourceOf(argument)))
      cells[numberOf(argument)] = {*bits, true};
  waited = false;
  count = {};
}

Cell Evaluator::tiles(const Arguments &arguments) {
  bind(arguments);
  countOnly = true;
  execute(steps);
  countOnly = false;
  return count;
}

bool Evaluator::run(const Arguments &arguments, ArrayRef<uint64_t> tileIndices,
                    uint64_t threadIndex, OnEvent callback) {
  bind(arguments);
  tilesToRun = tileIndices;
  thread = threadIndex % kernel.getThreads();
  rank = threadIndex / kernel.getThreads();
  onEvent = callback;
  return execute(steps);
}

static uint64_t cut(uint64_t bits, unsigned width) {
  return width >= 64 ? bits : bits & ((uint64_t(1) << width) - 1);
}

static int64_t asSigned(uint64_t bits, unsigned width) {
  return width >= 64 ? int64_t(bits)
                     : int64_t(bits << (64 - width)) >> (64 - width);
}

static bool compare(arith::CmpIPredicate predicate, uint64_t x, uint64_t y,
                    unsigned width) {
  int64_t sx = asSigned(x, width), sy = asSigned(y, width);
  switch (predicate) {
  case arith::CmpIPredicate::eq:
    return x == y;
  case arith::CmpIPredicate::ne:
    return x != y;
  case arith::CmpIPredicate::ult:
    return x < y;
  case arith::CmpIPredicate::ule:
    return x <= y;
  case arith::CmpIPredicate::ugt:
    return x > y;
  case arith::CmpIPredicate::uge:
    return x >= y;
  case arith::CmpIPredicate::slt:
    return sx < sy;
  case arith::CmpIPredicate::sle:
    return sx <= sy;
  case arith::CmpIPredicate::sgt:
    return sx > sy;
  case arith::CmpIPredicate::sge:
    return sx >= sy;
  }
  return false;
}

/// The bits of an op with two operands, or nothing where there are none.
template <typename Code>
static std::optional<uint64_t> computeTwo(Code code, uint64_t x, uint64_t y,
                                          unsigned width) {
  switch (code) {
  case Code::Add:
    return x + y;
  case Code::Sub:
    return x - y;
  case Code::Mul:
    return x * y;
  case Code::Div:
    return y ? std::optional(x / y) : std::nullopt;
  case Code::Rem:
    return y ? std::optional(x % y) : std::nullopt;
  case Code::And:
    return x & y;
  case Code::Or:
    return x | y;
  case Code::Xor:
    return x ^ y;
  case Code::Min:
    return std::min(x, y);
  case Code::Max:
    return std::max(x, y);
  case Code::ShiftLeft:
    return y < width ? std::optional(x << y) : std::nullopt;
  case Code::ShiftRight:
    return y < width ? std::optional(x >> y) : std::nullopt;
  default:
    return std::nullopt;
  }
}

Cell Evaluator::compute(const Step &step) const {
  auto in = [&](unsigned i) { return cells[step.operands[i]]; };
  switch (step.code) {
  case Code::Unknown:
  case Code::Access:
  case Code::Order:
    return {};
  case Code::Constant:
    return {step.number, true};
  case Code::Thread:
    return {thread, true};
  case Code::Rank:
    return {rank, true};
  case Code::Select:
    return !in(0).known ? Cell{} : in(0).bits ? in(1) : in(2);
  case Code::ExtendZero:
    return in(0);
  case Code::Truncate:
    return {cut(in(0).bits, step.width), in(0).known};
  case Code::ExtendSign:
    return {cut(uint64_t(asSigned(in(0).bits, step.from)), step.width),
            in(0).known};
  default:
    break;
  }
  if (!in(0).known || !in(1).known)
    return {};
  if (step.code == Code::Compare)
    return {compare(static_cast<arith::CmpIPredicate>(step.number), in(0).bits,
                    in(1).bits, step.from),
            true};
  std::optional<uint64_t> bits =
      computeTwo(step.code, in(0).bits, in(1).bits, step.from);
  return bits ? Cell{cut(*bits, step.width), true} : Cell{};
}

/// False as soon as one guard is.
Cell Evaluator::guardOf(const NumberedAccess &numbered) const {
  Cell all{1, true};
  for (unsigned guard : numbered.guards) {
    if (cells[guard].known && !cells[guard].bits)
      return {0, true};
    all.known &= cells[guard].known;
  }
  if (numbered.unless < 0)
    return all;
  Cell unless = cells[numbered.unless];
  return unless.known && unless.bits ? Cell{0, true}
                                     : Cell{1, all.known && unless.known};
}

void Evaluator::executeAccess(const Step &step) {
  if (countOnly)
    return;
  for (const NumberedAccess &numbered : step.accesses) {
    Cell offset = numbered.offset >= 0 ? cells[numbered.offset] : Cell{0, true};
    offset.bits += numbered.access.plus;
    Cell iteration =
        numbered.iteration >= 0 ? cells[numbered.iteration] : Cell{0, true};
    onEvent({step.op, &numbered.access, offset, guardOf(numbered), iteration,
             waited});
  }
}

bool Evaluator::executeTiles(const Step &step) {
  count = cells[step.operands[0]];
  if (countOnly)
    return true;
  tileNumber = 0;
  for (uint64_t tile : tilesToRun) {
    if (!count.known || tile >= count.bits)
      continue;
    cells[step.arguments[0]] = {tile, true};
    uint64_t parts = cast<cta::TileRangeOp>(step.op).getParts();
    for (uint64_t part = 0; part < parts; ++part, ++tileNumber) {
      if (parts > 1)
        cells[step.arguments[1]] = {part, true};
      if (!execute(step.body.front()))
        return false;
    }
  }
  return count.known;
}

/// What follows is for the last part.
bool Evaluator::executeParts(const Step &step) {
  executeAccess(step);
  auto sum = cast<cta::SumPartsOp>(step.op);
  uint64_t parts = sum->getParentOfType<cta::TileRangeOp>().getParts();
  Cell part = cells[numberOf(sum.getPart())];
  if (countOnly || (part.known && part.bits + 1 != parts))
    return true;
  return part.known && execute(step.body.front());
}

/// A role's threads alone do what is in it; of its groups the one whose tile it
/// is.
bool Evaluator::executeRole(const Step &step) {
  auto role = cast<cta::RoleOp>(step.op);
  uint64_t first = 32 * role.getFirst(), threads = role.getThreads();
  uint64_t groups = role.getGroups();
  if (countOnly || thread < first || thread - first >= threads * groups ||
      (thread - first) / threads != tileNumber % groups)
    return true;
  cells[step.arguments[0]] = {(thread - first) % threads, true};
  return execute(step.body.front());
}

/// The values `from` become those numbered from `first` on, all at once.
void Evaluator::carry(const std::vector<unsigned> &from, unsigned first,
                      unsigned number) {
  llvm::SmallVector<Cell, 32> values;
  for (unsigned i = 0; i < number; ++i)
    values.push_back(cells[from[from.size() - number + i]]);
  llvm::copy(values, cells.begin() + first);
}

bool Evaluator::executeLoop(const Step &step) {
  Cell low = cells[step.operands[0]], high = cells[step.operands[1]],
       by = cells[step.operands[2]];
  if (!low.known || !high.known || !by.known || by.bits == 0)
    return false;
  // Block arguments have numbers in a row: the variable, then what is carried.
  unsigned first = step.arguments[0] + 1, rounds = 0;
  carry(step.operands, first, step.results);
  const std::vector<Step> &body = step.body.front();
  // A lowered loop compares as signed numbers.
  for (uint64_t at = low.bits;
       asSigned(at, step.from) < asSigned(high.bits, step.from);
       at = cut(at + by.bits, step.from)) {
    cells[step.arguments[0]] = {at, true};
    if (++rounds > 1u << 16 || !execute(body))
      return false;
    carry(body.back().operands, first, step.results);
  }
  for (unsigned i = 0; i < step.results; ++i)
    cells[step.result + i] = cells[first + i];
  return true;
}

bool Evaluator::executeIf(const Step &step) {
  Cell condition = cells[step.operands[0]];
  if (!condition.known)
    return false;
  size_t branch = condition.bits ? 0 : 1;
  if (branch >= step.body.size())
    return true;
  if (!execute(step.body[branch]))
    return false;
  carry(step.body[branch].back().operands, step.result, step.results);
  return true;
}

bool Evaluator::execute(const std::vector<Step> &list) {
  for (const Step &step : list) {
    bool fine = true;
    switch (step.code) {
    case Code::Tiles:
      fine = executeTiles(step);
      break;
    case Code::Parts:
      fine = executeParts(step);
      break;
    case Code::Role:
      fine = executeRole(step);
      break;
    case Code::Loop:
      fine = executeLoop(step);
      break;
    case Code::If:
      fine = executeIf(step);
      break;
    case Code::Wait:
      waited = true;
      break;
    case Code::Access:
      executeAccess(step);
      break;
    case Code::Order:
      if (!countOnly)
        onEvent({step.op,
                 nullptr,
                 {},
                 {},
                 step.operands.size() < 2 ? Cell{} : cells[step.operands[1]],
                 waited});
      break;
    case Code::Unknown:
      break;
    default:
      cells[step.result] = compute(step);
    }
    if (!fine)
      return false;
  }
  return true;
}
