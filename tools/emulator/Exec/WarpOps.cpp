// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exchange and agreement between the lanes of a warp.

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"

using namespace nybl::emu;

namespace {

/// The lanes of the member mask must all be here: the rest would wait for ever
/// under this schedule.
bool membersPresent(Warp &w, Slot members) {
  bool present = true;
  w.forActive([&](unsigned lane) {
    uint32_t mask = w.w(members)[lane] & w.lanes;
    if (present && mask & ~w.active) {
      present = false;
      w.report(FindingKind::BarrierMisuse, lane, 0,
               "lanes of the member mask are not here");
    }
  });
  return present;
}

/// mode: 0 up, 1 down, 2 bfly, 3 idx. a value, b lane, c clamp and segments,
/// e members; imm: slot of the predicate or -1.
bool shuffleSource(const Warp &w, uint8_t mode, unsigned lane, uint32_t b,
                   uint32_t c, unsigned &from) {
  (void)w;
  uint32_t value = b & 31, clamp = c & 31, segment = c >> 8 & 31;
  uint32_t maxLane = (lane & segment) | (clamp & ~segment);
  uint32_t minLane = lane & segment;
  bool inside = false;
  switch (mode) {
  case 0:
    from = lane - value;
    inside = static_cast<int>(from) >= static_cast<int>(maxLane);
    break;
  case 1:
    from = lane + value;
    inside = from <= maxLane;
    break;
  case 2:
    from = lane ^ value;
    inside = from <= maxLane;
    break;
  default:
    from = minLane | (value & ~segment);
    inside = from <= maxLane;
    break;
  }
  if (!inside)
    from = lane;
  return inside;
}

void shuffle(Warp &w, const Instr &in) {
  if (in.e != noSlot && !membersPresent(w, in.e))
    return;
  uint32_t before[32], inside = 0;
  std::memcpy(before, w.w(in.a), sizeof before);
  const uint32_t *b = w.w(in.b), *c = w.w(in.c);
  uint32_t *to = w.w(in.d);
  w.forActive([&](unsigned lane) {
    unsigned from = 0;
    inside |= uint32_t(shuffleSource(w, in.mode, lane, b[lane], c[lane], from))
              << lane;
    to[lane] = before[from & 31];
  });
  if (in.imm >= 0) {
    uint32_t &p = w.predicate(static_cast<Slot>(in.imm));
    p = (p & ~w.active) | inside;
  }
}

void taintShuffle(Warp &w, const Instr &in) {
  uint16_t before[32];
  std::memcpy(before, w.taint(in.a), sizeof before);
  const uint32_t *b = w.w(in.b), *c = w.w(in.c);
  w.forActive([&](unsigned lane) {
    unsigned from = 0;
    shuffleSource(w, in.mode, lane, b[lane], c[lane], from);
    w.taint(in.d)[lane] = w.taint(in.b)[lane] ? 0xff : before[from & 31];
    if (in.imm >= 0)
      w.taint(static_cast<Slot>(in.imm))[lane] = 0;
  });
}

void decodeShuffle(Decoder &d) {
  bool sync = d.take("sync");
  int mode = d.takeOneOf({"up", "down", "bfly", "idx"});
  d.takeType();
  if (mode < 0 || !sync)
    return d.fail("expected shfl.sync.up, down, bfly or idx");
  if (!d.operands(5))
    return;
  d.out.run = shuffle;
  d.out.taint = taintShuffle;
  d.out.mode = static_cast<uint8_t>(mode);
  d.out.d = d.destination(0);
  d.out.imm = d.operand(0).second;
  d.out.a = d.slot(1, Type::B32);
  d.out.b = d.slot(2, Type::B32);
  d.out.c = d.slot(3, Type::B32);
  d.out.e = d.slot(4, Type::B32);
}

/// mode: 0 all, 1 any, 2 uni, 3 ballot. flag: the source predicate is negated.
void vote(Warp &w, const Instr &in) {
  if (!membersPresent(w, in.b))
    return;
  uint32_t p = w.predicate(in.a) ^ (in.flag ? ~0u : 0u);
  uint32_t members = w.w(in.b)[__builtin_ctz(w.active)] & w.active;
  uint32_t yes = p & members;
  if (in.mode == 3) {
    eachLane<uint32_t>(w, in.d, [&](unsigned) { return yes; });
    return;
  }
  bool result = in.mode == 0   ? yes == members
                : in.mode == 1 ? yes != 0
                               : yes == 0 || yes == members;
  uint32_t &d = w.predicate(in.d);
  d = (d & ~w.active) | (result ? w.active : 0);
}

/// Any marked lane marks every result.
void taintReduce(Warp &w, const Instr &in) {
  uint16_t any = 0;
  w.forActive([&](unsigned lane) { any |= w.taint(in.a)[lane]; });
  w.forActive([&](unsigned lane) { w.taint(in.d)[lane] = any ? 0xff : 0; });
}

void decodeVote(Decoder &d) {
  bool sync = d.take("sync");
  int mode = d.takeOneOf({"all", "any", "uni", "ballot"});
  d.takeType();
  if (mode < 0 || !sync)
    return d.fail("expected vote.sync.all, any, uni or ballot");
  if (!d.operands(3))
    return;
  bool negated = false;
  d.out.run = vote;
  d.out.taint = taintReduce;
  d.out.mode = static_cast<uint8_t>(mode);
  d.out.d = d.destination(0);
  d.out.a = d.predicate(1, &negated);
  d.out.flag = negated;
  d.out.b = d.slot(2, Type::B32);
}

/// mode: 0 add, 1 min, 2 max, 3 and, 4 or, 5 xor.
void reduce(Warp &w, const Instr &in) {
  if (!membersPresent(w, in.b))
    return;
  uint32_t members = w.w(in.b)[__builtin_ctz(w.active)] & w.active;
  const uint32_t *a = w.w(in.a);
  uint32_t result = a[__builtin_ctz(members)];
  bool first = true;
  for (uint32_t m = members; m; m &= m - 1) {
    uint32_t v = a[__builtin_ctz(m)];
    if (first) {
      first = false;
      continue;
    }
    bool less = in.isSigned ? int32_t(v) < int32_t(result) : v < result;
    switch (in.mode) {
    case 0:
      result += v;
      break;
    case 1:
      result = less ? v : result;
      break;
    case 2:
      result = less ? result : v;
      break;
    case 3:
      result &= v;
      break;
    case 4:
      result |= v;
      break;
    default:
      result ^= v;
      break;
    }
  }
  eachLane<uint32_t>(w, in.d, [&](unsigned) { return result; });
}

void decodeRedux(Decoder &d) {
  d.take("sync");
  int mode = d.takeOneOf({"add", "min", "max", "and", "or", "xor"});
  Type type = d.takeType();
  if (mode < 0 || isFloatType(type))
    return d.fail("the emulator knows redux of integers");
  d.simple(reduce, taintReduce, type, 3);
  d.out.mode = static_cast<uint8_t>(mode);
  d.out.isSigned = isSignedType(type);
}

void match(Warp &w, const Instr &in) {
  if (!membersPresent(w, in.b))
    return;
  const uint32_t *a = w.w(in.a);
  uint32_t before[32];
  std::memcpy(before, a, sizeof before);
  eachLane<uint32_t>(w, in.d, [&](unsigned lane) {
    uint32_t same = 0;
    for (uint32_t m = w.active; m; m &= m - 1)
      if (before[__builtin_ctz(m)] == before[lane])
        same |= m & (~m + 1);
    return same;
  });
}

/// The lowest lane of the mask is elected.
void elect(Warp &w, const Instr &in) {
  uint32_t members = w.w(in.a)[__builtin_ctz(w.active)] & w.active;
  uint32_t leader = static_cast<uint32_t>(__builtin_ctz(members));
  eachLane<uint32_t>(w, in.d, [&](unsigned) { return leader; });
  if (in.e != noSlot) {
    uint32_t &p = w.predicate(in.e);
    p = (p & ~w.active) | (members & (~members + 1));
  }
}

void activeMask(Warp &w, const Instr &in) {
  uint32_t mask = w.active;
  eachLane<uint32_t>(w, in.d, [&](unsigned) { return mask; });
}

} // namespace

void nybl::emu::addWarpOpcodes(OpcodeTable &table) {
  table["shfl"] = decodeShuffle;
  table["vote"] = decodeVote;
  table["redux"] = decodeRedux;
  table["match"] = [](Decoder &d) {
    if (!d.take("any") || !d.take("sync") || d.takeType() != Type::B32)
      return d.fail("the emulator knows match.any.sync.b32");
    d.simple(match, taintReduce, Type::B32, 3);
  };
  table["elect"] = [](Decoder &d) {
    d.take("sync");
    if (!d.operands(2))
      return;
    d.out.run = elect;
    d.out.d = d.destination(0);
    if (d.operand(0).second >= 0)
      d.out.e = static_cast<Slot>(d.operand(0).second);
    d.out.a = d.slot(1, Type::B32);
  };
  table["activemask"] = [](Decoder &d) {
    d.takeType();
    if (!d.operands(1))
      return;
    d.out.run = activeMask;
    d.out.d = d.destination(0);
  };
}
