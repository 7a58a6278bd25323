// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What atomics and asynchronous reductions do to one element in memory.
#ifndef NYBL_EMULATOR_EXEC_REDUCE_H
#define NYBL_EMULATOR_EXEC_REDUCE_H

#include "tools/emulator/Exec/Decode.h"

namespace nybl::emu {

/// In the order of the names that takeReduction() takes.
enum class ReduceOp : uint8_t {
  Add,
  Min,
  Max,
  And,
  Or,
  Xor,
  Exchange,
  CompareSwap,
  Increment,
  Decrement
};

struct Reduction {
  ReduceOp op = ReduceOp::Add;
  Type type = Type::U32;
  bool flush = false; ///< f32: subnormal inputs and results become zero

  /// The element, of at most 8 bytes, after `old op b` (c: the new value of
  /// CompareSwap).
  uint64_t apply(uint64_t old, uint64_t b, uint64_t c = 0) const;
  /// Applies it to an element in memory that other threads may change too
  /// (aligned to its size); what was there before.
  uint64_t applyAtomically(uint8_t *to, uint64_t b, uint64_t c = 0) const;
  /// The same for `bytes` of elements, from `from`.
  void applyToAll(uint8_t *to, const uint8_t *from, uint32_t bytes) const;
};

/// -1, or a ReduceOp as a number.
int takeReduction(Decoder &d);

/// The operations that PTX has on every kind of memory: add of u32, s32, u64,
/// f32, f64; min and max of integers; logic of b32, b64; inc and dec of u32.
bool isScalarReduction(ReduceOp op, Type type);
bool isHalf(Type type); ///< f16, bf16 and pairs of them

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_REDUCE_H
