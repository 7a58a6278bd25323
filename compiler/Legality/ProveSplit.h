// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the lemmas ask where a tile has several parts.
#ifndef NYBL_COMPILER_LEGALITY_PROVESPLIT_H
#define NYBL_COMPILER_LEGALITY_PROVESPLIT_H

#include "compiler/Legality/Prove.h"

namespace nybl::compiler {

/// L1 of the workspace: each thread touches what is its own of the tile it is
/// in. Then it is within the workspace: the launch gives it room for all tiles.
mlir::LogicalResult proveOwnSums(cta::SumPartsOp sum);

/// L1 too: a launch makes room for the tiles and parts that the schedule names,
/// so they must be the kernel's, which stores `rows` x `columns` for each tile.
/// And where CTAs take over tiles of those that have not begun, it has a CTA
/// for each tile that the schedule names.
mlir::LogicalResult proveRoom(Proof &proof, int64_t rows, int64_t columns);

/// L3 of the workspace: in which order parts add and hand on. The number of
/// kernels' sums that were looked at, 0 where no tile has parts.
mlir::FailureOr<size_t> proveTurns(Proof &proof);

/// L4: what is stored of a tile that has parts, by element or by box, is stored
/// by its last part.
mlir::LogicalResult proveStoredOnce(mlir::Operation *store);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_PROVESPLIT_H
