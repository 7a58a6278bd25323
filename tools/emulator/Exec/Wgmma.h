// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Registers that wgmma.mma_async has yet to read or write.
#ifndef NYBL_EMULATOR_EXEC_WGMMA_H
#define NYBL_EMULATOR_EXEC_WGMMA_H

#include "tools/emulator/Exec/Warp.h"

namespace nybl::emu {

/// Whether the instruction reads or writes an accumulator before its product
/// has come, or writes a register that a product has yet to read; reports it.
bool touchesPendingRegisters(Warp &w, const Instr &in);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_WGMMA_H
