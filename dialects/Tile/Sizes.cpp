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

ParseResult parseAtom(AsmParser &parser, Attribute &size) {
  int64_t number = 0;
  OptionalParseResult integer = parser.parseOptionalInteger(number);
  if (integer.has_value()) {
    size = makeInteger(parser.getContext(), number);
    return *integer;
  }
  if (succeeded(parser.parseOptionalLParen()))
    return failure(parseSize(parser, size) || parser.parseRParen());
  StringRef name;
  if (succeeded(parser.parseOptionalKeyword(&name))) {
    size = NameAttr::get(parser.getContext(),
                         StringAttr::get(parser.getContext(), name));
    return success();
  }
  return parser.emitError(parser.getCurrentLocation(),
                          "expected a size: a number, a name or '('");
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

ParseResult parseTerm(AsmParser &parser, Attribute &size) {
  if (parseAtom(parser, size))
    return failure();
  while (std::optional<ExprKind> kind = parseFactorKind(parser)) {
    Attribute rhs;
    if (parseAtom(parser, rhs))
      return failure();
    size = ExprAttr::get(parser.getContext(), *kind, size, rhs);
  }
  return success();
}

} // namespace

ParseResult nybl::tile::parseSize(AsmParser &parser, Attribute &size) {
  if (parseTerm(parser, size))
    return failure();
  while (true) {
    ExprKind kind;
    if (succeeded(parser.parseOptionalPlus()))
      kind = ExprKind::Add;
    else if (succeeded(parser.parseOptionalMinus()))
      kind = ExprKind::Sub;
    else
      return success();
    Attribute rhs;
    if (parseTerm(parser, rhs))
      return failure();
    size = ExprAttr::get(parser.getContext(), kind, size, rhs);
  }
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
