// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// TileInterpreter.h, of templates that quantise.
#ifndef NYBL_TESTS_TILEINTERPRETER_TILEQUANTIZER_H
#define NYBL_TESTS_TILEINTERPRETER_TILEQUANTIZER_H

#include "dialects/Tile/TileOps.h"
#include "tests/Oracle/Quantize.h"

namespace nybl::oracle {

/// q of an instantiated kernel for x[rows][k], or x[rows][2k] that it loads by
/// halves, with the oracle's formula (so
/// `fast` is an error) for each block. Errors: an op the interpreter does not
/// know, by name; a block whose codes or scale factor are stored never or
/// twice. The kernel is not changed.
Expected<QuantizedMatrix> interpretQuantize(tile::KernelOp kernel,
                                            std::span<const float> x,
                                            int64_t rows, int64_t k,
                                            EncodeScale encode);

} // namespace nybl::oracle

#endif // NYBL_TESTS_TILEINTERPRETER_TILEQUANTIZER_H
