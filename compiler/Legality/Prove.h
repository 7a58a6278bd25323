// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lemmas, one function each. What each says: docs/trust.md.
#ifndef NYBL_COMPILER_LEGALITY_PROVE_H
#define NYBL_COMPILER_LEGALITY_PROVE_H

#include "compiler/Legality/OutputStages.h"
#include "compiler/Legality/Query.h"
#include "compiler/Legality/StageContent.h"
#include "compiler/Legality/ThreadValues.h"
#include "compiler/Legality/Verdict.h"

namespace nybl::compiler {

/// What the lemmas of one kernel share.
struct Proof {
  explicit Proof(cta::KernelOp kernel)
      : kernel(kernel), slicer(kernel), solver(slicer),
        threads(slicer, kernel.getThreads()) {}

  cta::KernelOp kernel;
  Slicer slicer;
  Solver solver;
  ThreadValues threads;
  StageContents stages;             ///< by stage; filled by proveStages
  StageReads reads;                 ///< by op; filled by proveStages
  std::vector<BoxedOutput> outputs; ///< by role; filled by proveStages
  int64_t stepsTraced = 1; ///< of loops whose steps follow from a free K
};

/// A lemma that holds: what was shown, for the certificate.
struct Shown {
  std::string domain; ///< over what: "80 accesses, each class never"
  std::string sample; ///< a point of it
};

/// A kernel has ops of cta, arith and scf.for alone: what the lemmas know.
mlir::LogicalResult checkOps(cta::KernelOp kernel);

// Each fails with a diagnostic at the op: a counterexample, or "not proven".
// They are asked in the order in which they stand here.

/// L1, access: every global access of any operand lies in its declared extent
/// and is aligned; scale reads touch only real scale factors; outputs are only
/// written, inputs only read; loops run a constant number of times. Accesses
/// are seen through the interface cta::GlobalAccess alone.
mlir::FailureOr<Shown> proveAccess(Proof &proof);

/// L3, stages: every byte of a stage that is read was written once for that
/// iteration, by a copy that is over for every thread, and is written again
/// only when nobody reads it any more; masked lanes write zeros. Accesses are
/// seen through the interface cta::StageAccess alone, but for those of what
/// leaves by TMA: there each byte is written by the warp that stores it.
mlir::FailureOr<Shown> proveStages(Proof &proof);

/// Part of L3: where a wait says that threads have written no scale factors of
/// its iteration (`copied`), they have not (ScaleFences.cpp).
mlir::LogicalResult proveCopied(Proof &proof);

/// L2, slots: the scale factors of every multiply are those of the row and the
/// K block that they scale, or zero where these are not real; each accumulator
/// that is stored has met each K block of its row and its column once.
/// L4, writes: every element of an output is stored once, from accumulators of
/// its own row and column, and nothing else is stored.
mlir::FailureOr<std::pair<Shown, Shown>> proveSlotsAndWrites(Proof &proof);

/// The same of a kernel that makes a block-scaled tensor: each block's codes
/// and scale factor are made of the elements of its own row and K block, and
/// each is stored once; padding K blocks become 0, and padding rows all or
/// none.
mlir::FailureOr<std::pair<Shown, Shown>> proveBlocksAndWrites(Proof &proof);

/// The same of a kernel that makes elements of a block-scaled tensor: each is
/// made of the code and the scale factor of its own row and column, and of the
/// global scale, and is stored once.
mlir::FailureOr<std::pair<Shown, Shown>> proveElementsAndWrites(Proof &proof);

/// L5, flow: what was read from memory reaches no address, guard, count or
/// branch; scale factors reach scale slots alone.
mlir::FailureOr<Shown> proveFlow(Proof &proof);

/// L6, no wrap: everything that was computed for an address or a guard fits its
/// width for all M <= rowsMax. Most of it the slicer has shown when the lemmas
/// before are: before L6 holds of a value, nothing can be proven of it.
mlir::FailureOr<Shown> proveNoWrap(Proof &proof);

/// L7, order: griddepcontrol.wait comes before every access of global memory.
mlir::FailureOr<Shown> proveOrder(Proof &proof);

/// All lemmas, as the attribute the certificate is; null after a diagnostic.
cta::CertificateAttr prove(cta::KernelOp kernel);

/// For a kernel that is refuted and shall be looked at all the same: no lemma
/// is proven, and `why` is what was shown instead.
cta::CertificateAttr certifyNothing(cta::KernelOp kernel, llvm::StringRef why);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_PROVE_H
