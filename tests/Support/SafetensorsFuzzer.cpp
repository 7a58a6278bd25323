// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading never crashes; tensors that are accepted lie inside the file, have as
// many bytes as shape and dtype say, and print and parse to themselves.

#include "runtime/Support/Safetensors.h"

#include <algorithm>
#include <cstdlib>

using namespace nybl;

namespace {

uint64_t bytesOf(const Tensor &tensor) {
  return (uint64_t(tensor.elements()) * bitsOfDtype(tensor.dtype) + 7) / 8;
}

bool isIn(const SafetensorsFile &file, const Tensor &tensor) {
  const Tensor *found = file.find(tensor.name);
  return found && found->dtype == tensor.dtype &&
         found->layout == tensor.layout && found->shape == tensor.shape &&
         std::ranges::equal(found->bytes, tensor.bytes);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto file = SafetensorsFile::parse(
      std::string(reinterpret_cast<const char *>(data), size), "input");
  if (!file)
    return 0;
  size_t total = 0;
  for (const Tensor &tensor : file->tensors()) {
    total += tensor.bytes.size();
    bool isKnown = bitsOfDtype(tensor.dtype) != 0;
    if (tensor.elements() < 0 ||
        (isKnown && tensor.bytes.size() != bytesOf(tensor)))
      std::abort();
  }
  if (total > size)
    std::abort();
  auto again = SafetensorsFile::parse(printSafetensors(file->tensors()), "it");
  if (!again || again->tensors().size() != file->tensors().size())
    std::abort();
  for (const Tensor &tensor : file->tensors())
    if (!isIn(*again, tensor))
      std::abort();
  return 0;
}
