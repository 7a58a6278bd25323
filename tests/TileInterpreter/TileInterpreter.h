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

/// Operands by the names of KernelOp's sources: a and sfa, b and sfb, alpha.
struct TileOperands {
  const QuantizedMatrix &a, &b;
  float alpha = 1.0f;
};

/// D of the kernel for M = a.rows. The multiply is the model MmaSim; f32
/// arithmetic rounds to nearest even; a store rounds once to `type`. An element
/// nobody stores is an error, and so is an op the interpreter does not know.
Expected<GemmOutput> interpretTile(tile::KernelOp kernel,
                                   const TileOperands &operands,
                                   OutputType type);

} // namespace nybl::oracle

#endif // NYBL_TESTS_TILEINTERPRETER_TILEINTERPRETER_H
