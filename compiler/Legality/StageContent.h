// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What lies in shared memory: for each byte of a stage, the row and column of
// the operand it is copied from. The same for every iteration but for the
// iteration's own number, so one table does.
#ifndef NYBL_COMPILER_LEGALITY_STAGECONTENT_H
#define NYBL_COMPILER_LEGALITY_STAGECONTENT_H

#include "compiler/Legality/Slice.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "llvm/ADT/MapVector.h"

namespace nybl::compiler {

struct Proof;

/// The iteration an access names: leaf + shift. Without a ring it is the K step
/// around the access; without one it is 0, and leaf is null.
struct Iteration {
  mlir::AffineExpr leaf;
  int64_t shift = 0;
  int64_t begin = 0, end = 1; ///< the values it takes
};

mlir::FailureOr<Iteration> iterationOf(cta::StageAccess access, Slicer &slicer);

/// How many K steps a loop has; where K is free, how many are being traced. No
/// K loop stands in another.
mlir::FailureOr<int64_t> stepsOf(mlir::scf::ForOp loop, Proof &proof);

/// The number that a step of a ring names in K step `step`.
mlir::FailureOr<int64_t> iterationAt(mlir::Operation *op, mlir::Value named,
                                     int64_t step, Slicer &slicer);

/// The expression with symbol 0, the iteration, in the place of the leaf; and
/// back.
mlir::AffineExpr byIteration(mlir::AffineExpr expr, const Iteration &iteration);
mlir::AffineExpr atIteration(mlir::AffineExpr expr, const Iteration &iteration);

/// One op that writes a stage, and in which iterations.
struct StageWriter {
  cta::StageAccess op;
  int64_t begin, end;
};

/// Byte i holds, in iteration s0, byte (or K block, of scale factors) column
/// columnBase(s0) + columns[i] of row rowBase + rows[i] of the operand: its
/// value where both are real, zero elsewhere.
struct StageContent {
  mlir::BlockArgument operand;
  mlir::AffineExpr rowBase, columnBase;
  std::vector<int64_t> rows, columns; ///< -1: never written
  int64_t begin = 0, end = 0;         ///< iterations that are written
  llvm::SmallVector<StageWriter> writers;
};

/// What each thread gets that reads a stage: byte (or K block) columnBase +
/// columns[thread] and those after it, of row rowBase + rows[thread]. Of
/// several pieces: piece i at [i * threads + thread]. Of a read of all of a
/// slot: byte i at [i].
struct StageRead {
  mlir::BlockArgument operand;
  mlir::AffineExpr rowBase, columnBase;
  std::vector<int64_t> rows, columns;
};

using StageContents = llvm::MapVector<mlir::Value, StageContent>;
using StageReads = llvm::DenseMap<mlir::Operation *, StageRead>;

/// The content of one stage (part of L3).
mlir::FailureOr<StageContent> contentOf(cta::AllocOp stage, Proof &proof);

/// What a read gets (part of L3: every byte of it was written).
mlir::FailureOr<StageRead> readOf(cta::StageAccess read, Proof &proof);

/// What is real passes the guard of an access: nothing else is asked of it but
/// `mine`. (Parts of L2 and L4; that nothing else passes is L1.) Where row and
/// column were only guessed from the address, this cannot refute.
mlir::LogicalResult proveComplete(mlir::Operation *op, llvm::StringRef lemma,
                                  llvm::StringRef operand, const Domain &access,
                                  llvm::ArrayRef<LessThan> mine,
                                  llvm::ArrayRef<LessThan> real, Proof &proof,
                                  bool mayRefute = true);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_STAGECONTENT_H
