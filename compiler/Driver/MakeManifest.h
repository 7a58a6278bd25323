// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a proven kernel to what the runtime must know of it.
#ifndef NYBL_COMPILER_DRIVER_MAKEMANIFEST_H
#define NYBL_COMPILER_DRIVER_MAKEMANIFEST_H

#include "dialects/Chips/Chips.h"
#include "dialects/Cta/CtaOps.h"
#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/QuantizeProblem.h"

namespace nybl::compiler {

/// Everything but the key and what ptxas says.
Manifest makeManifest(cta::KernelOp kernel, const AnyProblem &problemClass,
                      const Chip &chip, std::string_view templateText);

/// The key: SHA-256 over everything that decides the bytes of the artefact,
/// ptxas's arguments with it.
void setKey(Manifest &manifest, llvm::ArrayRef<std::string> ptxasArguments);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_DRIVER_MAKEMANIFEST_H
