// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the calls that copy and fill share.
#ifndef NYBL_EMULATOR_DRIVER_TRANSFER_H
#define NYBL_EMULATOR_DRIVER_TRANSFER_H

#include "tools/emulator/Driver/Capture.h"

namespace nybl::emu {

CopyEnd hostEnd(const void *pointer);
CopyEnd deviceEnd(CUdeviceptr address);
/// Which side a unified address is on: device addresses are never host ones.
CopyEnd anyEnd(const Entry &entry, CUdeviceptr address);

/// Also whether a call that waits is safe now.
Entry enterTransfer(Mode mode);

/// Checks the ranges and queues the copy. An `entry` with an error is answered
/// with it.
CUresult transfer(const Entry &entry, CopyWork work, CUstream stream,
                  Mode mode);

CUresult checkCopy(const Entry &entry, const CopyWork &work);
CUresult checkFill(const Entry &entry, const FillWork &work);
CUresult fill(FillWork work, CUstream stream, Mode mode);

/// The copy that a description of the driver API means.
CUresult copyOf(const Entry &entry, const CUDA_MEMCPY3D &description,
                CopyWork &work);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_TRANSFER_H
