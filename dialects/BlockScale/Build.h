// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Between the problem line and the IR that says the same.
#ifndef NYBL_DIALECTS_BLOCKSCALE_BUILD_H
#define NYBL_DIALECTS_BLOCKSCALE_BUILD_H

#include "dialects/BlockScale/BlockScaleOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"
#include "runtime/Abi/QuantizeProblem.h"

namespace nybl::block_scale {

/// A module with one func.func @gemm that holds one block_scale.gemm. The
/// context must have the func and block_scale dialects loaded.
mlir::OwningOpRef<mlir::ModuleOp> buildModule(mlir::MLIRContext &context,
                                              const GemmProblem &problemClass);

/// The problem class of a gemm; problemOf(buildModule(c)) == c for classes
/// whose M is free.
GemmProblem problemOf(GemmOp gemm);

/// The same of a quantisation: one func.func @quantize.
mlir::OwningOpRef<mlir::ModuleOp>
buildModule(mlir::MLIRContext &context, const QuantizeProblem &problemClass);
QuantizeProblem problemOf(QuantizeOp quantize);

mlir::OwningOpRef<mlir::ModuleOp>
buildModule(mlir::MLIRContext &context, const DequantizeProblem &problemClass);
DequantizeProblem problemOf(DequantizeOp dequantize);

mlir::OwningOpRef<mlir::ModuleOp> buildModule(mlir::MLIRContext &context,
                                              const AnyProblem &problemClass);

} // namespace nybl::block_scale

#endif // NYBL_DIALECTS_BLOCKSCALE_BUILD_H
