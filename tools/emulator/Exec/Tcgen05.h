// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// tcgen05.*: what its files share. Allocation, fences and commits are in
// Tcgen05.cpp; ld, st and wait in Tcgen05Load.cpp; cp and shift in
// Tcgen05Copy.cpp; mma in Tcgen05Mma.cpp.
#ifndef NYBL_EMULATOR_EXEC_TCGEN05_H
#define NYBL_EMULATOR_EXEC_TCGEN05_H

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/TensorMemory.h"

namespace nybl::emu {

/// Takes .cta_group::1 or ::2; all of a kernel's tcgen05 must agree.
unsigned takeCtaGroup(Decoder &d);
/// Operand i, [%r + n]: an address of tensor memory, its offset added.
Slot tensorAddress(Decoder &d, size_t i);
/// Reports marks on operands a, b, c, e and those of the list, if `withList`.
void checkSteering(Warp &w, const Instr &in, bool withList);
void taintTensorOperands(Warp &w, const Instr &in);
/// The CTAs that .cta_group::N of this instruction works on, in order of rank;
/// empty after a finding.
std::vector<Cta *> tensorCtas(Warp &w, unsigned lane, unsigned group);
/// Whether all active lanes hold the same value; else a finding.
bool isUniform(Warp &w, Slot slot, const char *what);

/// Issues an mma, cp or shift, which the thread's next commit covers.
void issueTensorOp(Warp &w, unsigned lane, AsyncOp op);

/// An instruction uses a register that something pending has yet to deliver:
/// true if it is tcgen05.ld's and may be used (which may complete the load).
bool mayUseTensorLoads(Warp &w, Slot slot);

void decodeTensorLoad(Decoder &d);  ///< after tcgen05.ld
void decodeTensorStore(Decoder &d); ///< after tcgen05.st
void decodeTensorWait(Decoder &d, bool loads);
void decodeTensorCp(Decoder &d);
void decodeTensorShift(Decoder &d);
void decodeTensorMma(Decoder &d);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_TCGEN05_H
