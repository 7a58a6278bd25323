// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cuda.h with the versioned names in the open (cuMemAlloc_v2 and, beside the
// newest, older forms), so that every entry point is checked against its
// declaration.
#ifndef NYBL_EMULATOR_DRIVER_CUDA_H
#define NYBL_EMULATOR_DRIVER_CUDA_H

#define __CUDA_API_VERSION_INTERNAL 1
#include <cuda.h>

#endif // NYBL_EMULATOR_DRIVER_CUDA_H
