// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The oldest driver that can load a kernel, by what made it. Numbers are as
// cuDriverGetVersion has them: 13000 is CUDA 13.0; 0: nothing is known, the
// driver itself will say.
#ifndef NYBL_RUNTIME_ABI_LEASTDRIVER_H
#define NYBL_RUNTIME_ABI_LEASTDRIVER_H

#include "runtime/Abi/Manifest.h"

namespace nybl {

/// PTX is read by drivers of the CUDA release that brought its version, and
/// later ones (PTX ISA, "Release Notes").
int leastDriverOfPtx(const Manifest &manifest);

/// A cubin is loaded by drivers of the same major release as its ptxas (CUDA
/// Compatibility, "Minor Version Compatibility"), of a later one, and by none
/// that does not know the chip yet. 0 where no cubin was made.
int leastDriverOfCubin(const Manifest &manifest);

/// "13.0"
std::string driverText(int version);

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_LEASTDRIVER_H
