// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bundle::read and what comes after never crash, and kernels that it gives can
// be written and read again.

#include "runtime/Bundle/Bundle.h"
#include <cstdlib>

using namespace nybl;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  auto read =
      bundle::Bundle::read({reinterpret_cast<const char *>(data), size});
  if (!read)
    return 0;
  std::vector<bundle::Kernel> kernels;
  for (const bundle::Row &row : read->rows())
    if (auto kernel = read->kernel(row))
      kernels.push_back(std::move(*kernel));
  size_t count = kernels.size();
  auto bytes = bundle::write(std::move(kernels));
  if (!bytes) // two of one request
    return 0;
  auto again = bundle::Bundle::read(*bytes);
  if (!again || again->rows().size() != count)
    std::abort();
  return 0;
}
