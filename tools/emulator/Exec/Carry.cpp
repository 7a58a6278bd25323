// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Extended precision: add.cc, addc, sub.cc, subc, mad.cc and madc. The carry
// flag is a predicate of its own; a subtraction sets it where nothing was
// borrowed.

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"

using namespace nybl::emu;

namespace {

/// e: the carry flag. mode: bit 0 takes it, bit 1 sets it; bits 2..3: 0 add,
/// 1 sub, 2 mad.lo, 3 mad.hi.
template <typename T>
void carried(Warp &w, const Instr &in) {
  using U = std::make_unsigned_t<T>;
  using W = std::conditional_t<sizeof(T) == 8, unsigned __int128, uint64_t>;
  using S = std::conditional_t<sizeof(T) == 8, __int128, int64_t>;
  using P = std::conditional_t<std::is_signed_v<T>, S, W>;
  constexpr unsigned width = sizeof(T) * 8;
  unsigned kind = in.mode >> 2;
  const auto *a = lanesOf<T>(w, in.a), *b = lanesOf<T>(w, in.b);
  const auto *c = in.c == noSlot ? b : lanesOf<T>(w, in.c);
  uint32_t before = in.mode & 1 ? w.predicate(in.e) : 0, after = 0;
  eachLane<T>(w, in.d, [&](unsigned i) {
    U x = U(a[i]), y = U(b[i]);
    if (kind >= 2) {
      W product = W(P(T(a[i])) * P(T(b[i])));
      x = U(kind == 3 ? product >> width : product);
      y = U(c[i]);
    }
    // A subtraction adds the complement and one.
    W carry = in.mode & 1 ? before >> i & 1 : kind == 1;
    W sum = W(x) + W(kind == 1 ? U(~y) : y) + carry;
    after |= uint32_t(sum >> width & 1) << i;
    return T(sum);
  });
  if (in.mode & 2)
    w.predicate(in.e) = (w.predicate(in.e) & ~w.active) | (after & w.active);
}

void taintCarried(Warp &w, const Instr &in) {
  uint16_t *flag = w.taint(in.e), before[32];
  std::memcpy(before, flag, sizeof before);
  taintAny(w, in);
  uint16_t all = in.bytes == 8 ? 0xffff : 0xff, *to = w.taint(in.d);
  w.forActive([&](unsigned i) {
    if (in.mode & 1 && before[i])
      to[i] = all;
    if (in.mode & 2)
      flag[i] = to[i] != 0;
  });
}

} // namespace

namespace nybl::emu {

/// add, sub, mad and their forms with a carry in: true if a flag is involved.
bool decodeCarry(Decoder &d) {
  bool in = d.base == "addc" || d.base == "subc" || d.base == "madc";
  bool out = d.take("cc");
  if (!in && !out)
    return false;
  bool product = d.base.substr(0, 3) == "mad";
  int part = product ? d.takeOneOf({"lo", "hi"}) : 0;
  Type type = d.takeType();
  Handler handler = byInteger(type, []<typename T>() -> Handler {
    if constexpr (sizeof(T) < 4)
      return nullptr; // of .u16, which ptxas takes, PTX says nothing
    else
      return carried<T>;
  });
  if (!handler || part < 0 || type == Type::B32 || type == Type::B64) {
    d.fail("expected 32 or 64 bits, and .lo or .hi of a product");
    return true;
  }
  d.simple(handler, taintCarried, type, product ? 4 : 3);
  d.out.e = d.carry();
  unsigned kind = product ? 2 + part : d.base.substr(0, 3) == "sub";
  d.out.mode = static_cast<uint8_t>(in | out << 1 | kind << 2);
  return true;
}

} // namespace nybl::emu

void nybl::emu::addCarryOpcodes(OpcodeTable &table) {
  for (const char *name : {"addc", "subc", "madc"})
    table[name] = [](Decoder &d) { decodeCarry(d); };
}
