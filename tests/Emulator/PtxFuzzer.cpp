// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading never crashes, whatever the text.

#include "tools/emulator/Exec/Engine.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  using namespace nybl::emu;
  GlobalMemory memory(1 << 20);
  (void)loadProgram({reinterpret_cast<const char *>(data), size},
                    *findChip("sm_120a"), memory);
  return 0;
}
