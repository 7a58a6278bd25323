// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the decoders of mma.sync share.
#ifndef NYBL_EMULATOR_EXEC_MMASYNC_H
#define NYBL_EMULATOR_EXEC_MMASYNC_H

#include "tools/emulator/Exec/Decode.h"

namespace nybl::emu {

/// Appends the slots of an operand of so many registers ({...}, or one register
/// by itself); false and a failure if it has another number.
bool collectRegisters(Decoder &d, size_t operand, size_t count,
                      bool destination, std::vector<Slot> &slots,
                      Type type = Type::B32);

/// Registers of a vector must be of the type of its elements, or of 32 bits
/// that have none; elements of 8 bits and fewer lie in any. As ptxas has it.
bool elementsFit(Decoder &d, size_t operand, std::string_view elementType);

/// The type of scales ends the list of types.
bool endsTypes(Decoder &d, std::string_view scaleType);

/// Which lane provides the scales of row r of A, of column n of B (PTX ISA 9.1
/// §9.7.14.3).
inline unsigned scaleLaneA(unsigned row, unsigned thread) {
  return row % 8 * 4 + thread * 2 + row / 8;
}
inline unsigned scaleLaneB(unsigned column, unsigned thread) {
  return column * 4 + thread;
}

/// The selectors among six slots, of A's scales and of B's: scale, byte,
/// thread. They must be the same in all lanes: reports, and returns false, if
/// not.
bool selectorsAgree(Warp &w, const Slot *scales);

/// mma.sync of everything but scaled e2m1, after .sync.aligned.row.col.
void decodePlainMma(Decoder &d);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_MMASYNC_H
