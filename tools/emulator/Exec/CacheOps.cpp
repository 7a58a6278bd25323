// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// createpolicy, applypriority and discard. There are no caches here: policies
// are numbers that nothing reads, but discarded bytes are unknown afterwards.

#include "tools/emulator/Exec/Access.h"
#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/MemoryForms.h"

using namespace nybl::emu;

namespace {

constexpr uint32_t lineBytes = 128;

void policy(Warp &w, const Instr &in) {
  eachLane<uint64_t>(w, in.d, [](unsigned) { return uint64_t(0); });
}

/// The 128 bytes must be global memory: f(lane, address, place).
template <typename F>
void eachCacheLine(Warp &w, const Instr &in, F f) {
  w.forActive([&](unsigned lane) {
    if (w.cta.failed())
      return;
    uint64_t address = addressOf(w, in, lane);
    Place place = resolve(w, in.space, lane, address, lineBytes);
    if (place.data && place.space != MemorySpace::Global)
      w.report(FindingKind::OutOfBounds, lane, address,
               "expected an address of global memory");
    else if (place.data)
      f(lane, address, place);
  });
}

void applyPriority(Warp &w, const Instr &in) {
  eachCacheLine(w, in, [](unsigned, uint64_t, const Place &) {});
}

void discard(Warp &w, const Instr &in) {
  ++w.cta.cluster.effects;
  eachCacheLine(w, in, [&](unsigned lane, uint64_t address, Place &place) {
    if (!checkSettled(w, place, lane, address, lineBytes, true))
      return;
    std::memset(place.shadow, 0, lineBytes);
  });
}

void taintAddress(Warp &w, const Instr &in) { addressIsClean(w, in); }

/// The primary one, and perhaps a secondary one behind it.
bool takePriorities(Decoder &d) {
  std::string_view first;
  for (std::string_view q : d.qualifiers)
    if (first.empty() && q.starts_with("L2::evict_"))
      first = q;
  if (first != "L2::evict_last" && first != "L2::evict_normal" &&
      first != "L2::evict_first" && first != "L2::evict_unchanged")
    return false;
  d.take(first);
  d.takeOneOf({"L2::evict_first", "L2::evict_unchanged"});
  return true;
}

void decodeFraction(Decoder &d) {
  size_t count = d.source->operands.size();
  if (!takePriorities(d) || (count != 1 && count != 2))
    return d.fail("expected createpolicy.fractional.L2::priority.b64 d{, "
                  "fraction}");
  if (count == 1)
    return;
  d.slot(1, Type::F32);
  const ptx::Operand &given = d.operand(1);
  double value = given.floatBits == 32
                     ? std::bit_cast<float>(static_cast<uint32_t>(given.bits))
                     : std::bit_cast<double>(given.bits);
  if (given.kind == ptx::Operand::Float && !(value > 0 && value <= 1))
    d.fail("expected a fraction above 0, at most 1");
}

void decodeRange(Decoder &d) {
  if (!takePriorities(d) || !isGlobalOrGeneric(takeSpace(d)))
    return d.fail("expected createpolicy.range{.global}.L2::priority.b64");
  if (!d.operands(4))
    return;
  d.address(1);
  d.slot(2, Type::U32);
  d.slot(3, Type::U32);
}

void decodePolicy(Decoder &d) {
  int form = d.takeOneOf({"fractional", "range", "cvt"});
  if (form < 0 || d.takeType() != Type::B64)
    return d.fail("expected createpolicy.fractional, .range or .cvt, and .b64");
  if (form == 0)
    decodeFraction(d);
  else if (form == 1)
    decodeRange(d);
  else if (!d.take("L2"))
    d.fail("expected createpolicy.cvt.L2.b64");
  else if (d.operands(2))
    d.slot(1, Type::B64);
  if (!d.error.empty())
    return;
  d.out.run = policy;
  d.out.taint = taintClear;
  d.out.d = d.destination(0, Type::B64);
}

/// [address], 128
void decodeLine(Decoder &d, const char *level, Handler run) {
  d.out.space = takeSpace(d);
  if (!isGlobalOrGeneric(d.out.space) || !d.take(level))
    return d.fail(std::string("expected .global and .") + level);
  if (!d.operands(2))
    return;
  d.address(0);
  if (d.immediate(1) != lineBytes)
    d.fail("expected 128 bytes");
  d.out.run = run;
  d.out.taint = taintAddress;
}

} // namespace

void nybl::emu::addCacheOpcodes(OpcodeTable &table) {
  table["createpolicy"] = decodePolicy;
  table["applypriority"] = [](Decoder &d) {
    decodeLine(d, "L2::evict_normal", applyPriority);
  };
  table["discard"] = [](Decoder &d) { decodeLine(d, "L2", discard); };
}
