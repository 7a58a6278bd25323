// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ldmatrix and stmatrix of the shapes that have bytes for elements.
#ifndef NYBL_EMULATOR_EXEC_MATRIXBYTES_H
#define NYBL_EMULATOR_EXEC_MATRIXBYTES_H

#include "tools/emulator/Exec/Decode.h"

namespace nybl::emu {

/// The registers of a matrix's fragments: {...}, of which one at least is no
/// sink and no immediate, as ptxas has it. False and a failure else.
bool collectMatrixRegisters(Decoder &d, bool isLoad, size_t count,
                            std::vector<Slot> &slots);

/// After .sync.aligned, .xN (count), .trans and the state space.
void decodeMatrixBytes(Decoder &d, bool isLoad, unsigned count, bool transposed,
                       bool isShared);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_MATRIXBYTES_H
