// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Roles become branches: the first thing that is done to a proven kernel.
#ifndef NYBL_COMPILER_CONVERSION_CTAROLES_H
#define NYBL_COMPILER_CONVERSION_CTAROLES_H

#include "dialects/Cta/CtaOps.h"

namespace nybl::compiler {

/// Tile ranges become loops over the numbers of a CTA's tiles (CtaTileLoop.h),
/// one for each role, in a branch for the role's warps; the groups of a role
/// take these numbers by turns. Iterations of rings between
/// roles count on from tile to tile, modulo twice the stages: enough to tell
/// slot and parity; and so do turns. A ring gets attributes: how many warps
/// publish and release it; cta.sum_parts gets one: how many parts a tile has.
void expandTileRanges(cta::KernelOp kernel);

inline constexpr llvm::StringLiteral publishingWarps = "publishing_warps",
                                     releasingWarps = "releasing_warps",
                                     partsOfTile = "parts";

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_CTAROLES_H
