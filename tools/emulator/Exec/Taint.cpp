// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How marks travel: one bit for each nibble of each lane. Moves, logic, shifts
// and permutes are exact; arithmetic smears upward; the rest marks everything.

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"
#include "tools/emulator/Exec/Marks.h"

using namespace nybl::emu;

static uint16_t allNibbles(const Instr &in) {
  unsigned nibbles = std::min<unsigned>(in.bytes * 2, 16);
  return static_cast<uint16_t>((1u << nibbles) - 1);
}

static uint16_t *optional(Warp &w, Slot slot) {
  return slot == noSlot ? nullptr : w.taint(slot);
}

void nybl::emu::taintCopy(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  uint16_t *to = w.taint(in.d), *a = w.taint(in.a);
  w.forActive([&](unsigned i) { to[i] = a[i]; });
}

void nybl::emu::taintTruncate(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  uint16_t *to = w.taint(in.d), *a = w.taint(in.a), keep = allNibbles(in);
  w.forActive([&](unsigned i) { to[i] = a[i] & keep; });
}

void nybl::emu::taintAny(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  uint16_t *to = w.taint(in.d), all = allNibbles(in);
  uint16_t *a = optional(w, in.a), *b = optional(w, in.b),
           *c = optional(w, in.c);
  w.forActive([&](unsigned i) {
    to[i] = (a && a[i]) || (b && b[i]) || (c && c[i]) ? all : 0;
  });
}

void nybl::emu::taintHalves(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  uint16_t *to = w.taint(in.d);
  unsigned nibbles = in.bytes;
  auto low = static_cast<uint16_t>((1u << nibbles) - 1);
  uint16_t *a = optional(w, in.a), *b = optional(w, in.b),
           *c = optional(w, in.c);
  w.forActive([&](unsigned i) {
    unsigned t = (a ? a[i] : 0) | (b ? b[i] : 0) | (c ? c[i] : 0);
    to[i] = static_cast<uint16_t>((t & low ? low : 0) |
                                  (t >> nibbles & low ? low << nibbles : 0));
  });
}

void nybl::emu::taintUpward(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  uint16_t *to = w.taint(in.d), all = allNibbles(in);
  uint16_t *a = optional(w, in.a), *b = optional(w, in.b),
           *c = optional(w, in.c);
  w.forActive([&](unsigned i) {
    unsigned t = (a ? a[i] : 0) | (b ? b[i] : 0) | (c ? c[i] : 0);
    to[i] = t ? static_cast<uint16_t>(all & ~((t & (~t + 1)) - 1)) : 0;
  });
}

static uint64_t valueOf(Warp &w, const Instr &in, Slot slot, unsigned lane) {
  return in.bytes == 8 ? w.q(slot)[lane] : w.w(slot)[lane];
}

/// Nibbles of `value` that equal `nibble` and are not marked.
static uint16_t cleanNibbles(uint64_t value, uint16_t taint, unsigned nibble) {
  uint16_t result = 0;
  for (unsigned i = 0; i < 16; ++i)
    if ((value >> (4 * i) & 15) == nibble)
      result |= 1u << i;
  return result & ~taint;
}

/// A clean 0 decides an and, a clean 15 an or, whatever the other side holds.
template <unsigned decisive>
static void taintDecided(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  uint16_t *to = w.taint(in.d), *a = w.taint(in.a), *b = w.taint(in.b);
  w.forActive([&](unsigned i) {
    unsigned t = a[i] | b[i];
    if (t) {
      t &= ~cleanNibbles(valueOf(w, in, in.a, i), a[i], decisive);
      t &= ~cleanNibbles(valueOf(w, in, in.b, i), b[i], decisive);
    }
    to[i] = static_cast<uint16_t>(t);
  });
}

void nybl::emu::taintAnd(Warp &w, const Instr &in) { taintDecided<0>(w, in); }
void nybl::emu::taintOr(Warp &w, const Instr &in) { taintDecided<15>(w, in); }

void nybl::emu::taintXor(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  uint16_t *to = w.taint(in.d), *a = w.taint(in.a), *b = w.taint(in.b);
  w.forActive([&](unsigned i) { to[i] = a[i] | b[i]; });
}

void nybl::emu::taintShift(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  uint16_t *to = w.taint(in.d), *a = w.taint(in.a), *b = w.taint(in.b);
  uint16_t all = allNibbles(in);
  const uint32_t *amount = w.w(in.b);
  w.forActive([&](unsigned i) {
    if (b[i]) {
      to[i] = all;
      return;
    }
    uint32_t n = std::min(amount[i], 64u), low = n / 4, high = (n + 3) / 4;
    uint32_t t = a[i];
    t = in.flag ? (t >> low) | (t >> high) : (t << low) | (t << high);
    // An arithmetic shift copies the sign downward.
    if (in.flag && in.isSigned && (a[i] & ((all >> 1) + 1)))
      t |= all;
    to[i] = static_cast<uint16_t>(t & all);
  });
}

void nybl::emu::taintPermute(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  uint16_t *to = w.taint(in.d), *a = w.taint(in.a), *b = w.taint(in.b);
  uint16_t *c = w.taint(in.c);
  const uint32_t *selector = w.w(in.c);
  w.forActive([&](unsigned i) {
    uint32_t both = (a[i] & 0xffu) | (b[i] & 0xffu) << 8, t = 0;
    for (unsigned k = 0; k < 4; ++k) {
      uint32_t pick = selector[i] >> (4 * k),
               two = both >> (2 * (pick & 7)) & 3;
      t |= (pick & 8 && two ? 3 : two) << (2 * k);
    }
    to[i] = static_cast<uint16_t>(c[i] ? 0xff : t);
  });
}

void nybl::emu::taintSelect(Warp &w, const Instr &in) {
  if (isCleanResult(w, in))
    return;
  uint16_t *to = w.taint(in.d), *a = w.taint(in.a), *b = w.taint(in.b);
  uint16_t *p = w.taint(in.c);
  uint32_t chosen = w.predicate(in.c);
  uint16_t all = allNibbles(in);
  w.forActive([&](unsigned i) {
    to[i] = p[i] ? all : chosen >> i & 1 ? a[i] : b[i];
  });
}

void nybl::emu::taintCompare(Warp &w, const Instr &in) {
  if (!anyMarks(w, in.a) && !anyMarks(w, in.b) && !anyMarks(w, in.c))
    return taintClear(w, in);
  uint16_t *a = w.taint(in.a), *b = w.taint(in.b), *c = optional(w, in.c);
  w.forActive([&](unsigned i) {
    uint16_t t = a[i] || b[i] || (c && c[i]) ? 1 : 0;
    if (in.d != noSlot)
      w.taint(in.d)[i] = t;
    if (in.e != noSlot)
      w.taint(in.e)[i] = t;
  });
}

void nybl::emu::taintClear(Warp &w, const Instr &in) {
  for (Slot slot : {in.d, in.e})
    if (slot != noSlot)
      clearMarks(w, slot);
}
