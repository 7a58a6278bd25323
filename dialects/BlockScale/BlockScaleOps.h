// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dialect, types and ops of BlockScale.
#ifndef NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALEOPS_H
#define NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALEOPS_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

#include "dialects/BlockScale/BlockScaleDialect.h.inc"
#define GET_TYPEDEF_CLASSES
#include "dialects/BlockScale/BlockScaleTypes.h.inc"
#define GET_OP_CLASSES
#include "dialects/BlockScale/BlockScaleOps.h.inc"

#endif // NYBL_DIALECTS_BLOCKSCALE_BLOCKSCALEOPS_H
