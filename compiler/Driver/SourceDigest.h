// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The sources that decide what the compiler makes, as a number.
#ifndef NYBL_COMPILER_DRIVER_SOURCEDIGEST_H
#define NYBL_COMPILER_DRIVER_SOURCEDIGEST_H

namespace nybl::compiler {

/// The first 16 digits of a SHA-256 over the names and contents of the files in
/// compiler/, dialects/, templates/ and runtime/Abi/; made by CMake
/// (cmake/SourceDigest.cmake), anew whenever one of them changes.
const char *sourceDigest();

} // namespace nybl::compiler

#endif // NYBL_COMPILER_DRIVER_SOURCEDIGEST_H
