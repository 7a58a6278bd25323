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

/// Roles, as traits: what a warp role of the kernel will do with the op.
template <typename Op>
class LoadRole : public mlir::OpTrait::TraitBase<Op, LoadRole> {};
template <typename Op>
class DotRole : public mlir::OpTrait::TraitBase<Op, DotRole> {};
template <typename Op>
class ElementwiseRole : public mlir::OpTrait::TraitBase<Op, ElementwiseRole> {};
template <typename Op>
class StoreRole : public mlir::OpTrait::TraitBase<Op, StoreRole> {};

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

} // namespace nybl::tile

#define GET_ATTRDEF_CLASSES
#include "dialects/Tile/TileAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Tile/TileTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.h.inc"

#endif // NYBL_DIALECTS_TILE_TILEOPS_H
