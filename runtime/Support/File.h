// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole files: read, and written so that no half file is ever left.
#ifndef NYBL_RUNTIME_SUPPORT_FILE_H
#define NYBL_RUNTIME_SUPPORT_FILE_H

#include "runtime/Abi/Status.h"
#include <initializer_list>
#include <string>
#include <string_view>

namespace nybl {

/// The file's bytes. Environment error with the path and the reason.
Expected<std::string> readFile(const std::string &path);

/// Writes the parts, one after the other, to a temporary name beside `path`,
/// syncs and renames. After a failure or an interrupt `path` is what it was.
Status writeFile(const std::string &path,
                 std::initializer_list<std::string_view> parts);

} // namespace nybl

#endif // NYBL_RUNTIME_SUPPORT_FILE_H
