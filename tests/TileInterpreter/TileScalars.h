// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The scalar part of the interpreter: arith on coordinates (i32), on elements
// (f32) and on what compares them (i1).
#ifndef NYBL_TESTS_TILEINTERPRETER_TILESCALARS_H
#define NYBL_TESTS_TILEINTERPRETER_TILESCALARS_H

#include "mlir/IR/Operation.h"
#include "runtime/Abi/Status.h"
#include "llvm/ADT/DenseMap.h"

namespace nybl::oracle {

/// Values of scalars, and the arith ops that compute one from others. f32
/// arithmetic rounds to nearest even and fuses nothing. bf16 and f16 exist only
/// as results of truncf: arithmetic on them is refused, as is any op that is
/// not known, by name.
class TileScalars {
public:
  Status execute(mlir::Operation &op);

  void setInteger(mlir::Value value, int64_t number) {
    integers[value] = number;
  }
  void setFloat(mlir::Value value, float number) { floats[value] = number; }
  int64_t integer(mlir::Value value) const { return integers.lookup(value); }
  float number(mlir::Value value) const { return floats.lookup(value); }

private:
  Status executeConstant(mlir::Operation &op);
  Status executeCompare(mlir::Operation &op);
  Status executeConversion(mlir::Operation &op);
  Status executeSelect(mlir::Operation &op);
  Status executeF32(mlir::Operation &op);
  Status executeI32(mlir::Operation &op);
  Status executeDivision(mlir::Operation &op); ///< of i32
  Status executeLogic(mlir::Operation &op);    ///< of i1

  llvm::DenseMap<mlir::Value, int64_t> integers;
  llvm::DenseMap<mlir::Value, float> floats;
};

/// The refusal of an op, by its name and, where it is the reason, its type.
Status unknownOp(mlir::Operation &op);

} // namespace nybl::oracle

#endif // NYBL_TESTS_TILEINTERPRETER_TILESCALARS_H
