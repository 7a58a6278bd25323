// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// atom and red (PTX ISA 9.1 §9.7.13.5, §9.7.13.6). Each element is changed
// atomically, also against other host threads.

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Marks.h"
#include "tools/emulator/Exec/MemoryForms.h"
#include "tools/emulator/Exec/Reduce.h"
#include <mutex>

using namespace nybl::emu;

namespace {

/// Instr::mode: ReduceOp. Instr::offset: Type. A vector's sources are in the
/// list, its destinations right behind.

struct Operands {
  const Slot *sources, *destinations;
  uint32_t count;

  explicit Operands(Warp &w, const Instr &in)
      : sources(&in.b), destinations(&in.d), count(1) {
    if (!in.listCount)
      return;
    count = in.listCount;
    sources = &w.kernel.lists[in.list];
    destinations = sources + count;
  }
};

uint64_t laneOf(Warp &w, Slot slot, unsigned lane, unsigned bytes) {
  return bytes == 8 ? w.q(slot)[lane] : w.w(slot)[lane];
}

/// Where a lane's operation works; no data: reported. What exchanges need not
/// have been written, unless the old value is wanted.
Place atomicPlace(Warp &w, const Instr &in, unsigned lane, uint64_t address,
                  uint32_t bytes, bool reads) {
  Place place = resolve(w, in.space, lane, address, bytes);
  if (!place.data)
    return {};
  bool isVector = in.listCount && static_cast<Type>(in.offset) != Type::B128;
  if (place.space != MemorySpace::Global && (!place.cta || isVector)) {
    w.report(FindingKind::OutOfBounds, lane, address,
             std::string("atomic operations ") +
                 (isVector ? "on vectors work on global memory"
                           : "work on global and shared memory") +
                 ", not on " + name(place.space) + " memory");
    return {};
  }
  if (!checkSettled(w, place, lane, address, bytes, true) ||
      (reads && !checkInitialised(w, place, lane, address, bytes)))
    return {};
  return place;
}

uint16_t marksOf(const uint8_t *shadow, unsigned bytes) {
  uint32_t marks = 0;
  for (unsigned i = 0; i < bytes; ++i)
    marks |= (loadWord<uint8_t>(shadow + i) & shadow::poison) << (2 * i);
  return static_cast<uint16_t>(marks);
}

/// The operands have no marks: what replaces a value takes its marks away, what
/// changes it spreads them.
void settleShadow(uint8_t *shadow, unsigned bytes, bool replaced,
                  uint16_t marks = 0) {
  if (!replaced && !marks)
    return;
  for (unsigned i = 0; i < bytes; ++i) {
    auto before = loadWord<uint8_t>(shadow + i);
    storeWord<uint8_t>(
        shadow + i, replaced ? static_cast<uint8_t>((before & ~shadow::poison) |
                                                    shadow::initialised)
                             : before | shadow::poison);
  }
}

/// A marked word of global memory that is changed is a result made of the mark.
bool checkNothingMarked(Warp &w, const Place &place, unsigned lane,
                        uint64_t address, uint16_t marks) {
  if (!marks || place.space != MemorySpace::Global || w.cta.config.recorder)
    return true;
  w.report(FindingKind::PoisonStored, lane, address,
           "an atomic operation changes marked bytes of " +
               w.cta.memory.nameOf(address));
  return false;
}

/// Element `k` of those at `address`; `d` gets what was there before.
void changeElement(Warp &w, const Instr &in, const Reduction &reduction,
                   const Place &place, unsigned lane, uint64_t address,
                   uint32_t k, Slot source, Slot d) {
  uint64_t b = laneOf(w, source, lane, in.bytes);
  uint64_t c = in.c == noSlot ? 0 : laneOf(w, in.c, lane, in.bytes);
  uint8_t *shadow = place.shadow + k * in.bytes;
  uint16_t marks = w.taints.empty() ? 0 : marksOf(shadow, in.bytes);
  bool isSwap = reduction.op == ReduceOp::Exchange ||
                reduction.op == ReduceOp::CompareSwap;
  uint64_t old = reduction.applyAtomically(place.data + k * in.bytes, b, c);
  // A value that stays may be a spin, or a read.
  bool changes = reduction.apply(old, b, c) != old;
  w.cta.cluster.effects += changes;
  if (changes && !isSwap &&
      !checkNothingMarked(w, place, lane, address + k * in.bytes, marks))
    return;
  settleShadow(shadow, in.bytes,
               reduction.op == ReduceOp::Exchange ||
                   (reduction.op == ReduceOp::CompareSwap && old == b),
               isSwap || !changes ? 0 : marks);
  if (d == noSlot)
    return;
  if (in.bytes == 8)
    w.q(d)[lane] = old;
  else
    w.w(d)[lane] = static_cast<uint32_t>(old);
  if (!w.taints.empty())
    w.taint(d)[lane] = marks;
}

void atomic(Warp &w, const Instr &in) {
  Operands operands(w, in);
  Reduction reduction{static_cast<ReduceOp>(in.mode),
                      static_cast<Type>(in.offset)};
  bool reads = reduction.op != ReduceOp::Exchange || in.d != noSlot;
  countMemory(w, in.space, true);
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t address = addressOf(w, in, lane);
    Place place =
        atomicPlace(w, in, lane, address, in.bytes * operands.count, reads);
    // add.f32 on global memory flushes subnormals.
    reduction.flush =
        reduction.type == Type::F32 && place.space == MemorySpace::Global;
    for (uint32_t k = 0; place.data && k < operands.count; ++k)
      changeElement(w, in, reduction, place, lane, address, k,
                    operands.sources[k], operands.destinations[k]);
  });
}

/// 128 bits at once: no host instruction is at hand on every machine.
std::mutex wideAtomics;

struct Wide {
  uint64_t low, high;
  bool operator==(const Wide &o) const {
    return low == o.low && high == o.high;
  }
};

Wide wideOf(Warp &w, const Slot *pair, unsigned lane) {
  return {w.q(pair[0])[lane], w.q(pair[1])[lane]};
}

/// exch and cas of .b128; list: b, d, c, low halves first.
void atomicWide(Warp &w, const Instr &in) {
  const Slot *b = &w.kernel.lists[in.list], *d = b + 2, *c = b + 4;
  bool compares = static_cast<ReduceOp>(in.mode) == ReduceOp::CompareSwap;
  countMemory(w, in.space, true);
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t address = addressOf(w, in, lane);
    Place place = atomicPlace(w, in, lane, address, sizeof(Wide), true);
    if (!place.data)
      return;
    Wide given = wideOf(w, b, lane), old;
    Wide changed = compares ? wideOf(w, c, lane) : given;
    for (unsigned half = 0; half < 2 && !w.taints.empty(); ++half)
      w.taint(d[half])[lane] = marksOf(place.shadow + 8 * half, 8);
    std::lock_guard<std::mutex> lock(wideAtomics);
    std::memcpy(&old, place.data, sizeof old);
    w.q(d[0])[lane] = old.low;
    w.q(d[1])[lane] = old.high;
    if (compares && !(old == given))
      return;
    std::memcpy(place.data, &changed, sizeof changed);
    settleShadow(place.shadow, sizeof changed, true);
    w.cta.cluster.effects += !(changed == old);
  });
}

/// A marked operand must not reach memory that others share.
void taintAtomic(Warp &w, const Instr &in) {
  if (!addressIsClean(w, in))
    return;
  Operands operands(w, in);
  bool any = anyMarks(w, in.c);
  for (uint32_t k = 0; k < operands.count; ++k)
    any |= anyMarks(w.taint(operands.sources[k]));
  if (!any)
    return;
  w.forActive([&](unsigned lane) {
    bool marked = in.c != noSlot && w.taint(in.c)[lane];
    for (uint32_t k = 0; k < operands.count; ++k)
      marked |= w.taint(operands.sources[k])[lane] != 0;
    if (marked && !w.cta.failed())
      w.report(FindingKind::PoisonStored, lane, addressOf(w, in, lane),
               "a marked byte reached an atomic operation");
  });
}

void taintAtomicWide(Warp &w, const Instr &in) {
  const Slot *c = &w.kernel.lists[in.list + 4];
  bool compares = static_cast<ReduceOp>(in.mode) == ReduceOp::CompareSwap;
  w.forActive([&](unsigned lane) {
    if (compares && (w.taint(c[0])[lane] || w.taint(c[1])[lane]))
      w.report(FindingKind::PoisonStored, lane, addressOf(w, in, lane),
               "a marked byte reached an atomic operation");
  });
  taintAtomic(w, in);
}

//===----------------------------------------------------------------------===//
// Decoding
//===----------------------------------------------------------------------===//

bool fitsScalar(ReduceOp op, Type type) {
  switch (op) {
  case ReduceOp::Exchange:
    return type == Type::B32 || type == Type::B64 || type == Type::B128;
  case ReduceOp::CompareSwap:
    return type == Type::B16 || type == Type::B32 || type == Type::B64 ||
           type == Type::B128;
  case ReduceOp::Add:
    return isScalarReduction(op, type) || isHalf(type);
  default:
    return isScalarReduction(op, type);
  }
}

/// add of f32; add, min and max of the half types; up to 16 bytes.
bool fitsVector(ReduceOp op, Type type, size_t elements) {
  bool known = op == ReduceOp::Add ||
               ((op == ReduceOp::Min || op == ReduceOp::Max) && isHalf(type));
  return known && (isHalf(type) || type == Type::F32) &&
         elements * bytesOf(type) <= 16;
}

bool checkForm(Decoder &d, ReduceOp op, Type type, size_t elements,
               bool noftz) {
  bool fits = elements > 1 ? fitsVector(op, type, elements)
                           : type != Type::None && fitsScalar(op, type);
  if (!fits)
    d.fail("the operation, its type and its vector do not fit each other");
  else if (noftz != isHalf(type))
    d.fail(".noftz belongs to f16 and bf16, and is required");
  return d.error.empty();
}

/// b, then d: elements in braces.
void decodeVector(Decoder &d, size_t first, Type type, size_t elements) {
  const ptx::Operand &b = d.operand(first + 1);
  if (b.kind != ptx::Operand::Vector || b.elements.size() != elements)
    return d.fail("expected as many registers as the vector has elements");
  std::vector<Slot> slots;
  for (const ptx::Operand &element : b.elements)
    slots.push_back(d.slotOf(element, type));
  bool hasResult = first && d.operand(0).kind != ptx::Operand::Sink;
  if (hasResult && d.operand(0).elements.size() != elements)
    return d.fail("expected as many registers as the vector has elements");
  for (size_t i = 0; i < elements; ++i)
    slots.push_back(hasResult ? d.destinationOf(d.operand(0).elements[i], type)
                              : noSlot);
  d.setList(slots);
  d.out.listCount = static_cast<uint32_t>(elements); // as counted
}

void decodeWide(Decoder &d, ReduceOp op) {
  auto [bLow, bHigh] = d.pairOf(d.operand(2));
  auto [dLow, dHigh] = d.pairOf(d.operand(0));
  std::vector<Slot> slots{bLow, bHigh, dLow, dHigh};
  if (op == ReduceOp::CompareSwap) {
    auto [cLow, cHigh] = d.pairOf(d.operand(3));
    slots.insert(slots.end(), {cLow, cHigh});
  }
  for (size_t i = 2; i < d.source->operands.size(); ++i)
    if (d.operand(i).kind == ptx::Operand::Sink)
      d.fail("expected a register of 128 bits");
  d.setList(slots);
  d.out.listCount = 2; // two halves, as counted
  d.out.bytes = 8;
  d.out.run = atomicWide;
  d.out.taint = taintAtomicWide;
}

/// Order, scope and space; they change no value here.
MemorySpace takePlace(Decoder &d, bool returns) {
  returns ? d.takeOneOf({"relaxed", "acquire", "release", "acq_rel"})
          : d.takeOneOf({"relaxed", "release"});
  d.takeOneOf({"cta", "cluster", "gpu", "sys"});
  MemorySpace space = takeSpace(d);
  if (space != MemorySpace::Shared && space != MemorySpace::SharedCluster &&
      !isGlobalOrGeneric(space))
    d.fail("expected .global or .shared");
  return space;
}

void decodeAtomic(Decoder &d, bool returns) {
  MemorySpace space = takePlace(d, returns);
  int op = takeReduction(d);
  auto which = static_cast<ReduceOp>(op);
  bool swaps = which == ReduceOp::CompareSwap;
  if (op < 0 || (!returns && (swaps || which == ReduceOp::Exchange)))
    return d.fail("expected an atomic operation");
  bool noftz = d.take("noftz");
  int vector = d.takeOneOf({"v2", "v4", "v8"});
  size_t elements = vector < 0 ? 1 : size_t(2) << vector, first = returns;
  Type type = d.takeType();
  size_t hints = takeCacheHint(d);
  if (!checkForm(d, which, type, elements, noftz) ||
      !d.operands(first + (swaps ? 3 : 2) + hints))
    return;
  if (hints && (swaps || !isGlobalOrGeneric(space)))
    return d.fail(".L2::cache_hint belongs to .global, and not to cas");
  if (elements > 1 && !isGlobalOrGeneric(space))
    return d.fail("atomic operations on vectors work on .global");
  d.address(first);
  d.out.space = space;
  d.out.mode = static_cast<uint8_t>(op);
  d.out.offset = static_cast<int32_t>(type);
  if (type == Type::B128)
    return decodeWide(d, which);
  d.out.bytes = static_cast<uint8_t>(bytesOf(type));
  d.out.run = atomic;
  d.out.taint = taintAtomic;
  if (elements > 1)
    return decodeVector(d, first, type, elements);
  if (returns && d.operand(0).kind != ptx::Operand::Sink)
    d.out.d = d.destination(0, type);
  d.out.b = d.slot(first + 1, type);
  if (swaps)
    d.out.c = d.slot(first + 2, type);
}

} // namespace

void nybl::emu::addAtomicOpcodes(OpcodeTable &table) {
  table["atom"] = [](Decoder &d) { decodeAtomic(d, true); };
  table["red"] = [](Decoder &d) {
    d.take("async") ? decodeAsyncReduction(d) : decodeAtomic(d, false);
  };
  table["multimem"] = [](Decoder &d) {
    d.fail("multimem works on memory of several devices, which the emulator "
           "does not have");
  };
}
