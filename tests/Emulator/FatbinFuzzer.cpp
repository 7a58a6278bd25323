// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reading a fatbin never crashes and never leaves its bytes, whatever they are.

#include "tools/emulator/Fatbin/Fatbin.h"

#include <memory>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace nybl::emu;
  // A copy of its exact size, so that a byte too far is found.
  auto image = std::make_unique<uint8_t[]>(size);
  std::copy(data, data + size, image.get());
  (void)choosePtx(image.get(), size, *findChip("sm_120a"));
  // The same bytes as a block: most mutations never reach the unpacker.
  uint8_t unpacked[256];
  (void)unpackLz4(image.get(), size, unpacked, sizeof unpacked);
  return 0;
}
