// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L3 of kernels with roles: who does what to a ring, and in which order.
#ifndef NYBL_COMPILER_LEGALITY_ROLEORDER_H
#define NYBL_COMPILER_LEGALITY_ROLEORDER_H

#include "mlir/Support/LLVM.h"

namespace nybl::compiler {

struct Proof;

/// One role writes a ring and one reads it; both take its iterations from 0 on,
/// each once in a tile, one claim after the other; both take the rings in the
/// same order; what is accessed has been claimed. Then what is left is the
/// protocol of each ring by itself (RingModel), which is gone through here too.
/// The number of steps in a tile that were looked at.
mlir::FailureOr<size_t> proveRoleOrder(Proof &proof);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_ROLEORDER_H
