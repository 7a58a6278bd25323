// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes: their text and their value.

#include "dialects/Tile/TileOps.h"
#include "llvm/ADT/TypeSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace nybl::tile;

namespace {

Attribute makeInteger(MLIRContext *context, int64_t value) {
  return IntegerAttr::get(IntegerType::get(context, 64), value);
}

std::optional<int64_t> apply(ExprKind kind, int64_t lhs, int64_t rhs) {
  int64_t result = 0;
  switch (kind) {
  case ExprKind::Add:
    return llvm::AddOverflow(lhs, rhs, result) ? std::nullopt
                                               : std::optional(result);
  case ExprKind::Sub:
    return llvm::SubOverflow(lhs, rhs, result) ? std::nullopt
                                               : std::optional(result);
  case ExprKind::Mul:
    return llvm::MulOverflow(lhs, rhs, result) ? std::nullopt
                                               : std::optional(result);
  case ExprKind::FloorDiv:
    return rhs <= 0 ? std::nullopt
                    : std::optional(llvm::divideFloorSigned(lhs, rhs));
  case ExprKind::Mod:
    return rhs <= 0 ? std::nullopt : std::optional(llvm::mod(lhs, rhs));
  }
  llvm_unreachable("every kind of expression is handled above");
}

ParseResult parseSum(AsmParser &parser, Attribute &size, unsigned depth);

ParseResult parseAtom(AsmParser &parser, Attribute &size, unsigned depth) {
  SMLoc at = parser.getCurrentLocation();
  int64_t number = 0;
  OptionalParseResult integer = parser.parseOptionalInteger(number);
  if (integer.has_value()) {
    size = makeInteger(parser.getContext(), number);
    return *integer;
  }
  if (succeeded(parser.parseOptionalLParen())) {
    if (depth == maxSizeDepth)
      return parser.emitError(at, "expected at most ")
             << maxSizeDepth << " nested parentheses in a size";
    return failure(parseSum(parser, size, depth + 1) || parser.parseRParen());
  }
  StringRef name;
  if (succeeded(parser.parseOptionalKeyword(&name))) {
    size = NameAttr::get(parser.getContext(),
                         StringAttr::get(parser.getContext(), name));
    return success();
  }
  return parser.emitError(at, "expected a size: a number, a name or '('");
}

std::optional<ExprKind> parseFactorKind(AsmParser &parser) {
  if (succeeded(parser.parseOptionalStar()))
    return ExprKind::Mul;
  if (succeeded(parser.parseOptionalKeyword("floordiv")))
    return ExprKind::FloorDiv;
  if (succeeded(parser.parseOptionalKeyword("mod")))
    return ExprKind::Mod;
  return std::nullopt;
}

/// lhs = lhs kind rhs; an error where that nests too deep.
ParseResult combine(AsmParser &parser, SMLoc at, ExprKind kind, Attribute &lhs,
                    Attribute rhs) {
  lhs = parser.getChecked<ExprAttr>(at, parser.getContext(), kind, lhs, rhs);
  return success(lhs != nullptr);
}

ParseResult parseTerm(AsmParser &parser, Attribute &size, unsigned depth) {
  SMLoc at = parser.getCurrentLocation();
  if (parseAtom(parser, size, depth))
    return failure();
  while (std::optional<ExprKind> kind = parseFactorKind(parser)) {
    Attribute rhs;
    if (parseAtom(parser, rhs, depth) || combine(parser, at, *kind, size, rhs))
      return failure();
  }
  return success();
}

std::optional<ExprKind> parseSumKind(AsmParser &parser) {
  if (succeeded(parser.parseOptionalPlus()))
    return ExprKind::Add;
  if (succeeded(parser.parseOptionalMinus()))
    return ExprKind::Sub;
  return std::nullopt;
}

ParseResult parseSum(AsmParser &parser, Attribute &size, unsigned depth) {
  SMLoc at = parser.getCurrentLocation();
  if (parseTerm(parser, size, depth))
    return failure();
  while (std::optional<ExprKind> kind = parseSumKind(parser)) {
    Attribute rhs;
    if (parseTerm(parser, rhs, depth) || combine(parser, at, *kind, size, rhs))
      return failure();
  }
  return success();
}

unsigned depthOf(Attribute size) {
  auto expr = dyn_cast<ExprAttr>(size);
  return expr ? 1 + std::max(depthOf(expr.getLhs()), depthOf(expr.getRhs()))
              : 0;
}

} // namespace

bool nybl::tile::isSize(Attribute attribute) {
  if (auto number = dyn_cast<IntegerAttr>(attribute))
    return number.getType().isSignlessInteger(64);
  return isa<NameAttr, ExprAttr>(attribute);
}

LogicalResult ExprAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                               ExprKind, Attribute lhs, Attribute rhs) {
  if (!isSize(lhs) || !isSize(rhs))
    return emitError() << "expected sizes (numbers, names, expressions) as "
                          "operands of an expression";
  // Its operands passed this check, so the walk is short.
  if (std::max(depthOf(lhs), depthOf(rhs)) >= maxSizeDepth)
    return emitError() << "expected at most " << maxSizeDepth
                       << " nested operations in a size";
  return success();
}

ParseResult nybl::tile::parseSize(AsmParser &parser, Attribute &size) {
  return parseSum(parser, size, /*depth=*/0);
}

void nybl::tile::printSize(AsmPrinter &printer, Attribute size) {
  if (auto number = dyn_cast<IntegerAttr>(size)) {
    printer << number.getInt();
    return;
  }
  if (auto name = dyn_cast<NameAttr>(size)) {
    printer << name.getName().getValue();
    return;
  }
  auto expr = cast<ExprAttr>(size);
  auto printOperand = [&](Attribute operand) {
    bool nested = isa<ExprAttr>(operand);
    printer << (nested ? "(" : "");
    printSize(printer, operand);
    printer << (nested ? ")" : "");
  };
  static constexpr StringRef signs[] = {"+", "-", "*", "floordiv", "mod"};
  printOperand(expr.getLhs());
  printer << " " << signs[static_cast<unsigned>(expr.getKind())] << " ";
  printOperand(expr.getRhs());
}

FailureOr<SmallVector<Attribute>> nybl::tile::parseSizes(AsmParser &parser) {
  SmallVector<Attribute> sizes;
  auto parseOne = [&] { return parseSize(parser, sizes.emplace_back()); };
  if (parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne))
    return failure();
  return sizes;
}

void nybl::tile::printSizes(AsmPrinter &printer, ArrayRef<Attribute> sizes) {
  printer << "[";
  llvm::interleaveComma(sizes, printer,
                        [&](Attribute size) { printSize(printer, size); });
  printer << "]";
}

bool nybl::tile::isFree(Attribute size, StringRef name) {
  auto named = dyn_cast<NameAttr>(size);
  return named && named.getName() == name;
}

std::optional<int64_t> nybl::tile::constantSize(Attribute size) {
  if (auto number = dyn_cast<IntegerAttr>(size))
    return number.getInt();
  auto expr = dyn_cast<ExprAttr>(size);
  if (!expr)
    return std::nullopt;
  std::optional<int64_t> lhs = constantSize(expr.getLhs());
  std::optional<int64_t> rhs = constantSize(expr.getRhs());
  if (!lhs || !rhs)
    return std::nullopt;
  return apply(expr.getKind(), *lhs, *rhs);
}
