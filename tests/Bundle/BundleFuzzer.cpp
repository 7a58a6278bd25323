// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bundle::read and what comes after never crash, and kernels that it gives can
// be written and read again.

#include "runtime/Bundle/Bundle.h"
#include "runtime/Support/Digest.h"
#include "runtime/Support/OffloadBinary.h"
#include <cstdlib>

using namespace nybl;

/// A bundle whose table is these bytes, with the digest that it should have:
/// what is read behind the digest is fuzzed too.
static std::string asTable(const std::string &bytes) {
  OffloadImage image;
  image.kind = ImageKind::None;
  image.words = {{"content", "table"}, {"sha256", sha256(bytes)}};
  image.image = bytes;
  std::string file;
  append(image, file);
  return file;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  std::string bytes(reinterpret_cast<const char *>(data), size);
  (void)bundle::Bundle::read(asTable(bytes));
  auto read = bundle::Bundle::read(std::move(bytes));
  if (!read)
    return 0;
  std::vector<bundle::Kernel> kernels;
  for (const bundle::Row &row : read->rows())
    if (auto kernel = read->kernel(row))
      kernels.push_back(std::move(*kernel));
  size_t count = kernels.size();
  auto written = bundle::write(std::move(kernels));
  if (!written) // two of one request
    return 0;
  auto again = bundle::Bundle::read(*written);
  if (!again || again->rows().size() != count)
    std::abort();
  return 0;
}
