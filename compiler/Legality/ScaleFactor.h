// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which scale factor lies at an offset of a scale operand.
#ifndef NYBL_COMPILER_LEGALITY_SCALEFACTOR_H
#define NYBL_COMPILER_LEGALITY_SCALEFACTOR_H

#include "compiler/Legality/Slice.h"

namespace nybl::compiler {

/// Row and K block of a scale factor.
struct ScaleFactor {
  mlir::AffineExpr row, block;
  bool named;   ///< by the guard; else the layout was inverted
  bool byGuard; ///< the guard also says that both are real
};

/// Where the guard of an access compares a row and a K block with something,
/// and the layout puts exactly that factor at the offset, it is that one: its
/// formula is the plain one. Else the layout is inverted.
mlir::FailureOr<ScaleFactor> nameScale(mlir::Operation *access,
                                       cta::ScalesType type,
                                       mlir::AffineExpr offset,
                                       const Domain &domain, Slicer &slicer);

/// By the layout's inverse alone: of which row and K block the byte at the
/// offset really is.
mlir::FailureOr<ScaleFactor> invertScale(mlir::Operation *access,
                                         cta::ScalesType type,
                                         mlir::AffineExpr offset);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_SCALEFACTOR_H
