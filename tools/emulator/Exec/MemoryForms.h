// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the instructions that access memory have in common: their qualifiers,
// and the counters and checks of each access.
#ifndef NYBL_EMULATOR_EXEC_MEMORYFORMS_H
#define NYBL_EMULATOR_EXEC_MEMORYFORMS_H

#include "tools/emulator/Exec/Decode.h"

namespace nybl::emu {

/// Generic if none is named.
MemorySpace takeSpace(Decoder &d);
/// .L2::cache_hint brings one more operand, a policy: it changes no value. 1 if
/// it is there.
size_t takeCacheHint(Decoder &d);
/// Where hints about the L2 cache make sense.
inline bool isGlobalOrGeneric(MemorySpace space) {
  return space == MemorySpace::Global || space == MemorySpace::Generic;
}

/// Order, scope and hints of a load or a store. They change no value: what is
/// kept is what check() needs.
struct AccessForm {
  enum Order { Weak, Volatile, Relaxed, AcquireOrRelease };

  bool isLoad = false, mmio = false, nonCoherent = false, prefetches = false;
  int order = -1, scope = -1, cacheOp = -1, l1 = -1, l2 = -1;
  size_t hints = 0; ///< operands of .L2::cache_hint

  static AccessForm take(Decoder &d, bool isLoad);
  /// Fails as ptxas does; `bytes` of `elements` in all.
  void check(Decoder &d, MemorySpace space, unsigned bytes,
             size_t elements) const;

private:
  const char *orderProblem(MemorySpace space, size_t elements) const;
  const char *hintProblem(MemorySpace space, unsigned bytes) const;
};

/// A marked address is a finding: a padding byte must not steer anything.
bool addressIsClean(Warp &w, const Instr &in);
void countMemory(Warp &w, MemorySpace space, bool isStore);

void decodeAsyncStore(Decoder &d);     ///< after st.async
void decodeAsyncReduction(Decoder &d); ///< after red.async
void decodeBulkStore(Decoder &d);      ///< after st.bulk

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_MEMORYFORMS_H
