// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The operands of asynchronous copies, which have more addresses than an Instr
// has fields: triples in Kernel::lists.
#ifndef NYBL_EMULATOR_EXEC_COPYOPERANDS_H
#define NYBL_EMULATOR_EXEC_COPYOPERANDS_H

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Async.h"
#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Reduce.h"

namespace nybl::emu {

/// Collects triples of slot, width (1: 64 bits) and offset for an instruction.
class CopyOperands {
public:
  explicit CopyOperands(Decoder &d) : d(d) {}
  /// [register or variable + offset]
  void address(size_t operand);
  void value(size_t operand, Type type) { valueOf(d.operand(operand), type); }
  void valueOf(const ptx::Operand &operand, Type type);
  void none() { add(noSlot, 0, 0); }
  /// Into `out`, after the last operand.
  void finish() { d.setList(words); }

private:
  void add(Slot slot, bool wide, int64_t offset);

  Decoder &d;
  std::vector<Slot> words;
};

inline bool hasCopyOperand(const Warp &w, const Instr &in, unsigned k) {
  return w.kernel.lists[in.list + 3 * k] != noSlot;
}

/// The value of operand k in a lane; 32-bit addresses wrap.
inline uint64_t copyOperand(Warp &w, const Instr &in, unsigned k,
                            unsigned lane) {
  const Slot *words = &w.kernel.lists[in.list + 3 * k];
  if (words[1])
    return w.q(words[0])[lane] +
           static_cast<uint64_t>(int64_t(int32_t(words[2])));
  return w.w(words[0])[lane] + words[2];
}

/// f(lane) for the active lanes, until a finding.
template <typename F>
void eachLaneAtWork(Warp &w, F f) {
  w.forActive([&](unsigned lane) {
    if (!w.cta.failed())
      f(lane);
  });
}

/// Marks in any operand are findings; for every instruction with such a list.
void taintCopyOperands(Warp &w, const Instr &in);

/// The first of .global, .shared::cta and .shared::cluster that is left: the
/// destination comes before the source. Generic: none is left.
MemorySpace takeNextSpace(Decoder &d);
/// Under .L2::cache_hint operand i is a policy, which changes no value.
bool takeCachePolicy(Decoder &d, size_t i);

/// Shared memory an operation is to write or read: bytes of a live mbarrier are
/// a finding. True if fine.
bool checkNoMbarrier(Warp &w, const Place &place, unsigned lane,
                     uint64_t address, uint32_t bytes);

/// Where the mbarrier of operand k lies, or a report and no data.
Place resolveMbarrier(Warp &w, const Instr &in, MemorySpace space, unsigned k,
                      unsigned lane);

/// A CTA whose shared memory a load fills, and the one whose mbarrier it
/// signals.
struct Receiver {
  Cta *cta, *signals;
};
/// That of the address or, under .multicast::cluster, those of the 16-bit mask
/// in operand `mask`. `pairs`: the barrier may be the even or the odd CTA's of
/// a pair (.cta_group::2). Empty: reported, or an empty mask.
std::vector<Receiver> receiversOf(Warp &w, const Instr &in, unsigned mask,
                                  bool pairs, const Place &to,
                                  const Place &barrier, unsigned lane);

/// Bytes with their shadow on the way out of shared memory.
struct CopiedBytes {
  std::vector<uint8_t> data, shadow;
  void take(const SharedRange &from);
};

/// Copies shadow bytes without what belongs to shared memory alone.
void copyShadow(uint8_t *to, const uint8_t *from, uint32_t bytes);

/// Reduces into memory with its shadow, element by element, on behalf of an
/// operation: reports elements that nobody had written and, in global memory
/// (`global` is then the address), marked ones.
struct ReduceTarget {
  uint8_t *data, *shadow;
  uint64_t address;
  bool isGlobal;
};
void reduceInto(const AsyncOp &op, const Reduction &reduction,
                const ReduceTarget &to, const uint8_t *data,
                const uint8_t *shadow, uint32_t bytes);

/// The first byte that is marked, or that nobody has written, of those to be
/// stored in global memory, reported by the operation; true if there is none.
bool checkMayReachGlobal(const AsyncOp &op, uint64_t address,
                         const uint8_t *shadow, uint32_t bytes);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_COPYOPERANDS_H
