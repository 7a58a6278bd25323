// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which scale factor lies at an offset of a scale operand.
#ifndef NYBL_COMPILER_LEGALITY_SCALEFACTOR_H
#define NYBL_COMPILER_LEGALITY_SCALEFACTOR_H

#include "compiler/Legality/Slice.h"
#include <map>

namespace nybl::compiler {

/// Row and K block of a scale factor.
struct ScaleFactor {
  mlir::AffineExpr row, block;
  bool named;   ///< by the guard; else the layout was inverted
  bool byGuard; ///< the guard also says that both are real
};

/// Where the guard of an access compares a row and a K block with something,
/// and the layout puts exactly that factor at the offset, it is that one: its
/// formula is the plain one. Else the layout is inverted, where K is a number.
mlir::FailureOr<ScaleFactor> nameScale(mlir::Operation *access,
                                       mlir::Value operand,
                                       const Offset &offset,
                                       const Domain &domain, Slicer &slicer);

/// The same where the guard has to say it.
std::optional<ScaleFactor> nameScaleByGuard(mlir::Value operand,
                                            const Offset &offset,
                                            const Domain &domain,
                                            Slicer &slicer);

/// By the layout's inverse alone: of which row and K block the byte at the
/// offset really is. Of an operand whose K is a number.
mlir::FailureOr<ScaleFactor> invertScale(mlir::Operation *access,
                                         cta::ScalesType type,
                                         mlir::AffineExpr offset);

/// Of one whose K is free: whether the byte at the offset is a real factor
/// where leaves have these values.
bool isRealFactor(mlir::Value operand, const Offset &offset,
                  const std::map<unsigned, int64_t> &point, Slicer &slicer);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_SCALEFACTOR_H
