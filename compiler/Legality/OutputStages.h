// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// L3 of what leaves by TMA: which element of D lies where in shared memory, and
// that its own warp wrote it before a box takes it there, and does not write
// there again before the box has been read.
#ifndef NYBL_COMPILER_LEGALITY_OUTPUTSTAGES_H
#define NYBL_COMPILER_LEGALITY_OUTPUTSTAGES_H

#include "dialects/Cta/CtaOps.h"
#include "mlir/IR/AffineExpr.h"

namespace nybl::compiler {

struct Proof;

/// An element that each thread writes, and where in D boxes bring it: row
/// rowBase + rows[thread], column columnBase + columns[thread].
struct BoxedElement {
  cta::StorePairOp pair;
  mlir::Value value;
  std::vector<int64_t> rows, columns; ///< -1: in no box
};

/// What the boxes of one role bring in a tile.
struct BoxedOutput {
  cta::StoreBoxOp last;
  mlir::AffineExpr rowBase, columnBase; ///< in elements
  std::vector<BoxedElement> elements;
};

/// Of each role that has boxes.
mlir::FailureOr<std::vector<BoxedOutput>> proveOutputStages(Proof &proof);

/// What `thread` does to D in the first tile breaks `lemma`; the caller says
/// how.
mlir::InFlightDiagnostic refuteOutput(mlir::Operation *op,
                                      llvm::StringRef lemma, int64_t thread);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_OUTPUTSTAGES_H
