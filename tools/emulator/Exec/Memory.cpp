// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// ld, st, cvta, isspacep and prefetches.

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/Marks.h"
#include "tools/emulator/Exec/MemoryForms.h"

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

/// f(lane, address, place) for each active lane, until one has no place.
template <typename F>
void eachPlace(Warp &w, const Instr &in, uint32_t bytes, F f) {
  if (!w.active || w.cta.failed())
    return;
  auto first = static_cast<unsigned>(__builtin_ctz(w.active));
  LikelyPlace likely = likelyPlace(w, in.space, addressOf(w, in, first));
  for (uint32_t m = w.active; m; m &= m - 1) {
    auto lane = static_cast<unsigned>(__builtin_ctz(m));
    uint64_t address = addressOf(w, in, lane);
    Place place = likely.at(address, bytes);
    if (!place.data) {
      place = resolve(w, in.space, lane, address, bytes);
      if (!place.data)
        return;
      likely = likelyPlace(w, in.space, address);
    }
    if (!f(lane, address, place))
      return;
  }
}

/// Marks of one element of a load.
uint16_t loadedMarks(const Instr &in, const uint8_t *shadow) {
  uint32_t t = 0;
  for (unsigned i = 0; i < in.bytes; ++i)
    t |= (loadWord<uint8_t>(shadow + i) & shadow::poison) << (2 * i);
  if (in.isSigned && t >> (2 * in.bytes - 1) & 1)
    t |= 0xffffu << (2 * in.bytes);
  return static_cast<uint16_t>(t);
}

/// Elements of `Bytes`, `Count` of them. Values, and marks if they are
/// followed. Nearly always no byte of the shadow has anything to say.
template <unsigned Bytes, unsigned Count>
void load(Warp &w, const Instr &in) {
  constexpr uint32_t total = Bytes * Count;
  const Slot *list = &w.kernel.lists[in.list];
  bool poison = !w.taints.empty();
  uint8_t expected = w.cta.config.checks ? shadow::initialised : 0;
  uint8_t mask =
      expected | shadow::poison | shadow::inFlight | shadow::mbarrier;
  countMemory(w, in.space, false);
  eachPlace(w, in, total, [&](unsigned lane, uint64_t address, Place &place) {
    bool plain = !place.shadow || shadowIs<total>(place.shadow, mask, expected);
    bool fine = plain ? !w.races || w.races->access(w, place, lane, address,
                                                    total, false)
                      : checkSettled(w, place, lane, address, total, false) &&
                            checkInitialised(w, place, lane, address, total);
    if (!fine)
      return false;
    for (uint32_t k = 0; k < Count; ++k) {
      uint64_t bits = loadWord<WordOf<Bytes>>(place.data + k * Bytes);
      putLane(w, list[k], lane, Bytes, extended(bits, Bytes, in.isSigned));
      if (poison)
        w.taint(list[k])[lane] =
            plain ? 0 : loadedMarks(in, place.shadow + k * Bytes);
    }
    return true;
  });
}

template <unsigned Bytes, unsigned Count>
void storeLanes(Warp &w, const Instr &in) {
  constexpr uint32_t total = Bytes * Count;
  const Slot *list = &w.kernel.lists[in.list];
  ++w.cta.cluster.effects;
  eachPlace(w, in, total, [&](unsigned lane, uint64_t address, Place &place) {
    bool plain =
        !place.shadow ||
        shadowIs<total>(place.shadow, shadow::inFlight | shadow::mbarrier, 0);
    bool fine = plain ? !w.races || w.races->access(w, place, lane, address,
                                                    total, true)
                      : checkSettled(w, place, lane, address, total, true);
    if (!fine)
      return false;
    if (!checkWritable(w, place, lane, address))
      return false;
    for (uint32_t k = 0; k < Count; ++k) {
      uint64_t bits = Bytes == 8 ? w.q(list[k])[lane] : w.w(list[k])[lane];
      storeWord(place.data + k * Bytes, static_cast<WordOf<Bytes>>(bits));
    }
    if (place.shadow)
      setShadow<total>(place.shadow, shadow::initialised);
    return true;
  });
}

template <unsigned Bytes, unsigned Count>
void store(Warp &w, const Instr &in) {
  countMemory(w, in.space, true);
  storeLanes<Bytes, Count>(w, in);
}

/// Before a load, which moves the marks of what it loads by itself.
void taintLoad(Warp &w, const Instr &in) { addressIsClean(w, in); }

/// Stores of marked values: into shared memory the marks travel along, into
/// global memory they are what this is all about.
template <unsigned Bytes, unsigned Count>
void taintStore(Warp &w, const Instr &in) {
  if (!addressIsClean(w, in))
    return;
  const Slot *list = &w.kernel.lists[in.list];
  if (!anyMarks(w, list, Count))
    return;
  bool marked = false;
  w.forActive([&](unsigned lane) {
    for (uint32_t k = 0; k < in.listCount; ++k)
      marked |= w.taint(list[k])[lane] != 0;
  });
  if (!marked)
    return;
  storeLanes<Bytes, Count>(w, in);
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t address = addressOf(w, in, lane);
    Place place = resolve(w, in.space, lane, address, in.bytes * in.listCount);
    for (uint32_t k = 0; place.shadow && k < in.listCount; ++k) {
      uint16_t t = w.taint(list[k])[lane];
      if (t && place.space == MemorySpace::Global && !w.cta.config.recorder)
        return w.report(FindingKind::PoisonStored, lane, address,
                        "a marked byte reached " +
                            w.cta.memory.nameOf(address + k * in.bytes));
      for (unsigned i = 0; i < in.bytes; ++i)
        storeWord<uint8_t>(place.shadow + k * in.bytes + i,
                           shadow::initialised |
                               (t >> (2 * i) & shadow::poison));
    }
  });
  w.active = 0; // stored already; `run` only counts, and must not wipe marks
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

template <unsigned Bytes, unsigned Count>
void setAccess(Instr &out, bool isLoad) {
  if constexpr (Bytes * Count <= 32) {
    out.run = isLoad ? load<Bytes, Count> : store<Bytes, Count>;
    out.taint = isLoad ? taintLoad : taintStore<Bytes, Count>;
  }
}

template <unsigned Bytes>
void setAccess(Instr &out, bool isLoad) {
  switch (out.listCount) {
  case 1:
    return setAccess<Bytes, 1>(out, isLoad);
  case 2:
    return setAccess<Bytes, 2>(out, isLoad);
  case 4:
    return setAccess<Bytes, 4>(out, isLoad);
  default:
    return setAccess<Bytes, 8>(out, isLoad);
  }
}

/// The handlers for the size and the number of the elements.
void setAccess(Instr &out, bool isLoad) {
  switch (out.bytes) {
  case 1:
    return setAccess<1>(out, isLoad);
  case 2:
    return setAccess<2>(out, isLoad);
  case 4:
    return setAccess<4>(out, isLoad);
  default:
    return setAccess<8>(out, isLoad);
  }
}

bool isMemoryType(Type type) {
  return type <= Type::S64 || type == Type::F32 || type == Type::F64;
}

/// Registers of the data, as many as the vector has elements; of .b128 two
/// halves, and `type` is then theirs.
std::vector<Slot> takeData(Decoder &d, const ptx::Operand &data, bool isLoad,
                           size_t elements, Type &type) {
  std::vector<Slot> slots;
  if (type == Type::B128) {
    if (elements != 1)
      d.fail("there are no vectors of .b128");
    auto [low, high] = d.pairOf(data);
    type = Type::B64;
    return {low, high};
  }
  d.relaxed = true;
  bool many = data.kind == ptx::Operand::Vector;
  for (size_t i = 0; i < (many ? data.elements.size() : 1); ++i) {
    const ptx::Operand &element = many ? data.elements[i] : data;
    slots.push_back(isLoad ? d.destinationOf(element, type)
                           : d.slotOf(element, type));
  }
  if (slots.size() != elements)
    d.fail("expected as many registers as the vector has elements");
  return slots;
}

/// A parameter that the address names; one in a register may be any.
void decodeParameter(Decoder &d, const ptx::Operand &at) {
  if (at.reg >= 0)
    return;
  auto place = d.symbolTable().places.find(at.symbol);
  if (place == d.symbolTable().places.end() ||
      place->second.first != MemorySpace::Param)
    return d.fail("expected a parameter of this kernel");
  d.out.imm = at.offset + static_cast<int64_t>(place->second.second);
  uint64_t end = d.out.imm + uint64_t(d.out.bytes) * d.out.listCount;
  uint64_t limit = 0;
  for (auto &[name, p] : d.symbolTable().places)
    if (name == "\1parameter bytes")
      limit = p.second;
  if (at.offset < 0 || end > limit)
    return d.fail("a read past the parameters");
  d.out.run = loadParameter;
  d.out.taint = nullptr;
}

/// Once order and hints are taken.
void decodeData(Decoder &d, bool isLoad, MemorySpace space, size_t elements,
                Type type) {
  d.address(isLoad ? 1 : 0);
  d.out.isSigned = isSignedType(type);
  d.setList(takeData(d, d.operand(isLoad ? 0 : 1), isLoad, elements, type));
  d.out.space = space;
  d.out.bytes = static_cast<uint8_t>(bytesOf(type));
  setAccess(d.out, isLoad);
  if (space == MemorySpace::Param && !isLoad)
    return d.fail("parameters of a kernel cannot be written");
  if (space == MemorySpace::Const && !isLoad)
    return d.fail("constants cannot be written");
  if (space == MemorySpace::Param)
    decodeParameter(d, d.operand(1));
}

size_t takeVector(Decoder &d) {
  int vector = d.takeOneOf({"v2", "v4", "v8"});
  return vector < 0 ? 1 : size_t(2) << vector;
}

void decodeAccess(Decoder &d, bool isLoad) {
  AccessForm form = AccessForm::take(d, isLoad);
  MemorySpace space = takeSpace(d);
  size_t elements = takeVector(d);
  Type type = d.takeType();
  if (!isMemoryType(type))
    return d.fail("expected a type of 8 to 128 bits: .b, .u, .s, .f32, .f64");
  form.check(d, space, static_cast<unsigned>(bytesOf(type) * elements),
             elements);
  if (d.operands(2 + form.hints))
    decodeData(d, isLoad, space, elements, type);
}

/// ldu: a load of what no other thread changes.
void decodeUniformLoad(Decoder &d) {
  MemorySpace space = takeSpace(d);
  size_t elements = takeVector(d);
  Type type = d.takeType();
  if (!isMemoryType(type) || !isGlobalOrGeneric(space) ||
      bytesOf(type) * elements > 16 || elements > 4)
    return d.fail("expected at most 4 elements, 16 bytes, of .global");
  if (d.operands(2))
    decodeData(d, true, space, elements, type);
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
  bool shared =
      space == MemorySpace::Shared || space == MemorySpace::SharedCluster;
  uint64_t window = shared                        ? sharedWindow
                    : space == MemorySpace::Local ? localWindow
                    : space == MemorySpace::Param ? paramWindow
                                                  : 0;
  d.out.imm = static_cast<int64_t>(to ? ~window + 1 : window);
}

void isInSpace(Warp &w, const Instr &in) {
  const uint64_t *a = w.q(in.a);
  uint32_t result = 0;
  w.forActive([&](unsigned i) {
    bool anyShared = a[i] - sharedWindow < windowBytes;
    bool shared =
        anyShared && (in.space == MemorySpace::SharedCluster ||
                      (a[i] & 0xffffffff) >> sharedRankShift == w.cta.rank);
    bool local = a[i] - localWindow < windowBytes;
    bool param = a[i] - paramWindow < windowBytes;
    bool yes = in.space == MemorySpace::Shared          ? shared
               : in.space == MemorySpace::SharedCluster ? shared
               : in.space == MemorySpace::Local         ? local
               : in.space == MemorySpace::Param
                   ? param
                   : !anyShared && !local && !param;
    result |= uint32_t(yes) << i;
  });
  w.predicate(in.d) = (w.predicate(in.d) & ~w.active) | result;
}

void nothing(Warp &, const Instr &) {}

void decodePrefetch(Decoder &d) {
  takeSpace(d);
  d.takeOneOf({"L1", "L2", "L2::evict_last", "L2::evict_normal", "tensormap"});
  d.out.run = nothing;
}

} // namespace

void nybl::emu::addMemoryOpcodes(OpcodeTable &table) {
  table["ld"] = [](Decoder &d) { decodeAccess(d, true); };
  table["ldu"] = decodeUniformLoad;
  table["st"] = [](Decoder &d) {
    if (d.take("async"))
      return decodeAsyncStore(d);
    d.take("bulk") ? decodeBulkStore(d) : decodeAccess(d, false);
  };
  table["cvta"] = decodeCvta;
  table["isspacep"] = [](Decoder &d) {
    MemorySpace space = takeSpace(d);
    d.simple(isInSpace, taintAny,
             {Type::Pred, Type::B64, Type::None, Type::None}, 2);
    if (space == MemorySpace::Generic || space == MemorySpace::Const)
      d.fail("expected .global, .shared, .local or .param");
    d.out.space = space;
  };
  table["prefetch"] = decodePrefetch;
  table["prefetchu"] = decodePrefetch;
}
