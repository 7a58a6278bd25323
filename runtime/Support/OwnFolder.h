// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where this code lies on disk, and so what was installed with it.
#ifndef NYBL_RUNTIME_SUPPORT_OWNFOLDER_H
#define NYBL_RUNTIME_SUPPORT_OWNFOLDER_H

#include <string>

namespace nybl {

/// The folder of the library or program that this code is linked into; empty if
/// it cannot be told. Absolute, and where the file was mapped from, whatever
/// name it was asked for by. Thread safe.
std::string ownFolder();

} // namespace nybl

#endif // NYBL_RUNTIME_SUPPORT_OWNFOLDER_H
