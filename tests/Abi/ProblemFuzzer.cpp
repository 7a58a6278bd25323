// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// parseProblem never crashes, and what it accepts prints and parses to itself.

#include "runtime/Abi/Problem.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string_view text(reinterpret_cast<const char *>(data), size);
  auto parsed = nybl::parseProblem(text);
  if (!parsed)
    return 0;
  auto again = nybl::parseProblem(print(*parsed));
  if (!again || !(*again == *parsed))
    std::abort();
  return 0;
}
