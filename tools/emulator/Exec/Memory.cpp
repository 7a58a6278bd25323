// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ld, st, atom, red, cvta, isspacep and hints.

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/Narrow.h"
#include <atomic>
#include <cmath>

using namespace nybl::emu;

namespace {

//===----------------------------------------------------------------------===//
// Load and store
//===----------------------------------------------------------------------===//

uint64_t extended(uint64_t bits, unsigned bytes, bool isSigned) {
  if (bytes == 8)
    return bits;
  unsigned width = bytes * 8;
  if (isSigned && bits >> (width - 1) & 1)
    bits |= ~uint64_t(0) << width;
  return bits & 0xffffffffu;
}

void putLane(Warp &w, Slot slot, unsigned lane, unsigned bytes, uint64_t bits) {
  if (bytes == 8)
    w.q(slot)[lane] = bits;
  else
    w.w(slot)[lane] = static_cast<uint32_t>(bits);
}

void count(Warp &w, MemorySpace space, bool store) {
  if (space == MemorySpace::Shared)
    ++(store ? w.counters.sharedStores : w.counters.sharedLoads);
  else if (space != MemorySpace::Local)
    ++(store ? w.counters.globalStores : w.counters.globalLoads);
}

void load(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  uint32_t total = in.bytes * in.listCount;
  count(w, in.space, false);
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t address = addressOf(w, in, lane);
    Place place = resolve(w, in.space, lane, address, total);
    if (!place.data || !checkInitialised(w, place, lane, address, total))
      return;
    for (uint32_t k = 0; k < in.listCount; ++k) {
      uint64_t bits = 0;
      std::memcpy(&bits, place.data + k * in.bytes, in.bytes);
      putLane(w, list[k], lane, in.bytes,
              extended(bits, in.bytes, in.isSigned));
    }
  });
}

void storeLanes(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  uint32_t total = in.bytes * in.listCount;
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    Place place = resolve(w, in.space, lane, addressOf(w, in, lane), total);
    if (!place.data)
      return;
    if (place.space == MemorySpace::Param)
      return w.report(FindingKind::OutOfBounds, lane, addressOf(w, in, lane),
                      "parameters of a kernel cannot be written");
    for (uint32_t k = 0; k < in.listCount; ++k) {
      uint64_t bits = in.bytes == 8 ? w.q(list[k])[lane] : w.w(list[k])[lane];
      std::memcpy(place.data + k * in.bytes, &bits, in.bytes);
    }
    if (place.shadow)
      std::memset(place.shadow, shadow::initialised, total);
  });
}

void store(Warp &w, const Instr &in) {
  count(w, in.space, true);
  storeLanes(w, in);
}

/// A marked address is a finding: a padding byte must not steer anything.
bool addressIsClean(Warp &w, const Instr &in) {
  uint16_t *taint = w.taint(in.a);
  bool clean = true;
  w.forActive([&](unsigned lane) {
    if (clean && taint[lane]) {
      clean = false;
      w.report(FindingKind::PoisonSteers, lane, addressOf(w, in, lane),
               "a marked byte is part of an address");
    }
  });
  return clean;
}

/// Runs before `load`, so it resolves by itself; a bad address is left for the
/// load to report.
void taintLoad(Warp &w, const Instr &in) {
  if (!addressIsClean(w, in))
    return;
  const Slot *list = &w.kernel.lists[in.list];
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    Place place = resolve(w, in.space, lane, addressOf(w, in, lane),
                          in.bytes * in.listCount);
    if (!place.data)
      return;
    for (uint32_t k = 0; k < in.listCount; ++k) {
      uint32_t t = 0;
      for (unsigned i = 0; place.shadow && i < in.bytes; ++i)
        t |= (place.shadow[k * in.bytes + i] & shadow::poison) << (2 * i);
      if (in.isSigned && t >> (2 * in.bytes - 1) & 1)
        t |= 0xffffu << (2 * in.bytes);
      w.taint(list[k])[lane] = static_cast<uint16_t>(t);
    }
  });
}

/// Stores of marked values: into shared memory the marks travel along, into
/// global memory they are what this is all about.
void taintStore(Warp &w, const Instr &in) {
  if (!addressIsClean(w, in))
    return;
  const Slot *list = &w.kernel.lists[in.list];
  bool marked = false;
  w.forActive([&](unsigned lane) {
    for (uint32_t k = 0; k < in.listCount; ++k)
      marked |= w.taint(list[k])[lane] != 0;
  });
  if (!marked)
    return;
  storeLanes(w, in);
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t address = addressOf(w, in, lane);
    Place place = resolve(w, in.space, lane, address, in.bytes * in.listCount);
    for (uint32_t k = 0; place.shadow && k < in.listCount; ++k) {
      uint16_t t = w.taint(list[k])[lane];
      if (t && place.space == MemorySpace::Global)
        return w.report(FindingKind::PoisonStored, lane, address,
                        "a marked byte reached " +
                            w.cta.memory.nameOf(address + k * in.bytes));
      for (unsigned i = 0; i < in.bytes; ++i)
        place.shadow[k * in.bytes + i] =
            shadow::initialised | (t >> (2 * i) & shadow::poison);
    }
  });
  w.active = 0; // stored already; `run` only counts, and must not wipe marks
}

void takeMemoryHints(Decoder &d) {
  for (std::string_view q : {"weak",
                             "volatile",
                             "relaxed",
                             "acquire",
                             "release",
                             "acq_rel",
                             "sc",
                             "cta",
                             "cluster",
                             "gpu",
                             "sys",
                             "ca",
                             "cg",
                             "cs",
                             "lu",
                             "cv",
                             "wb",
                             "wt",
                             "nc",
                             "L1::evict_normal",
                             "L1::evict_unchanged",
                             "L1::evict_first",
                             "L1::evict_last",
                             "L1::no_allocate",
                             "L2::evict_last",
                             "L2::evict_normal",
                             "L2::evict_first",
                             "L2::evict_unchanged",
                             "L2::64B",
                             "L2::128B",
                             "L2::256B"})
    d.take(q);
}

/// .L2::cache_hint brings one more operand, a policy: it changes no value.
size_t takeCacheHint(Decoder &d) {
  if (!d.take("L2::cache_hint"))
    return 0;
  if (!d.source->operands.empty())
    d.slotOf(d.source->operands.back(), Type::B64);
  return 1;
}

MemorySpace takeSpace(Decoder &d) {
  int space = d.takeOneOf({"global", "shared", "local", "param", "const",
                           "shared::cta", "param::entry"});
  static constexpr MemorySpace spaces[] = {
      MemorySpace::Global, MemorySpace::Shared, MemorySpace::Local,
      MemorySpace::Param,  MemorySpace::Const,  MemorySpace::Shared,
      MemorySpace::Param};
  return space < 0 ? MemorySpace::Generic : spaces[space];
}

/// Parameters are constants of the launch: read straight from its buffer.
void loadParameter(Warp &w, const Instr &in) {
  const Slot *list = &w.kernel.lists[in.list];
  w.forActive([&](unsigned lane) {
    for (uint32_t k = 0; k < in.listCount; ++k) {
      uint64_t bits = 0;
      std::memcpy(&bits, w.cta.parameters + in.imm + k * in.bytes, in.bytes);
      putLane(w, list[k], lane, in.bytes,
              extended(bits, in.bytes, in.isSigned));
      if (!w.taints.empty())
        w.taint(list[k])[lane] = 0;
    }
  });
}

void decodeAccess(Decoder &d, bool isLoad) {
  takeMemoryHints(d);
  MemorySpace space = takeSpace(d);
  int vector = d.takeOneOf({"v2", "v4", "v8"});
  Type type = d.takeType();
  if (!d.operands(2 + takeCacheHint(d)))
    return;
  const ptx::Operand &data = d.operand(isLoad ? 0 : 1);
  std::vector<Slot> slots;
  if (type == Type::B128) {
    auto [low, high] = d.pairOf(data);
    slots = {low, high};
    type = Type::B64;
    vector = vector < 0 ? 0 : 2; // as two halves; a vector of it is no form
  } else {
    d.relaxed = true;
    bool many = data.kind == ptx::Operand::Vector;
    for (size_t i = 0; i < (many ? data.elements.size() : 1); ++i) {
      const ptx::Operand &element = many ? data.elements[i] : data;
      slots.push_back(isLoad ? d.destinationOf(element, type)
                             : d.slotOf(element, type));
    }
  }
  if (slots.size() != (vector < 0 ? 1u : 2u << vector))
    return d.fail("expected as many registers as the vector has elements");
  d.address(isLoad ? 1 : 0);
  d.setList(slots);
  d.out.space = space;
  d.out.bytes = static_cast<uint8_t>(bytesOf(type));
  d.out.isSigned = isSignedType(type);
  d.out.run = isLoad ? load : store;
  d.out.taint = isLoad ? taintLoad : taintStore;
  if (space != MemorySpace::Param)
    return;
  const ptx::Operand &at = d.operand(isLoad ? 1 : 0);
  if (!isLoad)
    return d.fail("parameters of a kernel cannot be written");
  if (at.reg >= 0) // the address of a parameter, in a register
    return;
  auto place = d.symbolTable().places.find(at.symbol);
  if (place == d.symbolTable().places.end() ||
      place->second.first != MemorySpace::Param)
    return d.fail("expected a parameter of this kernel");
  d.out.imm = at.offset + static_cast<int64_t>(place->second.second);
  uint64_t end = d.out.imm + uint64_t(d.out.bytes) * slots.size();
  uint64_t limit = 0;
  for (auto &[name, p] : d.symbolTable().places)
    if (name == "\1parameter bytes")
      limit = p.second;
  if (at.offset < 0 || end > limit)
    return d.fail("a read past the parameters");
  d.out.run = loadParameter;
  d.out.taint = nullptr;
}

//===----------------------------------------------------------------------===//
// Atomics
//===----------------------------------------------------------------------===//

enum AtomicOp : uint8_t {
  AAdd,
  AMin,
  AMax,
  AAnd,
  AOr,
  AXor,
  AExch,
  ACas,
  AInc,
  ADec
};

template <typename T>
T atomicResult(uint8_t op, T old, T b, T c, bool flush = false) {
  switch (op) {
  case AMin:
    return old < b ? old : b;
  case AMax:
    return old < b ? b : old;
  case AExch:
    return b;
  case ACas:
    return old == b ? c : old;
  case AInc:
    return old >= b ? T(0) : T(old + T(1));
  case ADec:
    return old == T(0) || old > b ? b : T(old - T(1));
  default:
    break;
  }
  if constexpr (std::is_integral_v<T>) {
    using U = std::make_unsigned_t<T>;
    switch (op) {
    case AAnd:
      return old & b;
    case AOr:
      return old | b;
    case AXor:
      return old ^ b;
    default:
      return T(U(old) + U(b));
    }
  }
  auto flushed = [flush](T v) {
    return flush && std::fpclassify(v) == FP_SUBNORMAL ? std::copysign(T(0), v)
                                                       : v;
  };
  return flushed(flushed(old) + flushed(b));
}

template <typename T>
void atomic(Warp &w, const Instr &in) {
  using L = LaneOf<T>;
  const L *b = lanesOf<T>(w, in.b);
  const L *c = in.c == noSlot ? b : lanesOf<T>(w, in.c);
  count(w, in.space, true);
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t address = addressOf(w, in, lane);
    Place place = resolve(w, in.space, lane, address, sizeof(T));
    if (!place.data || !checkInitialised(w, place, lane, address, sizeof(T)))
      return;
    if (place.space == MemorySpace::Param)
      return w.report(FindingKind::OutOfBounds, lane, address,
                      "parameters of a kernel cannot be written");
    // PTX ISA: atom.add.f32 on global memory flushes subnormals.
    bool flush = std::is_same_v<T, float> && place.space == MemorySpace::Global;
    std::atomic_ref<L> cell(*reinterpret_cast<L *>(place.data));
    L old = cell.load();
    while (!cell.compare_exchange_weak(
        old, toLane<T>(atomicResult<T>(in.mode, fromLane<T>(old),
                                       fromLane<T>(b[lane]),
                                       fromLane<T>(c[lane]), flush))))
      ;
    if (in.d != noSlot)
      lanesOf<T>(w, in.d)[lane] = old;
  });
}

/// What is read carries its marks; a marked operand must not reach memory that
/// others share.
void taintAtomic(Warp &w, const Instr &in) {
  if (!addressIsClean(w, in))
    return;
  uint16_t *b = w.taint(in.b), *c = in.c == noSlot ? b : w.taint(in.c);
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t address = addressOf(w, in, lane);
    if (b[lane] || c[lane])
      return w.report(FindingKind::PoisonStored, lane, address,
                      "a marked byte reached an atomic operation");
    Place place = resolve(w, in.space, lane, address, in.bytes);
    uint16_t marks = 0;
    for (unsigned i = 0; place.shadow && i < in.bytes; ++i)
      marks |= (place.shadow[i] & shadow::poison) << (2 * i);
    if (in.d != noSlot)
      w.taint(in.d)[lane] = marks;
  });
}

void decodeAtomic(Decoder &d, bool returns) {
  takeMemoryHints(d);
  MemorySpace space = takeSpace(d);
  int op = d.takeOneOf(
      {"add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec"});
  d.take("noftz");
  Type type = d.takeType();
  size_t first = returns ? 1 : 0;
  if (op < 0)
    return d.fail("expected an atomic operation");
  if (!d.operands(first + (op == ACas ? 3 : 2) + takeCacheHint(d)))
    return;
  switch (type) {
  case Type::U32:
  case Type::B32:
    d.out.run = atomic<uint32_t>;
    break;
  case Type::S32:
    d.out.run = atomic<int32_t>;
    break;
  case Type::U64:
  case Type::B64:
    d.out.run = atomic<uint64_t>;
    break;
  case Type::S64:
    d.out.run = atomic<int64_t>;
    break;
  case Type::F32:
    d.out.run = atomic<float>;
    break;
  case Type::F64:
    d.out.run = atomic<double>;
    break;
  default:
    return d.fail("the emulator does not know atomics of this type");
  }
  d.address(first);
  d.out.taint = taintAtomic;
  d.out.space = space;
  d.out.mode = static_cast<uint8_t>(op);
  d.out.bytes = static_cast<uint8_t>(bytesOf(type));
  bool isFloat = type == Type::F32 || type == Type::F64;
  bool logic = op == AAnd || op == AOr || op == AXor || op == AInc ||
               op == ADec || op == ACas;
  if (isFloat && (logic || op == AMin || op == AMax || op == AExch))
    return d.fail("the type does not fit this operation");
  if (returns && d.operand(0).kind != ptx::Operand::Sink)
    d.out.d = d.destination(0, type);
  d.out.b = d.slot(first + 1, type);
  if (op == ACas)
    d.out.c = d.slot(first + 2, type);
}

//===----------------------------------------------------------------------===//
// Address spaces and hints
//===----------------------------------------------------------------------===//

/// d = a + imm: into a window, or out of it.
void convertAddress(Warp &w, const Instr &in) {
  const uint64_t *a = w.q(in.a);
  eachLane<uint64_t>(w, in.d,
                     [&](unsigned i) { return a[i] + uint64_t(in.imm); });
}

void decodeCvta(Decoder &d) {
  bool to = d.take("to");
  MemorySpace space = takeSpace(d);
  if (d.takeType() != Type::U64)
    return d.fail("expected .u64");
  d.simple(convertAddress, taintCopy, Type::U64, 2);
  uint64_t window = space == MemorySpace::Shared  ? sharedWindow
                    : space == MemorySpace::Local ? localWindow
                    : space == MemorySpace::Param ? paramWindow
                                                  : 0;
  d.out.imm = static_cast<int64_t>(to ? ~window + 1 : window);
}

void isInSpace(Warp &w, const Instr &in) {
  const uint64_t *a = w.q(in.a);
  uint32_t result = 0;
  w.forActive([&](unsigned i) {
    bool shared = a[i] - sharedWindow < windowBytes;
    bool local = a[i] - localWindow < windowBytes;
    bool param = a[i] - paramWindow < windowBytes;
    bool yes = in.space == MemorySpace::Shared  ? shared
               : in.space == MemorySpace::Local ? local
               : in.space == MemorySpace::Param ? param
                                                : !shared && !local && !param;
    result |= uint32_t(yes) << i;
  });
  w.predicate(in.d) = (w.predicate(in.d) & ~w.active) | result;
}

void nothing(Warp &, const Instr &) {}

/// A policy is a number that nothing reads.
void policy(Warp &w, const Instr &in) {
  eachLane<uint64_t>(w, in.d, [](unsigned) { return uint64_t(0); });
}

void decodePolicy(Decoder &d) {
  takeMemoryHints(d);
  if (!d.take("fractional") || d.takeType() != Type::B64)
    return d.fail("expected createpolicy.fractional ... .b64");
  size_t count = d.source->operands.size();
  if (count != 1 && count != 2)
    return d.fail("expected 1 or 2 operands");
  d.out.run = policy;
  d.out.taint = taintClear;
  d.out.d = d.destination(0, Type::B64);
}

void decodePrefetch(Decoder &d) {
  takeMemoryHints(d);
  takeSpace(d);
  d.takeOneOf({"L1", "L2"});
  d.out.run = nothing;
}

} // namespace

void nybl::emu::addMemoryOpcodes(OpcodeTable &table) {
  table["ld"] = [](Decoder &d) { decodeAccess(d, true); };
  table["st"] = [](Decoder &d) { decodeAccess(d, false); };
  table["atom"] = [](Decoder &d) { decodeAtomic(d, true); };
  table["red"] = [](Decoder &d) { decodeAtomic(d, false); };
  table["cvta"] = decodeCvta;
  table["isspacep"] = [](Decoder &d) {
    MemorySpace space = takeSpace(d);
    d.simple(isInSpace, taintAny,
             {Type::Pred, Type::B64, Type::None, Type::None}, 2);
    if (space == MemorySpace::Generic || space == MemorySpace::Const)
      d.fail("expected .global, .shared, .local or .param");
    d.out.space = space;
  };
  table["createpolicy"] = decodePolicy;
  table["prefetch"] = decodePrefetch;
  table["prefetchu"] = decodePrefetch;
}
