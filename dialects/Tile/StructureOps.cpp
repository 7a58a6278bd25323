// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The structural ops of Tile: kernel, require, param, foreach_tile, accumulate.
// Their text and their verifiers.

#include "dialects/Tile/TileOps.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace nybl::tile;

/// Sizes in generic form may be any attribute.
static LogicalResult expectSizes(Operation *op, ArrayRef<Attribute> sizes) {
  for (Attribute size : sizes)
    if (!isSize(size))
      return op->emitOpError("expected a size (a number, a name or an "
                             "expression), got ")
             << size;
  return success();
}

static LogicalResult expectPositive(Operation *op, Attribute size,
                                    StringRef what) {
  std::optional<int64_t> value = constantSize(size);
  if (!value || *value > 0)
    return success();
  return op->emitOpError("expected ") << what << ", got " << *value;
}

//===----------------------------------------------------------------------===//
// KernelOp
//===----------------------------------------------------------------------===//

static ParseResult parseNames(OpAsmParser &parser, StringRef keyword,
                              SmallVectorImpl<Attribute> &names) {
  auto parseName = [&]() -> ParseResult {
    StringRef name;
    if (parser.parseKeyword(&name))
      return failure();
    names.push_back(parser.getBuilder().getStringAttr(name));
    return success();
  };
  return failure(
      parser.parseKeyword(keyword) ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseName));
}

static void printNames(OpAsmPrinter &printer, StringRef keyword,
                       ArrayAttr names) {
  printer << keyword << "(";
  llvm::interleaveComma(names.getAsValueRange<StringAttr>(), printer);
  printer << ")";
}

ParseResult KernelOp::parse(OpAsmParser &parser, OperationState &state) {
  StringAttr symbol;
  SmallVector<Attribute> dims, params;
  SmallVector<OpAsmParser::Argument> arguments;
  if (parser.parseSymbolName(symbol, "sym_name", state.attributes) ||
      parser.parseLess() || parseNames(parser, "dims", dims) ||
      parser.parseComma() || parseNames(parser, "params", params) ||
      parser.parseGreater() ||
      parser.parseArgumentList(arguments, AsmParser::Delimiter::Paren,
                               /*allowType=*/true) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  state.addAttribute("dims", parser.getBuilder().getArrayAttr(dims));
  state.addAttribute("params", parser.getBuilder().getArrayAttr(params));
  return parser.parseRegion(*state.addRegion(), arguments);
}

void KernelOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printer.printSymbolName(getSymName());
  printer << "<";
  printNames(printer, "dims", getDims());
  printer << ", ";
  printNames(printer, "params", getParams());
  printer << ">(";
  llvm::interleaveComma(
      getBody().getArguments(), printer,
      [&](BlockArgument argument) { printer.printRegionArgument(argument); });
  printer << ") ";
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"sym_name", "dims", "params"});
  printer << (getSources() || getSchedule() ? " " : "");
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

/// A name that LLVM and ptxas take as it is: `_` and WARP_SZ are words of PTX,
/// and names that begin with `__` are LLVM's own.
static LogicalResult verifySymbol(KernelOp kernel) {
  StringRef name = kernel.getSymName();
  bool plain =
      !name.empty() && llvm::isAlpha(name.front()) && name.size() <= 128 &&
      name != "WARP_SZ" &&
      llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
  if (plain)
    return success();
  return kernel.emitOpError("expected a name of at most 128 letters, digits "
                            "and '_' that begins with a letter, got '")
         << name << "'";
}

static LogicalResult verifySources(KernelOp kernel) {
  if (!kernel.getSources())
    return success();
  ArrayAttr sources = *kernel.getSources();
  if (sources.size() != kernel.getBody().getNumArguments())
    return kernel.emitOpError("expected one source for each of the ")
           << kernel.getBody().getNumArguments() << " arguments, got "
           << sources.size();
  llvm::StringSet<> seen;
  for (StringRef source : sources.getAsValueRange<StringAttr>())
    if (!seen.insert(source).second)
      return kernel.emitOpError("names the source '") << source << "' twice";
  return success();
}

/// Every name inside must be declared; else a template would only fail when
/// somebody instantiates it.
static LogicalResult verifyNames(KernelOp kernel,
                                 const llvm::StringSet<> &declared) {
  AttrTypeWalker walker;
  walker.addWalk([&](NameAttr name) {
    return declared.contains(name.getName().getValue())
               ? WalkResult::advance()
               : WalkResult::interrupt();
  });
  auto isDeclared = [&](Operation *op) {
    if (walker.walk(op->getAttrDictionary()).wasInterrupted())
      return false;
    auto types = llvm::to_vector(op->getResultTypes());
    for (Region &region : op->getRegions())
      llvm::append_range(types, region.getArgumentTypes());
    return llvm::none_of(
        types, [&](Type type) { return walker.walk(type).wasInterrupted(); });
  };
  WalkResult result = kernel->walk([&](Operation *op) -> WalkResult {
    if (isDeclared(op))
      return WalkResult::advance();
    return op->emitOpError("uses a name that is neither in dims nor in params "
                           "of its tile.kernel");
  });
  return failure(result.wasInterrupted());
}

LogicalResult KernelOp::verifyRegions() {
  llvm::StringSet<> declared;
  for (ArrayAttr names : {getDims(), getParams()})
    for (StringRef name : names.getAsValueRange<StringAttr>())
      if (!declared.insert(name).second)
        return emitOpError("declares the name '") << name << "' twice";
  if (failed(verifySymbol(*this)) || failed(verifySources(*this)))
    return failure();
  return verifyNames(*this, declared);
}

//===----------------------------------------------------------------------===//
// RequireOp, ParamOp
//===----------------------------------------------------------------------===//

ParseResult RequireOp::parse(OpAsmParser &parser, OperationState &state) {
  Attribute expr;
  int64_t value = 0;
  StringAttr message;
  if (parseSize(parser, expr) || parser.parseEqual() || parser.parseEqual() ||
      parser.parseInteger(value) || parser.parseComma() ||
      parser.parseAttribute(message, "message", state.attributes) ||
      parser.parseOptionalAttrDict(state.attributes))
    return failure();
  state.addAttribute("expr", expr);
  state.addAttribute("value", parser.getBuilder().getI64IntegerAttr(value));
  return success();
}

void RequireOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printSize(printer, getExpr());
  printer << " == " << getValue() << ", " << getMessageAttr();
  printer.printOptionalAttrDict((*this)->getAttrs(),
                                {"expr", "value", "message"});
}

LogicalResult RequireOp::verify() { return expectSizes(*this, getExpr()); }

ParseResult ParamOp::parse(OpAsmParser &parser, OperationState &state) {
  Attribute size;
  if (parseSize(parser, size) || parser.parseOptionalAttrDict(state.attributes))
    return failure();
  state.addAttribute("size", size);
  state.addTypes(parser.getBuilder().getI32Type());
  return success();
}

void ParamOp::print(OpAsmPrinter &printer) {
  printer << " ";
  printSize(printer, getSize());
  printer.printOptionalAttrDict((*this)->getAttrs(), {"size"});
}

LogicalResult ParamOp::verify() { return expectSizes(*this, getSize()); }

OpFoldResult ParamOp::fold(FoldAdaptor) {
  std::optional<int64_t> value = constantSize(getSize());
  if (!value || !llvm::isInt<32>(*value))
    return {};
  return IntegerAttr::get(getType(), *value);
}

//===----------------------------------------------------------------------===//
// ForeachTileOp
//===----------------------------------------------------------------------===//

static ParseResult parseSizeTuple(OpAsmParser &parser, StringRef name,
                                  OperationState &state) {
  SmallVector<Attribute> sizes;
  auto parseOne = [&] { return parseSize(parser, sizes.emplace_back()); };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Paren, parseOne))
    return failure();
  state.addAttribute(name, parser.getBuilder().getArrayAttr(sizes));
  return success();
}

static void printSizeTuple(OpAsmPrinter &printer, ArrayAttr sizes) {
  printer << "(";
  llvm::interleaveComma(sizes, printer,
                        [&](Attribute size) { printSize(printer, size); });
  printer << ")";
}

ParseResult ForeachTileOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::Argument> coordinates;
  if (parser.parseArgumentList(coordinates, AsmParser::Delimiter::Paren) ||
      parser.parseKeyword("in") || parseSizeTuple(parser, "extents", state) ||
      parser.parseKeyword("by") || parseSizeTuple(parser, "steps", state) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  for (OpAsmParser::Argument &coordinate : coordinates)
    coordinate.type = parser.getBuilder().getI32Type();
  return parser.parseRegion(*state.addRegion(), coordinates);
}

void ForeachTileOp::print(OpAsmPrinter &printer) {
  printer << " (";
  llvm::interleaveComma(getBody().getArguments(), printer);
  printer << ") in ";
  printSizeTuple(printer, getExtents());
  printer << " by ";
  printSizeTuple(printer, getSteps());
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"extents", "steps"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult ForeachTileOp::verify() {
  size_t arguments = getBody().getNumArguments();
  if (getExtents().size() != 2 || getSteps().size() != 2 || arguments != 2)
    return emitOpError("expected 2 coordinates, extents and steps (rows and "
                       "columns), got ")
           << arguments << ", " << getExtents().size() << " and "
           << getSteps().size();
  if (!llvm::all_of(getBody().getArgumentTypes(),
                    [](Type type) { return type.isInteger(32); }))
    return emitOpError("expected coordinates of type i32");
  if (failed(expectSizes(*this, getExtents().getValue())) ||
      failed(expectSizes(*this, getSteps().getValue())))
    return failure();
  for (Attribute step : getSteps())
    if (failed(expectPositive(*this, step, "positive steps")))
      return failure();
  return success();
}

//===----------------------------------------------------------------------===//
// AccumulateOp
//===----------------------------------------------------------------------===//

ParseResult AccumulateOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::Argument coordinate;
  Attribute extent, step, stages;
  SmallVector<OpAsmParser::Argument> carried;
  SmallVector<OpAsmParser::UnresolvedOperand> inits;
  SmallVector<Type> types;
  if (parser.parseArgument(coordinate) || parser.parseKeyword("in") ||
      parseSize(parser, extent) || parser.parseKeyword("by") ||
      parseSize(parser, step) || parser.parseKeyword("stages") ||
      parser.parseLParen() || parseSize(parser, stages) ||
      parser.parseRParen() || parser.parseKeyword("init") ||
      parser.parseAssignmentList(carried, inits) || parser.parseColon() ||
      parser.parseTypeList(types) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  if (types.size() != inits.size())
    return parser.emitError(parser.getCurrentLocation(), "expected ")
           << inits.size() << " accumulator types, got " << types.size();
  state.addAttribute("extent", extent);
  state.addAttribute("step", step);
  state.addAttribute("stages", stages);
  state.addTypes(types);
  if (parser.resolveOperands(inits, types, parser.getCurrentLocation(),
                             state.operands))
    return failure();
  coordinate.type = parser.getBuilder().getI32Type();
  for (auto [argument, type] : llvm::zip(carried, types))
    argument.type = type;
  carried.insert(carried.begin(), coordinate);
  return parser.parseRegion(*state.addRegion(), carried);
}

void AccumulateOp::print(OpAsmPrinter &printer) {
  printer << " " << getBody().getArgument(0) << " in ";
  printSize(printer, getExtent());
  printer << " by ";
  printSize(printer, getStep());
  printer << " stages(";
  printSize(printer, getStages());
  printer << ") init(";
  llvm::interleaveComma(
      llvm::zip(getBody().getArguments().drop_front(), getInits()), printer,
      [&](auto pair) {
        printer << std::get<0>(pair) << " = " << std::get<1>(pair);
      });
  printer << ") : ";
  llvm::interleaveComma(getResultTypes(), printer);
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"extent", "step", "stages"});
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult AccumulateOp::verifyRegions() {
  auto arguments = getBody().getArgumentTypes();
  if (arguments.size() != getInits().size() + 1 ||
      !arguments.front().isInteger(32) ||
      TypeRange(arguments).drop_front() != TypeRange(getInits()))
    return emitOpError("expected the block arguments to be the K coordinate "
                       "and one accumulator for each init");
  auto yield = dyn_cast<YieldOp>(getBody().front().getTerminator());
  if (!yield)
    return emitOpError("expected a body that ends in tile.yield");
  if (yield.getOperandTypes() != getResultTypes())
    return yield.emitOpError("expected ")
           << getNumResults()
           << " accumulators of the types of its accumulate, got "
           << yield.getNumOperands();
  if (failed(expectSizes(*this, {getExtent(), getStep(), getStages()})) ||
      failed(expectPositive(*this, getStep(), "a positive step")))
    return failure();
  return expectPositive(*this, getStages(), "at least one stage");
}
