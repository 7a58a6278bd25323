// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading never crashes; tensors that are accepted lie inside the file.

#include "runtime/Support/Safetensors.h"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto file = nybl::SafetensorsFile::parse(
      std::string(reinterpret_cast<const char *>(data), size), "input");
  if (!file)
    return 0;
  size_t total = 0;
  for (const nybl::Tensor &tensor : file->tensors())
    total += tensor.bytes.size();
  if (total > size)
    std::abort();
  return 0;
}
