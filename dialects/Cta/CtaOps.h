// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops, types, attributes and interfaces of the Cta dialect.
#ifndef NYBL_DIALECTS_CTA_CTAOPS_H
#define NYBL_DIALECTS_CTA_CTAOPS_H

#include "dialects/Cta/CtaDialect.h"
#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/Cta/CtaEnums.h.inc"

namespace nybl::cta {

/// What is free at launch: rows are the value of argument "m", those of b and
/// sfb of "n"; K blocks are that of "k.blocks".
inline constexpr int64_t dynamicRows = mlir::ShapedType::kDynamic;

mlir::FailureOr<int64_t> parseRows(mlir::AsmParser &parser);
void printRows(mlir::AsmPrinter &printer, int64_t rows);
mlir::FailureOr<int64_t> parseRowBytes(mlir::AsmParser &parser);
void printRowBytes(mlir::AsmPrinter &printer, int64_t bytes);

} // namespace nybl::cta

#define GET_ATTRDEF_CLASSES
#include "dialects/Cta/CtaAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/Cta/CtaTypes.h.inc"

#include "dialects/Cta/CtaInterfaces.h.inc"

#define GET_OP_CLASSES
#include "dialects/Cta/CtaOps.h.inc"

namespace nybl::cta {

/// Registers of a thread when its CTA begins, where only one CTA fits: its
/// share of a multiprocessor's, in eights (PTX ISA, setmaxnreg: registers come
/// from what the CTA was launched with).
int64_t registersAtLaunch(KernelOp kernel);

/// What stands for tensor memory is used by its own ops alone, accumulators
/// once. Part of the kernel's verifier.
mlir::LogicalResult verifyTensorUsers(mlir::Value value);

/// True of a copy that runs `ahead` (cta.ring).
bool isAhead(mlir::Operation *op);

} // namespace nybl::cta

#endif // NYBL_DIALECTS_CTA_CTAOPS_H
