// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a template means, on the CPU: walks an instantiated tile.kernel op by
// op, on unpacked operands. Slow and obvious; the second opinion for any
// template, also a user's.
#ifndef NYBL_TESTS_TILEINTERPRETER_TILEINTERPRETER_H
#define NYBL_TESTS_TILEINTERPRETER_TILEINTERPRETER_H

#include "dialects/Tile/TileOps.h"
#include "tests/Oracle/Gemm.h"

namespace nybl::oracle {

/// Operands by the names of KernelOp's sources: a and sfa, b and sfb, alpha. Of
/// a template that makes elements of what was quantised a is q and sfq, alpha
/// the global scale, and b nothing.
struct TileOperands {
  const QuantizedMatrix &a, &b;
  float alpha = 1.0f;
};

/// D of the kernel, or y, with the rows of a for the size that is free at
/// launch. The multiply is the model MmaSim, NaN where a scale is NaN; f32
/// arithmetic rounds to nearest even; a store rounds once to `type`. Errors: an
/// op the interpreter does not know, by name; operands or `type` other than
/// those the kernel was instantiated for; a size that is not a number; an
/// element that is stored never or twice. The kernel is not changed.
Expected<GemmOutput> interpretTile(tile::KernelOp kernel,
                                   const TileOperands &operands,
                                   OutputType type);

} // namespace nybl::oracle

#endif // NYBL_TESTS_TILEINTERPRETER_TILEINTERPRETER_H
