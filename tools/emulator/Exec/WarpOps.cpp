// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Exchange and agreement between the lanes of a warp.

#include "tools/emulator/Exec/Float.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/Marks.h"

using namespace nybl::emu;

namespace {

/// Lanes of one instruction may belong to different groups: f(lanes) for each.
template <typename F>
void eachGroup(Warp &w, const Instr &in, F f) {
  const uint32_t *members = w.w(in.members);
  for (uint32_t rest = w.active; rest;) {
    uint32_t mask = members[__builtin_ctz(rest)], group = 0;
    for (uint32_t m = rest; m; m &= m - 1)
      if (members[__builtin_ctz(m)] == mask)
        group |= m & (~m + 1);
    rest &= ~group;
    f(group);
  }
}

void putLanes(uint32_t *to, uint32_t lanes, uint32_t value) {
  for (; lanes; lanes &= lanes - 1)
    to[__builtin_ctz(lanes)] = value;
}

void takeMembers(Decoder &d, size_t operand) {
  d.out.members = d.slot(operand, Type::B32);
  d.out.sync = Sync::Members;
}

/// mode: 0 up, 1 down, 2 bfly, 3 idx. a value, b lane, c clamp and segments,
/// e: the predicate.
bool shuffleSource(uint8_t mode, unsigned lane, uint32_t b, uint32_t c,
                   unsigned &from) {
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
  uint32_t before[32], inside = 0;
  std::memcpy(before, w.w(in.a), sizeof before);
  const uint32_t *b = w.w(in.b), *c = w.w(in.c);
  uint32_t *to = w.w(in.d);
  w.forActive([&](unsigned lane) {
    unsigned from = 0;
    inside |= uint32_t(shuffleSource(in.mode, lane, b[lane], c[lane], from))
              << lane;
    to[lane] = before[from & 31];
  });
  if (in.e != noSlot) {
    uint32_t &p = w.predicate(in.e);
    p = (p & ~w.active) | inside;
  }
}

/// The lanes whose value another lane may take are all 32.
bool everyLaneIsThere(Warp &w, const Instr &in) {
  const uint32_t *members = w.w(in.members);
  uint32_t all = w.lanes;
  for (unsigned lane = 0; lane < 32; ++lane)
    all &= members[lane];
  return all == allLanes;
}

/// What comes from a lane outside of the member mask, or from one that has
/// ended, is undefined: it counts as marked, so that using it is a finding.
void taintShuffle(Warp &w, const Instr &in) {
  bool allDefined = w.cta.config.recorder || everyLaneIsThere(w, in);
  if (isCleanResult(w, in) && allDefined) {
    if (in.e != noSlot)
      clearMarks(w, in.e);
    return;
  }
  uint16_t before[32];
  std::memcpy(before, w.taint(in.a), sizeof before);
  const uint32_t *b = w.w(in.b), *c = w.w(in.c), *members = w.w(in.members);
  w.forActive([&](unsigned lane) {
    unsigned from = 0;
    shuffleSource(in.mode, lane, b[lane], c[lane], from);
    bool steered = w.taint(in.b)[lane] || w.taint(in.c)[lane];
    bool isDefined = allDefined || members[lane] & w.lanes & 1u << (from & 31);
    w.taint(in.d)[lane] = steered || !isDefined ? 0xff : before[from & 31];
    if (in.e != noSlot)
      w.taint(in.e)[lane] = steered;
  });
}

void decodeShuffle(Decoder &d) {
  bool sync = d.take("sync");
  int mode = d.takeOneOf({"up", "down", "bfly", "idx"});
  if (mode < 0 || !sync || d.takeType() != Type::B32)
    return d.fail("expected shfl.sync.up, down, bfly or idx");
  if (!d.operands(5))
    return;
  if (d.operand(0).kind == ptx::Operand::Sink)
    return d.fail("the destination of shfl cannot be left out");
  d.out.run = shuffle;
  d.out.taint = taintShuffle;
  d.out.mode = static_cast<uint8_t>(mode);
  d.out.d = d.destination(0, Type::B32);
  d.out.e = d.second(0, Type::Pred);
  d.out.a = d.slot(1, Type::B32);
  d.out.b = d.slot(2, Type::B32);
  d.out.c = d.slot(3, Type::B32);
  takeMembers(d, 4);
}

/// mode: 0 all, 1 any, 2 uni, 3 ballot.
void vote(Warp &w, const Instr &in) {
  uint32_t p = w.predicate(in.a);
  eachGroup(w, in, [&](uint32_t group) {
    uint32_t yes = p & group;
    if (in.mode == 3)
      return putLanes(w.w(in.d), group, yes);
    bool result = in.mode == 0   ? yes == group
                  : in.mode == 1 ? yes != 0
                                 : yes == 0 || yes == group;
    uint32_t &d = w.predicate(in.d);
    d = (d & ~group) | (result ? group : 0);
  });
}

/// Any marked lane of a group marks its results.
void taintReduce(Warp &w, const Instr &in) {
  const uint16_t *a = w.taint(in.a);
  eachGroup(w, in, [&](uint32_t group) {
    uint16_t any = 0;
    for (uint32_t m = group; m; m &= m - 1)
      any |= a[__builtin_ctz(m)];
    for (uint32_t m = group; m; m &= m - 1) {
      w.taint(in.d)[__builtin_ctz(m)] = any ? 0xff : 0;
      if (in.e != noSlot)
        w.taint(in.e)[__builtin_ctz(m)] = any ? 0xff : 0;
    }
  });
}

void decodeVote(Decoder &d) {
  bool sync = d.take("sync");
  int mode = d.takeOneOf({"all", "any", "uni", "ballot"});
  Type type = d.takeType();
  if (mode < 0 || !sync || type != (mode == 3 ? Type::B32 : Type::Pred))
    return d.fail("expected vote.sync.all, any or uni of .pred, or "
                  "vote.sync.ballot.b32");
  if (!d.operands(3))
    return;
  d.out.run = vote;
  d.out.taint = taintReduce;
  d.out.mode = static_cast<uint8_t>(mode);
  d.out.d = d.result(0, type);
  d.out.a = d.predicate(1);
  takeMembers(d, 2);
}

/// mode: 0 add, 1 min, 2 max, 3 and, 4 or, 5 xor.
uint32_t reducePair(const Instr &in, uint32_t x, uint32_t y) {
  bool less = in.isSigned ? int32_t(x) < int32_t(y) : x < y;
  switch (in.mode) {
  case 0:
    return x + y;
  case 1:
    return less ? x : y;
  case 2:
    return less ? y : x;
  case 3:
    return x & y;
  case 4:
    return x | y;
  default:
    return x ^ y;
  }
}

void reduce(Warp &w, const Instr &in) {
  uint32_t a[32];
  std::memcpy(a, w.w(in.a), sizeof a);
  eachGroup(w, in, [&](uint32_t group) {
    uint32_t result = a[__builtin_ctz(group)];
    for (uint32_t m = group & (group - 1); m; m &= m - 1)
      result = reducePair(in, result, a[__builtin_ctz(m)]);
    putLanes(w.w(in.d), group, result);
  });
}

/// redux.sync.min and .max of f32: NaNs lose, with .NaN one of them wins.
void reduceFloat(Warp &w, const Instr &in) {
  float a[32];
  std::memcpy(a, w.w(in.a), sizeof a);
  eachGroup(w, in, [&](uint32_t group) {
    float result = a[__builtin_ctz(group)];
    if (in.imm & absBit)
      result = std::fabs(result);
    for (uint32_t m = group & (group - 1); m; m &= m - 1)
      result = extreme(result, a[__builtin_ctz(m)], in.flag, in.imm);
    putLanes(w.w(in.d), group,
             result != result ? 0x7fffffffu : std::bit_cast<uint32_t>(result));
  });
}

void decodeReduxFloat(Decoder &d, int mode) {
  int64_t flags = (d.take("abs") ? absBit : 0) | (d.take("NaN") ? nanBit : 0);
  if ((mode != 1 && mode != 2) || d.target().major != 10 || !d.target().family)
    return d.fail("expected redux.sync.min or max of .f32 on a chip of the "
                  "sm_100 family, for a target with suffix");
  if (!d.operands(3))
    return;
  d.out.run = reduceFloat;
  d.out.taint = taintReduce;
  d.out.d = d.result(0, Type::F32);
  d.out.a = d.slot(1, Type::F32);
  d.out.flag = mode == 2;
  d.out.imm = flags;
  takeMembers(d, 2);
}

void decodeRedux(Decoder &d) {
  bool sync = d.take("sync");
  int mode = d.takeOneOf({"add", "min", "max", "and", "or", "xor"});
  Type type = d.takeType();
  if (sync && type == Type::F32)
    return decodeReduxFloat(d, mode);
  bool fits =
      mode >= 3 ? type == Type::B32 : type == Type::U32 || type == Type::S32;
  if (mode < 0 || !sync || !fits)
    return d.fail("expected redux.sync.add, min or max of .u32 or .s32, or "
                  "and, or, xor of .b32");
  d.simple(reduce, taintReduce, type, 3);
  d.out.mode = static_cast<uint8_t>(mode);
  d.out.isSigned = isSignedType(type);
  if (d.error.empty())
    takeMembers(d, 2);
}

/// mode: 0 any (lanes with this lane's value), 1 all (the group, if of one
/// value; e says whether).
template <typename T>
void match(Warp &w, const Instr &in) {
  LaneOf<T> a[32];
  std::memcpy(a, lanesOf<T>(w, in.a), sizeof a);
  eachGroup(w, in, [&](uint32_t group) {
    bool one = true;
    for (uint32_t m = group; m; m &= m - 1) {
      auto lane = static_cast<unsigned>(__builtin_ctz(m));
      uint32_t same = 0;
      for (uint32_t k = group; k; k &= k - 1)
        same |= a[__builtin_ctz(k)] == a[lane] ? k & (~k + 1) : 0;
      one &= same == group;
      w.w(in.d)[lane] = same;
    }
    if (in.mode == 0)
      return;
    putLanes(w.w(in.d), group, one ? group : 0);
    if (in.e != noSlot) {
      uint32_t &p = w.predicate(in.e);
      p = (p & ~group) | (one ? group : 0);
    }
  });
}

void decodeMatch(Decoder &d) {
  int mode = d.takeOneOf({"any", "all"});
  bool sync = d.take("sync");
  Type type = d.takeType();
  if (mode < 0 || !sync || (type != Type::B32 && type != Type::B64))
    return d.fail("expected match.any.sync or match.all.sync of .b32 or .b64");
  d.simple(type == Type::B64 ? match<uint64_t> : match<uint32_t>, taintReduce,
           {Type::B32, type, Type::B32, Type::None}, 3);
  if (!d.error.empty())
    return;
  d.out.mode = static_cast<uint8_t>(mode);
  d.out.e = d.second(0, Type::Pred);
  if (mode == 0 && d.out.e != noSlot)
    return d.fail("match.any has no predicate");
  takeMembers(d, 2);
}

/// The lowest lane of each group is elected.
void elect(Warp &w, const Instr &in) {
  eachGroup(w, in, [&](uint32_t group) {
    putLanes(w.w(in.d), group, static_cast<uint32_t>(__builtin_ctz(group)));
    if (in.e != noSlot) {
      uint32_t &p = w.predicate(in.e);
      p = (p & ~group) | (group & (~group + 1));
    }
  });
}

void decodeElect(Decoder &d) {
  if (!d.take("sync"))
    return d.fail("expected elect.sync");
  if (!d.operands(2))
    return;
  d.out.run = elect;
  d.out.taint = taintClear;
  d.out.d = d.destination(0, Type::B32);
  d.out.e = d.second(0, Type::Pred);
  if (d.out.e == noSlot)
    return d.fail("expected a predicate after the destination");
  takeMembers(d, 1);
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
  table["match"] = decodeMatch;
  table["elect"] = decodeElect;
  table["activemask"] = [](Decoder &d) {
    if (d.takeType() != Type::B32 || !d.operands(1))
      return d.fail("expected activemask.b32");
    d.out.run = activeMask;
    d.out.taint = taintClear;
    d.out.d = d.result(0, Type::B32);
  };
}
