// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text of Cta's structural ops, the verifier that keeps scale factors
// apart, and what each access tells the proof.

#include "dialects/Cta/CtaOps.h"
#include "dialects/Cta/CtaTensor.h"
#include "llvm/ADT/SmallBitVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/SHA256.h"

using namespace mlir;
using namespace nybl::cta;

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &state) {
  StringAttr symbol;
  SmallVector<OpAsmParser::Argument> arguments;
  ArrayAttr sources;
  int64_t threads = 0;
  ScheduleAttr schedule;
  if (parser.parseSymbolName(symbol, "sym_name", state.attributes) ||
      parser.parseArgumentList(arguments, AsmParser::Delimiter::Paren,
                               /*allowType=*/true) ||
      parser.parseKeyword("sources") ||
      parser.parseAttribute(sources, "sources", state.attributes))
    return failure();
  ArrayAttr statics;
  if (succeeded(parser.parseOptionalKeyword("static")) &&
      parser.parseAttribute(statics, "static_sources", state.attributes))
    return failure();
  if (parser.parseKeyword("threads") || parser.parseInteger(threads) ||
      parser.parseKeyword("schedule") ||
      parser.parseAttribute(schedule, "schedule", state.attributes))
    return failure();
  CertificateAttr certificate;
  if (succeeded(parser.parseOptionalKeyword("certificate")) &&
      parser.parseAttribute(certificate, "certificate", state.attributes))
    return failure();
  state.addAttribute("threads", parser.getBuilder().getI64IntegerAttr(threads));
  return parser.parseRegion(*state.addRegion(), arguments);
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer << "(";
  llvm::interleaveComma(
      getBody().getArguments(), printer,
      [&](BlockArgument argument) { printer.printRegionArgument(argument); });
  printer << ") sources " << getSources();
  if (getStaticSources())
    printer << " static " << *getStaticSources();
  printer << " threads " << getThreads() << " schedule " << getSchedule();
  if (getCertificate())
    printer << " certificate " << *getCertificate();
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

/// Who may use a value that is, holds or addresses scale factors. Everything
/// else (a cast, a select, a loop-carried value) is an escape.
static bool mayUseScales(Type type, Operation *user) {
  return TypeSwitch<Type, bool>(type)
      .Case([&](ScalesType) {
        return isa<LoadScaleOp, CopyScalesOp, CopyScaleAtomsOp, StoreFactorOp,
                   ClearFactorOp>(user);
      })
      .Case([&](ScaleType) {
        return isa<StoreScaleOp, StoreFactorOp, DequantizeOp>(user);
      })
      .Case([&](ScaleStageType) {
        return isa<StoreScaleOp, CopyScalesOp, CopyScaleAtomsOp,
                   LoadScaleWordOp, LoadScaleWordsOp, TensorCopyOp>(user);
      })
      .Case([&](ScaleWordType) { return isa<MmaOp>(user); })
      .Default([](Type) { return true; });
}

/// Rings are what cta.ring gave, and nothing that was chosen or carried.
static LogicalResult verifyRings(Operation *op) {
  for (Value operand : op->getOperands())
    if (isa<RingType>(operand.getType()) && !operand.getDefiningOp<RingOp>())
      return op->emitOpError("expected the result of cta.ring as its ring");
  return success();
}

/// Stages of D are what cta.alloc gave, in no ring.
static LogicalResult verifyOutputStages(Operation *op) {
  auto alloc = dyn_cast<AllocOp>(op);
  if (alloc && alloc.getRing() && isa<OutputStageType>(alloc.getType()))
    return op->emitOpError("expected a stage of D in no ring");
  for (Value operand : op->getOperands())
    if (isa<OutputStageType>(operand.getType()) &&
        !operand.getDefiningOp<AllocOp>())
      return op->emitOpError("expected the result of cta.alloc as its stage");
  return success();
}

/// A slot is named by its iteration, and only a ring has slots.
static LogicalResult verifyIteration(Operation *op) {
  auto access = dyn_cast<StageAccess>(op);
  auto alloc = access ? access.getStage().getDefiningOp<AllocOp>() : AllocOp();
  if (!access ||
      (alloc && bool(alloc.getRing()) == bool(access.getIteration())))
    return success();
  if (!alloc)
    return op->emitOpError("expected the result of cta.alloc as its stage");
  return op->emitOpError("expected ")
         << (alloc.getRing() ? "`at` an iteration: its stage is in a ring"
                             : "no iteration: its stage is in no ring");
}

/// What the lowering notes down on ops is nothing that a text may claim: the
/// proof does not look at it.
static LogicalResult verifyAttributes(Operation *op) {
  auto alloc = dyn_cast<AllocOp>(op);
  if (alloc && alloc.getOffset())
    return op->emitOpError("expected no offset: it is set when the kernel is "
                           "lowered");
  auto columns = dyn_cast<TensorAllocOp>(op);
  if ((columns && (columns.getMemory() || columns.getColumn())) ||
      isa<TensorOpenOp, TensorCloseOp>(op))
    return op->emitOpError("expected no place in tensor memory: it is given "
                           "when the kernel is lowered");
  if (isa<PairArriveOp, PairMeetOp>(op))
    return op->emitOpError("expected cta.pair_wait alone: how a pair meets is "
                           "settled when the kernel is lowered");
  if (!isa<CtaDialect>(op->getDialect()) ||
      op->getDiscardableAttrDictionary().empty())
    return success();
  return op->emitOpError("expected no attribute but its own, got ")
         << op->getDiscardableAttrDictionary();
}

static LogicalResult verifyScaleUsers(Value value) {
  for (Operation *user : value.getUsers())
    if (!mayUseScales(value.getType(), user))
      return user->emitOpError("must not use a value of type ")
             << value.getType() << ": scale factors flow only to scale slots";
  return success();
}

/// What the source of an argument must be, in words, or null where it is that.
/// `operand` is the type of the operand that the source is a part of.
static const char *wrongSource(Type type, StringRef part, Type operand) {
  if (isa<TensorMapType>(type))
    return part == "map" && isa_and_present<MatrixType>(operand)
               ? nullptr
               : "the map of a matrix argument";
  if (isa<MatrixType, ScalesType, ScalarType>(type))
    return part.empty() ? nullptr : "the name of an operand, without a dot";
  if (type.isInteger(64)) {
    bool isStride =
        (part == "stride" && isa_and_present<MatrixType>(operand)) ||
        (part == "tile_stride" && isa_and_present<ScalesType>(operand));
    return isStride ? nullptr
                    : "the stride of a matrix argument, or the tile_stride of "
                      "a scales argument";
  }
  if (type.isF32())
    return part == "value" && isa_and_present<ScalarType>(operand)
               ? nullptr
               : "the value of a scalar argument";
  if (type.isInteger(32))
    return part == "reciprocal" && isa_and_present<ScalarType>(operand)
               ? nullptr
               : "\"m\", \"n\", \"k.blocks\" or the reciprocal of a scalar "
                 "argument";
  return "an argument of type matrix, tensor_map, scales, scalar, i64, f32 or "
         "i32";
}

/// The runtime fills arguments by their sources, and the proof takes "m" for M
/// and "a.stride" for the row stride of a: so types and sources must agree.
LogicalResult KernelOp::verifySources() {
  if (getSources().size() != getBody().getNumArguments())
    return emitOpError("expected one source for each of the ")
           << getBody().getNumArguments() << " arguments, got "
           << getSources().size();
  for (BlockArgument argument : getBody().getArguments()) {
    StringRef source = sourceOf(argument);
    Type type = argument.getType();
    if (argumentFor(source) != argument)
      return emitOpError("expected each source once, got \"")
             << source << "\" twice";
    if ((source == "m" || source == "n" || source == "k.blocks") &&
        type.isInteger(32))
      continue;
    bool isWorkspace = isa<WorkspaceType>(type);
    if (source == "workspace" && isWorkspace)
      continue;
    if (source == "workspace" || isWorkspace)
      return emitOpError("expected \"workspace\" as the source of a "
                         "!cta.workspace, and of nothing else, got \"")
             << source << "\" of a " << type;
    auto [name, part] = source.split('.');
    BlockArgument operand = argumentFor(name);
    if (const char *expected =
            wrongSource(type, part, operand ? operand.getType() : Type()))
      return emitOpError("expected ") << expected << " as the source of a "
                                      << type << ", got \"" << source << "\"";
  }
  return success();
}

/// What the kernel itself writes is not whole before it begins.
LogicalResult KernelOp::verifyStaticSources() {
  if (!getStaticSources())
    return success();
  for (StringRef source : getStaticSources()->getAsValueRange<StringAttr>()) {
    BlockArgument operand = argumentFor(source);
    if (!operand || !isa<MatrixType, ScalesType>(operand.getType()) ||
        isOutput(operand))
      return emitOpError("expected matrices and scales that the kernel only "
                         "reads as static, got \"")
             << source << "\"";
  }
  return success();
}

/// What a launch must say of the sizes of an operand: arguments by their
/// sources, in words where there is none.
static SmallVector<std::pair<StringRef, StringRef>>
freeSizesOf(StringRef source, Type type) {
  SmallVector<std::pair<StringRef, StringRef>> sizes;
  auto matrix = dyn_cast<MatrixType>(type);
  auto scales = dyn_cast<ScalesType>(type);
  if ((matrix && matrix.getRows() == dynamicRows) ||
      (scales && scales.getRows() == dynamicRows))
    sizes.push_back(
        {source == "b" || source == "sfb" ? "n" : "m", "' has ? rows"});
  if (matrix && matrix.hasFreeRowBytes())
    sizes.push_back(
        {source == "d" ? "n" : "k.blocks", "' has rows of ? bytes"});
  if (scales && scales.hasFreeBlocks())
    sizes.push_back({"k.blocks", "' has ? K blocks"});
  return sizes;
}

/// Each size that is free is an argument. Those of columns are free in a gemm
/// alone.
LogicalResult KernelOp::verifyRows() {
  for (BlockArgument argument : getBody().getArguments()) {
    StringRef source = sourceOf(argument);
    for (auto [size, why] : freeSizesOf(source, argument.getType())) {
      if (!argumentFor(size))
        return emitOpError("expected an argument \"")
               << size << "\", for '" << source << why;
      bool isGemm = llvm::is_contained({"a", "b", "d", "sfa", "sfb"}, source);
      if (size == "k.blocks" && !isGemm)
        return emitOpError("expected a number of K blocks of '")
               << source << "': only those of a gemm are free at launch";
    }
  }
  return success();
}

LogicalResult KernelOp::verifyRegions() {
  if (failed(verifySources()) || failed(verifyStaticSources()) ||
      failed(verifyRows()) || failed(verifyTensorColumns(*this)))
    return failure();
  if (getThreads() == 0 || getThreads() % 32 != 0 || getThreads() > 1024)
    return emitOpError("expected whole warps, at most 1024 threads, got ")
           << getThreads();
  for (BlockArgument argument : getBody().getArguments())
    if (failed(verifyScaleUsers(argument)))
      return failure();
  WalkResult result = (*this)->walk([](Operation *op) -> WalkResult {
    for (Value value : op->getResults())
      if (failed(verifyScaleUsers(value)) || failed(verifyTensorUsers(value)))
        return failure();
    for (Region &region : op->getRegions())
      for (BlockArgument argument : region.getArguments())
        if (failed(verifyTensorUsers(argument)))
          return failure();
    return success(
        succeeded(verifyRings(op)) && succeeded(verifyOutputStages(op)) &&
        succeeded(verifyIteration(op)) && succeeded(verifyAttributes(op)));
  });
  return failure(result.wasInterrupted());
}

BlockArgument KernelOp::argumentFor(StringRef source) {
  for (auto [index, name] :
       llvm::enumerate(getSources().getAsValueRange<StringAttr>()))
    if (name == source)
      return getBody().getArgument(index);
  return {};
}

StringRef KernelOp::sourceOf(BlockArgument argument) {
  return cast<StringAttr>(getSources()[argument.getArgNumber()]).getValue();
}

bool KernelOp::hasRoles() {
  return llvm::any_of(getBody().getOps<TileRangeOp>(), [](TileRangeOp range) {
    return !range.getBody().getOps<RoleOp>().empty();
  });
}

bool KernelOp::isStatic(BlockArgument argument) {
  return getStaticSources() &&
         llvm::is_contained(getStaticSources()->getAsValueRange<StringAttr>(),
                            sourceOf(argument));
}

bool nybl::cta::isAhead(Operation *op) {
  return TypeSwitch<Operation *, bool>(op)
      .Case<CopyOp, CopyBoxOp, CopyScalesOp, CopyScaleAtomsOp>(
          [](auto copy) { return copy.getAhead(); })
      .Default([](Operation *) { return false; });
}

/// In the generic form, which leaves nothing out.
std::string KernelOp::hash() {
  CertificateAttr certificate = getCertificateAttr();
  removeCertificateAttr();
  std::string text;
  llvm::raw_string_ostream stream(text);
  (*this)->print(stream,
                 OpPrintingFlags().useLocalScope().printGenericOpForm());
  if (certificate)
    setCertificateAttr(certificate);
  return llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(text)),
                     /*LowerCase=*/true);
}

LogicalResult PairRankOp::verify() {
  if ((*this)->getParentOfType<KernelOp>().isByPairs())
    return success();
  return emitOpError("expected a kernel that is run by pairs of CTAs");
}

//===----------------------------------------------------------------------===//
// TileRangeOp
//===----------------------------------------------------------------------===//

ParseResult TileRangeOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::Argument> arguments;
  OpAsmParser::UnresolvedOperand count;
  Type i32 = parser.getBuilder().getI32Type();
  if (parser.parseArgumentList(arguments) || parser.parseKeyword("in") ||
      parser.parseOperand(count) ||
      parser.resolveOperand(count, i32, state.operands))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("by")) &&
      (parser.parseOperand(count) ||
       parser.resolveOperand(count, i32, state.operands)))
    return failure();
  int64_t parts = 1;
  if (succeeded(parser.parseOptionalKeyword("parts")) &&
      parser.parseInteger(parts))
    return failure();
  if (parts != 1)
    state.addAttribute("parts", parser.getBuilder().getI64IntegerAttr(parts));
  if (parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  for (OpAsmParser::Argument &argument : arguments)
    argument.type = i32;
  return parser.parseRegion(*state.addRegion(), arguments);
}

void TileRangeOp::print(OpAsmPrinter &printer) {
  printer << " ";
  llvm::interleaveComma(getBody().getArguments(), printer);
  printer << " in " << getCount();
  if (getAcross())
    printer << " by " << getAcross();
  if (getParts() != 1)
    printer << " parts " << getParts();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(), {"parts"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult TileRangeOp::verifyRegions() {
  if (getAcross() && (getParts() > 1 || getGroup()))
    return emitOpError("expected neither parts nor groups of tiles with two "
                       "coordinates");
  unsigned expected = getParts() > 1 || getAcross() ? 2 : 1;
  if (getBody().getNumArguments() != expected ||
      !llvm::all_of(getBody().getArgumentTypes(),
                    [](Type type) { return type.isInteger(32); }))
    return emitOpError("expected i32 block arguments: the tile's index and, "
                       "where `parts` is more than 1, the part; with `by` the "
                       "tile's row and column");
  if (failed(verifyOrder()))
    return failure();
  return verifyRoles();
}

/// So that a group's tiles fit a number of 31 bits.
LogicalResult TileRangeOp::verifyOrder() {
  if (getColumns().has_value() != getGroup().has_value())
    return emitOpError("expected both `columns` and `group`, or neither");
  constexpr int64_t most = (int64_t(1) << 31) - 1;
  if (!getGroup() || (*getColumns() >= 1 && *getColumns() <= most &&
                      *getGroup() >= 1 && *getGroup() <= most / *getColumns()))
    return success();
  return emitOpError("expected 1 or more columns and rows in a group, and at "
                     "most ")
         << most << " tiles in it, got " << int64_t(*getColumns()) << " and "
         << int64_t(*getGroup());
}

/// No warp has two roles, and beside roles there is arithmetic alone.
LogicalResult TileRangeOp::verifyRoles() {
  int64_t warps = (*this)->getParentOfType<KernelOp>().getThreads() / 32;
  llvm::SmallBitVector taken(warps);
  if (getBody().getOps<RoleOp>().empty())
    return success();
  for (Operation &op : getBody().front()) {
    auto role = dyn_cast<RoleOp>(op);
    if (!role) {
      if (!isPure(&op))
        return op.emitOpError("has no place beside roles: expected arithmetic");
      continue;
    }
    int64_t first = role.getFirst(), end = first + role.getCount();
    if (first < 0 || end <= first || end > warps)
      return role.emitOpError("expected some of the kernel's ")
             << warps << " warps, got [" << first << ", " << role.getCount()
             << "]";
    for (int64_t warp = first; warp < end; ++warp)
      if (taken.test(warp))
        return role.emitOpError("has a warp that another role has");
    taken.set(first, end);
  }
  return verifyRegisters();
}

int64_t nybl::cta::registersAtLaunch(KernelOp kernel) {
  constexpr int64_t registersOfSM = 65536, most = 255;
  int64_t share = registersOfSM / int64_t(kernel.getThreads());
  return std::min(share, most) / 8 * 8;
}

/// Who asks for more than the CTA was launched with, in all, waits for ever.
LogicalResult TileRangeOp::verifyRegisters() {
  auto kernel = (*this)->getParentOfType<KernelOp>();
  int64_t warps = kernel.getThreads() / 32;
  int64_t most = registersAtLaunch(kernel) * int64_t(kernel.getThreads());
  int64_t asked = 0, asking = 0;
  for (auto role : getBody().getOps<RoleOp>())
    if (std::optional<uint64_t> registers = role.getRegisters()) {
      asked += 32 * int64_t(role.getCount()) * int64_t(*registers);
      asking += int64_t(role.getCount());
    }
  if (asking == 0 || (asking == warps && asked <= most))
    return success();
  return emitOpError("expected registers of all ")
         << warps << " warps or of none, " << most << " at most, got " << asked
         << " of " << asking << " warps";
}

//===----------------------------------------------------------------------===//
// RingOp
//===----------------------------------------------------------------------===//

void RingOp::build(OpBuilder &builder, OperationState &state, int64_t stages,
                   IntegerAttr steps) {
  build(builder, state, RingType::get(builder.getContext()),
        builder.getI64IntegerAttr(stages), steps, /*freeSteps=*/Value());
}

LogicalResult RingOp::verify() {
  if (!getSteps() || !getFreeSteps())
    return success();
  return emitOpError("expected its steps to be a number or a value, not both");
}

//===----------------------------------------------------------------------===//
// RoleOp
//===----------------------------------------------------------------------===//

ParseResult RoleOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::Argument thread;
  StringAttr name;
  int64_t first = 0, count = 0, turns = 0, registers = 0;
  Builder &builder = parser.getBuilder();
  if (parser.parseAttribute(name, "name", state.attributes) ||
      parser.parseArgument(thread) || parser.parseKeyword("in") ||
      parser.parseKeyword("warps") || parser.parseLSquare() ||
      parser.parseInteger(first) || parser.parseComma() ||
      parser.parseInteger(count) || parser.parseRSquare())
    return failure();
  state.addAttribute("first", builder.getI64IntegerAttr(first));
  state.addAttribute("count", builder.getI64IntegerAttr(count));
  if (succeeded(parser.parseOptionalKeyword("turns"))) {
    if (parser.parseInteger(turns))
      return failure();
    state.addAttribute("turns", builder.getI64IntegerAttr(turns));
  }
  if (succeeded(parser.parseOptionalKeyword("registers"))) {
    if (parser.parseInteger(registers))
      return failure();
    state.addAttribute("registers", builder.getI64IntegerAttr(registers));
  }
  thread.type = builder.getI32Type();
  return parser.parseRegion(*state.addRegion(), thread);
}

void RoleOp::print(OpAsmPrinter &printer) {
  printer << " " << getNameAttr() << " " << getBody().getArgument(0)
          << " in warps [" << getFirst() << ", " << getCount() << "]";
  if (getTurns())
    printer << " turns " << *getTurns();
  if (getRegisters())
    printer << " registers " << *getRegisters();
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

/// setmaxnreg is for whole warpgroups, and takes 24 to 256 by 8 (PTX ISA).
LogicalResult RoleOp::verifyRegions() {
  if (getBody().getNumArguments() != 1 ||
      !getBody().getArgument(0).getType().isInteger(32))
    return emitOpError("expected one i32 block argument, the thread's number");
  if (std::optional<uint64_t> turns = getTurns();
      turns && (*turns < 2 || *turns > 8 || getCount() % *turns != 0))
    return emitOpError("expected 2 to 8 turns of equal groups of warps, got ")
           << *turns << " of " << getCount() << " warps";
  std::optional<uint64_t> registers = getRegisters();
  if (registers && (getFirst() % 4 != 0 || getCount() % 4 != 0 ||
                    *registers < 24 || *registers > 256 || *registers % 8 != 0))
    return emitOpError("expected whole warpgroups and 24 to 256 registers, a "
                       "multiple of 8, got warps [")
           << getFirst() << ", " << getCount() << "] and " << *registers;
  for (Operation &op : getBody().front())
    if (isa<TakeTurnOp, PassTurnOp>(op) && !getTurns())
      return op.emitOpError("expected a role with `turns`");
  WalkResult result = walk([](BarrierOp barrier) -> WalkResult {
    return barrier.emitOpError("has no place in a role: it is for all threads");
  });
  if (result.wasInterrupted())
    return failure();
  result = (*this)->getParentOfType<KernelOp>().walk(
      [](ThreadIdOp id) -> WalkResult {
        return id.emitOpError("has no place in a kernel with roles: the "
                              "argument of a role is its thread");
      });
  return failure(result.wasInterrupted());
}

//===----------------------------------------------------------------------===//
// SumPartsOp
//===----------------------------------------------------------------------===//

LogicalResult SumPartsOp::verify() {
  WorkspaceType type = getWorkspace().getType();
  if (int64_t(getValues().size()) == type.getRegisters())
    return success();
  return emitOpError("expected ") << type.getRegisters()
                                  << " values, the registers of its workspace, "
                                     "got "
                                  << getValues().size();
}

/// The last part alone goes on: whoever waits for others there waits for ever.
LogicalResult SumPartsOp::verifyRegions() {
  if (getBody().getArgumentTypes() != getValues().getTypes())
    return emitOpError("expected a block argument for each of its values");
  for (Operation &op : getBody().front())
    if (!isPure(&op) && !isa<StoreOp>(op))
      return op.emitOpError("has no place in cta.sum_parts: expected what is "
                            "computed and stores of it");
  return success();
}

LogicalResult LoadScaleWordsOp::verify() {
  if (size_t words = getWords().size(); words != 1 && words != 2 && words != 4)
    return emitOpError("expected 1, 2 or 4 words, got ") << words;
  return success();
}

/// The map is that of the matrix.
static LogicalResult verifyMap(Operation *op, Value mapValue, Value baseValue) {
  auto kernel = op->getParentOfType<KernelOp>();
  auto map = dyn_cast<BlockArgument>(mapValue);
  auto base = dyn_cast<BlockArgument>(baseValue);
  auto isOfKernel = [&](BlockArgument argument) {
    return argument && argument.getOwner() == &kernel.getBody().front();
  };
  if (isOfKernel(map) && isOfKernel(base) &&
      kernel.sourceOf(map) == (kernel.sourceOf(base) + ".map").str())
    return success();
  return op->emitOpError(
      "expected arguments of the kernel: a matrix and its map");
}

/// TMA and bulk copies arrive where one role waits for the other.
template <typename Op>
static LogicalResult verifyArrival(Op op) {
  auto alloc = op.getStage().template getDefiningOp<AllocOp>();
  auto ring = op.getRing().template getDefiningOp<RingOp>();
  if (!alloc || !ring || alloc.getRing() != op.getRing())
    return op.emitOpError("expected the ring of its stage");
  if (ring.isBetweenRoles() && op->template getParentOfType<RoleOp>())
    return success();
  return op.emitOpError("expected to be in a role, with a ring that has "
                        "`steps`: only there is a barrier that TMA arrives at");
}

/// The box is the slot.
LogicalResult CopyBoxOp::verify() {
  if (failed(verifyMap(*this, getMap(), getBase())) ||
      failed(verifyArrival(*this)))
    return failure();
  int64_t bytes = getStage().getType().getBytes();
  if (bytes == getElementBytes())
    return success();
  return emitOpError("expected a stage as large as the box, ")
         << getElementBytes() << " bytes, got " << bytes;
}

LogicalResult CopyScaleAtomsOp::verify() {
  if (failed(verifyArrival(*this)))
    return failure();
  StringRef layout = getBase().getType().getLayout().getValue();
  int64_t bytes = getStage().getType().getBytes();
  int64_t atoms = getAtoms(), apart = getApart();
  if (layout == "128x4" && atoms >= 1 && atoms <= bytes / atomBytes &&
      apart >= atomBytes && apart <= bytes && apart % atomBytes == 0)
    return success();
  return emitOpError("expected 1 to ")
         << bytes / atomBytes << " atoms of a 128x4 tensor, a multiple of "
         << atomBytes << " bytes apart in their stage of " << bytes << ", got "
         << atoms << " of " << layout << ", " << apart << " apart";
}

/// Where there are roles, stages lie as a swizzle needs it.
LogicalResult StoreBoxOp::verify() {
  if (failed(verifyMap(*this, getMap(), getBase())))
    return failure();
  if ((*this)->getParentOfType<RoleOp>())
    return success();
  return emitOpError("expected to be in a role");
}

LogicalResult MmaOp::verify() {
  if (getA().size() == 4 && getB().size() == 2 && getAcc().size() == 4)
    return success();
  return emitOpError("expected 4, 2 and 4 registers for a, b and acc, got ")
         << getA().size() << ", " << getB().size() << " and "
         << getAcc().size();
}

//===----------------------------------------------------------------------===//
// GlobalAccess
//===----------------------------------------------------------------------===//

using Guards = SmallVector<Value>;

Value LoadOp::getByteOffset() { return getOffset(); }
int64_t LoadOp::getElementBytes() { return 8; }
Guards LoadOp::getGuards(unsigned) { return {getGuard()}; }

Value LoadScaleOp::getByteOffset() { return getOffset(); }
int64_t LoadScaleOp::getElementBytes() { return 1; }
Guards LoadScaleOp::getGuards(unsigned) { return {getGuard()}; }

Value LoadScalarOp::getByteOffset() { return {}; }
int64_t LoadScalarOp::getElementBytes() { return 4; }
Guards LoadScalarOp::getGuards(unsigned) { return {}; }

Value StoreOp::getByteOffset() { return getOffset(); }
int64_t StoreOp::getElementBytes() {
  return getValue().getType().getIntOrFloatBitWidth() / 8;
}
Guards StoreOp::getGuards(unsigned) { return {getGuard()}; }
bool StoreOp::isWrite() { return true; }

/// Of each register; the workspace is the caller's, and nobody is masked.
Value SumPartsOp::getBase() { return getWorkspace(); }
Value SumPartsOp::getByteOffset() { return {}; }
int64_t SumPartsOp::getElementBytes() { return 4; }
Guards SumPartsOp::getGuards(unsigned) { return {}; }
bool SumPartsOp::isWrite() { return true; }

static Guards withMine(Value inside, Value mine) {
  return mine ? Guards{inside, mine} : Guards{inside};
}

Value CopyOp::getByteOffset() { return getOffset(); }
int64_t CopyOp::getElementBytes() { return 8; }
Guards CopyOp::getGuards(unsigned) { return withMine(getInside(), getMine()); }

Value CopyBoxOp::getByteOffset() { return {}; }
int64_t CopyBoxOp::getElementBytes() { return getMap().getType().boxBytes(); }
Guards CopyBoxOp::getGuards(unsigned) { return {getMine()}; }

Value StoreBoxOp::getByteOffset() { return {}; }
int64_t StoreBoxOp::getElementBytes() { return getMap().getType().boxBytes(); }
Guards StoreBoxOp::getGuards(unsigned) { return {getMine()}; }
bool StoreBoxOp::isWrite() { return true; }

Value CopyScalesOp::getByteOffset() { return getOffset(); }
int64_t CopyScalesOp::getElementBytes() { return 1; }
unsigned CopyScalesOp::getElementCount() { return 4; }
Guards CopyScalesOp::getGuards(unsigned element) {
  return withMine(getInside()[element], getMine());
}

Value CopyScaleAtomsOp::getByteOffset() { return getOffset(); }
int64_t CopyScaleAtomsOp::getElementBytes() { return atomBytes * getAtoms(); }
Guards CopyScaleAtomsOp::getGuards(unsigned) {
  return {getInside(), getMine()};
}

//===----------------------------------------------------------------------===//
// StageAccess
//===----------------------------------------------------------------------===//

Value StoreSharedOp::getStageOffset() { return getOffset(); }
Value StoreSharedOp::getStageGuard() { return getGuard(); }
int64_t StoreSharedOp::getStageBytes() { return 8; }
bool StoreSharedOp::isStageWrite() { return true; }

Value StoreScaleOp::getStageOffset() { return getOffset(); }
Value StoreScaleOp::getStageGuard() { return getGuard(); }
int64_t StoreScaleOp::getStageBytes() { return 1; }
bool StoreScaleOp::isStageWrite() { return true; }

Value LdMatrixOp::getStageOffset() { return getOffset(); }
int64_t LdMatrixOp::getStageBytes() { return 16; }

Value LoadScaleWordOp::getStageOffset() { return getOffset(); }
int64_t LoadScaleWordOp::getStageBytes() { return 4; }

Value LoadScaleWordsOp::getStageOffset() { return getOffset(); }
int64_t LoadScaleWordsOp::getStageBytes() { return 4 * getStagePieces(); }
int64_t LoadScaleWordsOp::getStagePieces() { return getWords().size(); }

Value CopyOp::getStageOffset() { return getTo(); }
Value CopyOp::getStageGuard() { return getMine(); }
int64_t CopyOp::getStageBytes() { return 8; }
bool CopyOp::isStageWrite() { return true; }

Value CopyBoxOp::getStageOffset() { return {}; }
Value CopyBoxOp::getStageGuard() { return getMine(); }
int64_t CopyBoxOp::getStageBytes() { return getElementBytes(); }
bool CopyBoxOp::isStageWrite() { return true; }

Value CopyScalesOp::getStageOffset() { return getTo(); }
Value CopyScalesOp::getStageGuard() { return getMine(); }
int64_t CopyScalesOp::getStageBytes() { return 4; }
bool CopyScalesOp::isStageWrite() { return true; }

Value CopyScaleAtomsOp::getStageOffset() { return getTo(); }
Value CopyScaleAtomsOp::getStageGuard() { return getMine(); }
int64_t CopyScaleAtomsOp::getStageBytes() { return getElementBytes(); }
bool CopyScaleAtomsOp::isStageWrite() { return true; }
