// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops, types and attributes of the Tile dialect.
#ifndef NYBL_DIALECTS_TILE_TILEOPS_H
#define NYBL_DIALECTS_TILE_TILEOPS_H

#include "dialects/Tile/TileDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/ControlFlowInterfaces.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Tile/TileEnums.h.inc"

namespace nybl::tile {

/// The dimension of a template that always stays free at launch.
inline constexpr llvm::StringLiteral freeDimension = "M";

/// Whether a size is the dimension of this name, and no number.
bool isFree(mlir::Attribute size, llvm::StringRef name);

/// A size is an IntegerAttr (i64), a NameAttr or an ExprAttr over them.
///   size ::= term (('+' | '-') term)*
///   term ::= atom (('*' | 'floordiv' | 'mod') atom)*
///   atom ::= integer | name | '(' size ')'
mlir::ParseResult parseSize(mlir::AsmParser &parser, mlir::Attribute &size);
void printSize(mlir::AsmPrinter &printer, mlir::Attribute size);
mlir::FailureOr<llvm::SmallVector<mlir::Attribute>>
parseSizes(mlir::AsmParser &parser);
void printSizes(mlir::AsmPrinter &printer,
                llvm::ArrayRef<mlir::Attribute> sizes);

/// The number a size stands for, or nothing while a name is unbound (or on a
/// division by zero or an overflow of 64 bits).
std::optional<int64_t> constantSize(mlir::Attribute size);

/// Expressions nest this deep at most: whatever walks one is bounded.
inline constexpr unsigned maxSizeDepth = 16;
bool isSize(mlir::Attribute attribute);

/// True if the op computes one element from others and is known to mean the
/// same everywhere: arith on f32 and i1, bf16 and f16 only between truncf and
/// extf, no fast-math flags.
bool isElementwise(mlir::Operation *op);

} // namespace nybl::tile

#define GET_ATTRDEF_CLASSES
#include "dialects/Tile/TileAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Tile/TileTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.h.inc"

#endif // NYBL_DIALECTS_TILE_TILEOPS_H
