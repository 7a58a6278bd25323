// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which compiler a libnybl_jit.so is, read from its file: it is not loaded.
#ifndef NYBL_RUNTIME_LIBRARY_FINGERPRINT_H
#define NYBL_RUNTIME_LIBRARY_FINGERPRINT_H

#include "runtime/Abi/Status.h"
#include <string>

namespace nybl::library {

/// The text of the note of KernelProvider.h. Errors: Environment.
Expected<std::string> readFingerprint(const std::string &file);

} // namespace nybl::library

#endif // NYBL_RUNTIME_LIBRARY_FINGERPRINT_H
