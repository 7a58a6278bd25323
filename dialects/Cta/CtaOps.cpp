// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text of Cta's structural ops, the verifier that keeps scale factors
// apart, and what each access tells the proof.

#include "dialects/Cta/CtaOps.h"
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
      parser.parseAttribute(sources, "sources", state.attributes) ||
      parser.parseKeyword("threads") || parser.parseInteger(threads) ||
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
  printer << ") sources " << getSources() << " threads " << getThreads()
          << " schedule " << getSchedule();
  if (getCertificate())
    printer << " certificate " << *getCertificate();
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

/// Who may use a value that is, holds or addresses scale factors. Everything
/// else (a cast, a select, a loop-carried value) is an escape.
static bool mayUseScales(Type type, Operation *user) {
  return TypeSwitch<Type, bool>(type)
      .Case([&](ScalesType) { return isa<LoadScaleOp>(user); })
      .Case([&](ScaleType) { return isa<StoreScaleOp>(user); })
      .Case([&](ScaleStageType) {
        return isa<StoreScaleOp, LoadScaleWordOp>(user);
      })
      .Case([&](ScaleWordType) { return isa<MmaOp>(user); })
      .Default([](Type) { return true; });
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
  if (isa<MatrixType, ScalesType, ScalarType>(type))
    return part.empty() ? nullptr : "the name of an operand, without a dot";
  if (type.isInteger(64))
    return part == "stride" && isa_and_present<MatrixType>(operand)
               ? nullptr
               : "the stride of a matrix argument";
  if (type.isF32())
    return part == "value" && isa_and_present<ScalarType>(operand)
               ? nullptr
               : "the value of a scalar argument";
  if (type.isInteger(32))
    return part == "reciprocal" && isa_and_present<ScalarType>(operand)
               ? nullptr
               : "\"m\" or the reciprocal of a scalar argument";
  return "an argument of type matrix, scales, scalar, i64, f32 or i32";
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
    if (source == "m" && type.isInteger(32))
      continue;
    auto [name, part] = source.split('.');
    BlockArgument operand = argumentFor(name);
    if (const char *expected =
            wrongSource(type, part, operand ? operand.getType() : Type()))
      return emitOpError("expected ") << expected << " as the source of a "
                                      << type << ", got \"" << source << "\"";
  }
  return success();
}

/// Operands of `?` rows have M of them.
LogicalResult KernelOp::verifyRows() {
  if (argumentFor("m"))
    return success();
  for (BlockArgument argument : getBody().getArguments()) {
    auto matrix = dyn_cast<MatrixType>(argument.getType());
    auto scales = dyn_cast<ScalesType>(argument.getType());
    if ((matrix && matrix.getRows() == dynamicRows) ||
        (scales && scales.getRows() == dynamicRows))
      return emitOpError("expected an argument \"m\", for '")
             << sourceOf(argument) << "' has ? rows";
  }
  return success();
}

LogicalResult KernelOp::verifyRegions() {
  if (failed(verifySources()) || failed(verifyRows()))
    return failure();
  if (getThreads() == 0 || getThreads() % 32 != 0 || getThreads() > 1024)
    return emitOpError("expected whole warps, at most 1024 threads, got ")
           << getThreads();
  for (BlockArgument argument : getBody().getArguments())
    if (failed(verifyScaleUsers(argument)))
      return failure();
  WalkResult result = (*this)->walk([](Operation *op) -> WalkResult {
    for (Value value : op->getResults())
      if (failed(verifyScaleUsers(value)))
        return failure();
    return success();
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

//===----------------------------------------------------------------------===//
// TileRangeOp
//===----------------------------------------------------------------------===//

ParseResult TileRangeOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::Argument tile;
  OpAsmParser::UnresolvedOperand count;
  Type i32 = parser.getBuilder().getI32Type();
  if (parser.parseArgument(tile) || parser.parseKeyword("in") ||
      parser.parseOperand(count) ||
      parser.resolveOperand(count, i32, state.operands) ||
      parser.parseOptionalAttrDictWithKeyword(state.attributes))
    return failure();
  tile.type = i32;
  return parser.parseRegion(*state.addRegion(), tile);
}

void TileRangeOp::print(OpAsmPrinter &printer) {
  printer << " " << getBody().getArgument(0) << " in " << getCount();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs());
  printer << " ";
  printer.printRegion(getBody(), /*printEntryBlockArgs=*/false);
}

LogicalResult TileRangeOp::verifyRegions() {
  if (getBody().getNumArguments() != 1 ||
      !getBody().getArgument(0).getType().isInteger(32))
    return emitOpError("expected one i32 block argument, the tile's index");
  return success();
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

Value LoadOp::getByteOffset() { return getOffset(); }
int64_t LoadOp::getAccessBytes() { return 8; }
bool LoadOp::isWrite() { return false; }

Value LoadScaleOp::getByteOffset() { return getOffset(); }
int64_t LoadScaleOp::getAccessBytes() { return 1; }
bool LoadScaleOp::isWrite() { return false; }

Value LoadScalarOp::getByteOffset() { return {}; }
Value LoadScalarOp::getGuard() { return {}; }
int64_t LoadScalarOp::getAccessBytes() { return 4; }
bool LoadScalarOp::isWrite() { return false; }

Value StoreOp::getByteOffset() { return getOffset(); }
int64_t StoreOp::getAccessBytes() {
  return getValue().getType().getIntOrFloatBitWidth() / 8;
}
bool StoreOp::isWrite() { return true; }
