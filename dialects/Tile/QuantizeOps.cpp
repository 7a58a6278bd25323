// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text and verifiers of the ops that make block-scaled tensors, and elements of
// them.

#include "dialects/Tile/TileOps.h"

using namespace mlir;
using namespace nybl::tile;

static constexpr int64_t blockColumns = 16;

static LogicalResult expectArgument(Operation *op, Value value,
                                    StringRef what) {
  auto argument = dyn_cast<BlockArgument>(value);
  if (argument && isa<KernelOp>(argument.getOwner()->getParentOp()))
    return success();
  return op->emitOpError("expected an argument of its tile.kernel as ") << what;
}

static LogicalResult expectBlocks(Operation *op, ArrayRef<Attribute> sizes) {
  std::optional<int64_t> columns = constantSize(sizes[1]);
  if (!columns || *columns % blockColumns == 0)
    return success();
  return op->emitOpError("expected whole blocks of ")
         << blockColumns << " columns, got " << *columns << " columns";
}

static LogicalResult expectFlag(Operation *op, StringRef name, Attribute flag) {
  std::optional<int64_t> value = constantSize(flag);
  if (isSize(flag) && (!value || *value == 0 || *value == 1))
    return success();
  return op->emitOpError("expected 0, 1 or a name as ")
         << name << ", got " << flag;
}

LogicalResult LoadElementsOp::verify() {
  Type element = getMatrix().getType().getElement();
  if (element && !element.isF32() && !element.isF16() && !element.isBF16())
    return emitOpError("expected a matrix of f32, f16 or bf16, got one of ")
           << element;
  return expectArgument(*this, getMatrix(), "the matrix");
}

LogicalResult AmaxOp::verify() {
  if (getValue().getType().getSizes() != getType().getSizes())
    return emitOpError("expected a result of the sizes of its tile");
  return expectBlocks(*this, getType().getSizes());
}

//===----------------------------------------------------------------------===//
// QuantizeOp: `%x, %amax, %global fast(fast) : types -> types`
//===----------------------------------------------------------------------===//

static ParseResult parseFlag(OpAsmParser &parser, StringRef keyword,
                             OperationState &state) {
  Attribute flag;
  if (parser.parseKeyword(keyword) || parser.parseLParen() ||
      parseSize(parser, flag) || parser.parseRParen())
    return failure();
  state.addAttribute(keyword, flag);
  return success();
}

static void printFlag(OpAsmPrinter &printer, StringRef keyword,
                      Attribute flag) {
  printer << " " << keyword << "(";
  printSize(printer, flag);
  printer << ")";
}

ParseResult QuantizeOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  SmallVector<Type> types;
  SMLoc at = parser.getCurrentLocation();
  return failure(parser.parseOperandList(operands) ||
                 parseFlag(parser, "fast", state) ||
                 parser.parseOptionalAttrDict(state.attributes) ||
                 parser.parseColonTypeList(types) || parser.parseArrow() ||
                 parser.parseTypeList(state.types) ||
                 parser.resolveOperands(operands, types, at, state.operands));
}

void QuantizeOp::print(OpAsmPrinter &printer) {
  printer << " " << getOperation()->getOperands();
  printFlag(printer, "fast", getFast());
  printer.printOptionalAttrDict((*this)->getAttrs(), {"fast"});
  printer << " : " << getOperandTypes() << " -> " << getResultTypes();
}

LogicalResult QuantizeOp::verify() {
  ArrayRef<Attribute> sizes = getValue().getType().getSizes();
  if (getAmax().getType().getSizes() != sizes ||
      getCodes().getType().getSizes() != sizes ||
      getScales().getType().getSizes() != sizes)
    return emitOpError("expected amax, codes and scales of the sizes of the "
                       "tile");
  if (failed(expectBlocks(*this, sizes)) ||
      failed(expectFlag(*this, "fast", getFast())))
    return failure();
  return expectArgument(*this, getGlobal(), "the global scale");
}

LogicalResult DequantizeOp::verify() {
  ArrayRef<Attribute> sizes = getType().getSizes();
  if (getCodes().getType().getSizes() != sizes ||
      getScales().getType().getSizes() != sizes)
    return emitOpError("expected codes, scales and a result of the same sizes");
  return expectBlocks(*this, sizes);
}

//===----------------------------------------------------------------------===//
// SiluMulOp: `%gate, %up fast(fast) : type`
//===----------------------------------------------------------------------===//

ParseResult SiluMulOp::parse(OpAsmParser &parser, OperationState &state) {
  SmallVector<OpAsmParser::UnresolvedOperand> operands;
  Type type;
  return failure(parser.parseOperandList(operands, 2) ||
                 parseFlag(parser, "fast", state) ||
                 parser.parseOptionalAttrDict(state.attributes) ||
                 parser.parseColonType(type) ||
                 parser.addTypeToList(type, state.types) ||
                 parser.resolveOperands(operands, type, state.operands));
}

void SiluMulOp::print(OpAsmPrinter &printer) {
  printer << " " << getOperation()->getOperands();
  printFlag(printer, "fast", getFast());
  printer.printOptionalAttrDict((*this)->getAttrs(), {"fast"});
  printer << " : " << getType();
}

LogicalResult SiluMulOp::verify() {
  if (getGate().getType() != getType() || getUp().getType() != getType())
    return emitOpError("expected gate, up and result of one type");
  return expectFlag(*this, "fast", getFast());
}

LogicalResult StoreCodesOp::verify() {
  Type element = getMatrix().getType().getElement();
  if (element && !isa<Float4E2M1FNType>(element))
    return emitOpError("expected a matrix of f4E2M1FN to store codes to, got "
                       "one of ")
           << element;
  return expectArgument(*this, getMatrix(), "the matrix");
}

//===----------------------------------------------------------------------===//
// StoreScalesOp: `%s, %S[%m, %k] pad_rows(pad) : types`
//===----------------------------------------------------------------------===//

ParseResult StoreScalesOp::parse(OpAsmParser &parser, OperationState &state) {
  OpAsmParser::UnresolvedOperand values, scales;
  SmallVector<OpAsmParser::UnresolvedOperand> at;
  Type valuesType, scalesType;
  if (parser.parseOperand(values) || parser.parseComma() ||
      parser.parseOperand(scales) ||
      parser.parseOperandList(at, 2, OpAsmParser::Delimiter::Square) ||
      parseFlag(parser, "pad_rows", state) ||
      parser.parseOptionalAttrDict(state.attributes) ||
      parser.parseColonType(valuesType) || parser.parseComma() ||
      parser.parseType(scalesType))
    return failure();
  return failure(parser.resolveOperand(values, valuesType, state.operands) ||
                 parser.resolveOperand(scales, scalesType, state.operands) ||
                 parser.resolveOperands(at, parser.getBuilder().getI32Type(),
                                        state.operands));
}

void StoreScalesOp::print(OpAsmPrinter &printer) {
  printer << " " << getValues() << ", " << getScales() << "[" << getRow()
          << ", " << getColumn() << "]";
  printFlag(printer, "pad_rows", getPadRows());
  printer.printOptionalAttrDict((*this)->getAttrs(), {"pad_rows"});
  printer << " : " << getValues().getType() << ", " << getScales().getType();
}

LogicalResult StoreScalesOp::verify() {
  if (failed(expectBlocks(*this, getValues().getType().getSizes())) ||
      failed(expectFlag(*this, "pad_rows", getPadRows())))
    return failure();
  return expectArgument(*this, getScales(), "the scales");
}
