// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whole files: read, and written so that no half file is ever left.
#ifndef NYBL_RUNTIME_SUPPORT_FILE_H
#define NYBL_RUNTIME_SUPPORT_FILE_H

#include "runtime/Abi/Status.h"
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace nybl {

/// The bytes of a regular file, at most `limit` of them (0: as many as this
/// machine has memory). Environment error with the path and the reason.
Expected<std::string> readFile(const std::string &path, uint64_t limit = 0);

/// A name beside `path` that only this process uses, and only once.
std::string temporaryBeside(const std::string &path);

/// Writes the parts, one after the other, to `temporary`, syncs and renames.
/// After a failure `path` is what it was and `temporary` is gone; after an
/// interrupt `path` is what it was. A file that is replaced gives its
/// permissions to the new one, else the umask decides.
Status writeFile(const std::string &path, const std::string &temporary,
                 std::initializer_list<std::string_view> parts);
inline Status writeFile(const std::string &path,
                        std::initializer_list<std::string_view> parts) {
  return writeFile(path, temporaryBeside(path), parts);
}

} // namespace nybl

#endif // NYBL_RUNTIME_SUPPORT_FILE_H
