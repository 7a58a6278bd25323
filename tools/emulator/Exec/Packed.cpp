// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two 16-bit integers in a lane, and what clamps: .relu of min and max, .sat of
// mad.hi.

#include "tools/emulator/Exec/Decode.h"
#include "tools/emulator/Exec/Lane.h"

#include <algorithm>

using namespace nybl::emu;

namespace {

enum Operation : uint8_t { PAdd, PMinimum, PMaximum };

/// flag: relu
template <typename T>
T packedResult(const Instr &in, T a, T b) {
  T r = in.mode == PAdd       ? T(uint32_t(a) + uint32_t(b))
        : in.mode == PMinimum ? std::min(a, b)
                              : std::max(a, b);
  return in.flag ? std::max(r, T(0)) : r;
}

template <typename T>
void packed(Warp &w, const Instr &in) {
  const uint32_t *a = w.w(in.a), *b = w.w(in.b);
  eachLane<uint32_t>(w, in.d, [&](unsigned i) {
    uint32_t low = uint16_t(packedResult(in, T(a[i]), T(b[i])));
    uint32_t high = uint16_t(packedResult(in, T(a[i] >> 16), T(b[i] >> 16)));
    return low | high << 16;
  });
}

void clampedExtreme(Warp &w, const Instr &in) {
  const uint32_t *a = w.w(in.a), *b = w.w(in.b);
  eachLane<int32_t>(w, in.d, [&](unsigned i) {
    return packedResult(in, int32_t(a[i]), int32_t(b[i]));
  });
}

void multiplyAddHighSaturated(Warp &w, const Instr &in) {
  const uint32_t *a = w.w(in.a), *b = w.w(in.b), *c = w.w(in.c);
  eachLane<int32_t>(w, in.d, [&](unsigned i) {
    int64_t high = (int64_t(int32_t(a[i])) * int32_t(b[i])) >> 32;
    int64_t sum = high + int32_t(c[i]);
    return int32_t(std::clamp<int64_t>(sum, INT32_MIN, INT32_MAX));
  });
}

} // namespace

namespace nybl::emu {

/// add, min and max of .u16x2 or .s16x2, or with .relu: false if neither.
bool decodePacked(Decoder &d) {
  auto has = [&](std::string_view q) {
    return std::find(d.qualifiers.begin(), d.qualifiers.end(), q) !=
           d.qualifiers.end();
  };
  if (!has("relu") && !has("u16x2") && !has("s16x2"))
    return false;
  bool relu = d.take("relu");
  Type type = d.takeType();
  bool pair = type == Type::U16x2 || type == Type::S16x2;
  bool good =
      d.base == "add" ? pair && !relu : d.base == "min" || d.base == "max";
  if (!good || (relu && type != Type::S16x2 && type != Type::S32)) {
    d.fail("the type does not fit this instruction");
    return true;
  }
  d.simple(!pair                 ? clampedExtreme
           : type == Type::S16x2 ? packed<int16_t>
                                 : packed<uint16_t>,
           pair ? taintHalves : taintAny, type, 3);
  d.out.mode = d.base == "add" ? PAdd : d.base == "min" ? PMinimum : PMaximum;
  d.out.flag = relu;
  return true;
}

/// mad.hi.sat.s32: false if it is none.
bool decodeMultiplyAddSaturated(Decoder &d) {
  if (!d.take("sat"))
    return false;
  if (!d.take("hi") || d.takeType() != Type::S32)
    d.fail(".sat of mad belongs to mad.hi.s32");
  d.simple(multiplyAddHighSaturated, taintAny, Type::S32, 4);
  return true;
}

} // namespace nybl::emu
