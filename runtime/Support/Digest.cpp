// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// SHA-256 by libcrypto.

#include "runtime/Support/Digest.h"
#include <openssl/evp.h>

using namespace nybl;

std::string nybl::sha256(std::string_view bytes) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), digest, &size, EVP_sha256(),
                 nullptr) != 1)
    return "";
  constexpr const char *digits = "0123456789abcdef";
  std::string hex;
  for (unsigned i = 0; i < size; ++i) {
    hex += digits[digest[i] >> 4];
    hex += digits[digest[i] & 15];
  }
  return hex;
}

bool nybl::isDigest(std::string_view text) {
  return text.size() == 64 &&
         text.find_first_not_of("0123456789abcdef") == text.npos;
}
