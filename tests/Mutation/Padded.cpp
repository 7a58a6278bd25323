// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes in their places.

#include "tests/Mutation/Padded.h"

using namespace nybl;
using namespace nybl::mutation;

Padded nybl::mutation::padded(int64_t bytes) {
  return {std::vector<uint8_t>(bytes, padding), std::vector<bool>(bytes), {}};
}

Padded nybl::mutation::canvas(int64_t bytes) {
  return {std::vector<uint8_t>(bytes, canvasByte),
          std::vector<bool>(bytes, true),
          {}};
}

Padded nybl::mutation::padData(const oracle::QuantizedMatrix &m) {
  int64_t rowBytes = m.k / 2, stride = rowBytes + gap;
  Padded p = padded((m.rows + 64) * stride);
  for (int64_t r = 0; r < m.rows; ++r)
    for (int64_t i = 0; i < rowBytes; ++i)
      p.put(r * stride + i, m.codes[r * rowBytes + i]);
  return p;
}

Padded nybl::mutation::padScales(const oracle::QuantizedMatrix &m,
                                 ScaleLayout layout) {
  Padded p = padded(byteSize(layout, m.rows, m.blocks()));
  for (int64_t r = 0; r < m.rows; ++r)
    for (int64_t b = 0; b < m.blocks(); ++b)
      p.put(byteOffset(layout, m.blocks(), r, b), m.scale(r, b));
  return p;
}

Status nybl::mutation::upload(const Machine &machine, Padded &p, bool poison) {
  if (p.buffer.bytes() == 0) {
    auto made = driver::Buffer::allocate(machine.device, p.bytes.size());
    if (!made)
      return made.status();
    p.buffer = std::move(*made);
  }
  if (Status s = p.buffer.upload(0, p.bytes.data(), p.bytes.size()); !s)
    return s;
  for (size_t i = 0; poison && i < p.bytes.size(); ++i) {
    size_t begin = i;
    while (i < p.bytes.size() && !p.real[i])
      ++i;
    if (i > begin &&
        machine.nyblEmuMarkPoison(p.buffer.address() + begin, i - begin) != 0)
      return Status::environment("padding cannot be marked as poison");
  }
  return Status::ok();
}
