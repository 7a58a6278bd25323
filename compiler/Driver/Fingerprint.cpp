// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What tells two compilers apart: as a function, and as a note in the library's
// file, which the runtime reads without loading LLVM.
//
// NYBL_SOURCE_DIGEST is the first 16 digits of a SHA-256 over the names and
// contents of the files in compiler/, dialects/, templates/ and runtime/Abi/;
// made by CMake (cmake/SourceDigest.cmake), anew whenever one of them changes.

#include "compiler/Driver/Compiler.h"
#include "compiler/Driver/SourceDigest.inc"
#include "runtime/Abi/KernelProvider.h"
#include "llvm/Config/llvm-config.h"

#define FINGERPRINT                                                            \
  "nybl 0.1.0, LLVM " LLVM_VERSION_STRING ", sources " NYBL_SOURCE_DIGEST

NYBL_FINGERPRINT_NOTE(FINGERPRINT);

std::string nybl::compiler::describe() { return FINGERPRINT; }
