// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What multiplies in tensor memory multiply: as Slots.h, where a group's tile
// is one multiply and its scale factors have been copied to tensor memory.
#ifndef NYBL_COMPILER_LEGALITY_TENSORSLOTS_H
#define NYBL_COMPILER_LEGALITY_TENSORSLOTS_H

#include "compiler/Legality/Slots.h"

namespace nybl::compiler {

/// L2 of one multiply: both sides take the same bytes of K of each of their
/// rows, and the byte of tensor memory that scales a block holds its factor.
/// Fails with a diagnostic.
mlir::FailureOr<Slots> slotsOf(cta::TensorMmaOp mma, Proof &proof);

/// Part of L3: what one thread of a group asks for is asked for by the same
/// thread throughout, which is one. So copies and multiplies are done in the
/// order in which they stand, and what it commits to is all of them.
mlir::LogicalResult proveAskers(Proof &proof);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_TENSORSLOTS_H
