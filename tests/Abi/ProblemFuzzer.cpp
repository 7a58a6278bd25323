// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parsing a problem line never crashes, and what is accepted prints and parses
// to itself.

#include "runtime/Abi/QuantizeProblem.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  auto parsed = nybl::parseAnyProblem(text);
  if (!parsed)
    return 0;
  auto again = nybl::parseAnyProblem(print(*parsed));
  if (!again || !(*again == *parsed))
    std::abort();
  return 0;
}
