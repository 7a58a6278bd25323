// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registration of the Tile dialect and its generated definitions.

#include "dialects/Tile/TileOps.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl::tile;

#include "dialects/Tile/TileDialect.cpp.inc"
#include "dialects/Tile/TileEnums.cpp.inc"
#define GET_ATTRDEF_CLASSES
#include "dialects/Tile/TileAttrs.cpp.inc"

/// What holds of the sizes of each type that has some.
static LogicalResult
verifySizes(llvm::function_ref<InFlightDiagnostic()> emitError,
            ArrayRef<Attribute> sizes) {
  if (sizes.size() != 2 || !llvm::all_of(sizes, isSize))
    return emitError() << "expected two sizes, rows and columns, got "
                       << sizes.size();
  return success();
}

#define GET_TYPEDEF_CLASSES
#include "dialects/Tile/TileTypes.cpp.inc"
#define GET_OP_CLASSES
#include "dialects/Tile/TileOps.cpp.inc"

LogicalResult
MatrixType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   ArrayRef<Attribute> sizes, Type) {
  return verifySizes(emitError, sizes);
}

LogicalResult
ScalesType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                   ArrayRef<Attribute> sizes, Type element, int64_t block,
                   StringAttr) {
  if (element && block <= 0)
    return emitError() << "expected a block of at least one column, got "
                       << block;
  return verifySizes(emitError, sizes);
}

LogicalResult
TileType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                 ArrayRef<Attribute> sizes) {
  return verifySizes(emitError, sizes);
}

LogicalResult
ScaleTileType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                      ArrayRef<Attribute> sizes) {
  return verifySizes(emitError, sizes);
}

LogicalResult
AccType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                ArrayRef<Attribute> sizes) {
  return verifySizes(emitError, sizes);
}

LogicalResult
AmaxType::verify(llvm::function_ref<InFlightDiagnostic()> emitError,
                 ArrayRef<Attribute> sizes) {
  return verifySizes(emitError, sizes);
}

void TileDialect::initialize() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "dialects/Tile/TileAttrs.cpp.inc"
      >();
  addTypes<
#define GET_TYPEDEF_LIST
#include "dialects/Tile/TileTypes.cpp.inc"
      >();
  addOperations<
#define GET_OP_LIST
#include "dialects/Tile/TileOps.cpp.inc"
      >();
}
