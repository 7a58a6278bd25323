// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SHA-256, by which kernels are asked for and their bytes are checked.
#ifndef NYBL_RUNTIME_SUPPORT_DIGEST_H
#define NYBL_RUNTIME_SUPPORT_DIGEST_H

#include <string>
#include <string_view>

namespace nybl {

/// 64 lower-case hex digits. Empty where libcrypto cannot (its configuration
/// may forbid or lack anything): equal to no digest that isDigest takes.
std::string sha256(std::string_view bytes);

bool isDigest(std::string_view text);

} // namespace nybl

#endif // NYBL_RUNTIME_SUPPORT_DIGEST_H
