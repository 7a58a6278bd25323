// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// parseFile never crashes, and what it accepts prints and parses to itself.

#include "runtime/Tune/Record.h"

#include <cstdlib>

using namespace nybl::tune;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto file = parseFile({reinterpret_cast<const char *>(data), size});
  if (!file)
    return 0;
  std::string printed;
  for (const Record &record : file->records)
    printed += print(record) + "\n";
  auto again = parseFile(printed);
  if (!again || again->records != file->records ||
      again->whole != printed.size())
    std::abort();
  return 0;
}
