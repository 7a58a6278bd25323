// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the calls that allocate and free device memory share.
#ifndef NYBL_EMULATOR_DRIVER_ALLOCATION_H
#define NYBL_EMULATOR_DRIVER_ALLOCATION_H

#include "tools/emulator/Driver/Transfer.h"

namespace nybl::emu {

CUresult allocateDevice(const Entry &entry, CUdeviceptr *address, size_t bytes);
/// Takes the address out of the books, so that it is freed once.
bool disown(State &s, CUdeviceptr address);
CUresult refuseFree(CUdeviceptr address);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_ALLOCATION_H
