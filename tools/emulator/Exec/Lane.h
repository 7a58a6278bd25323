// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From an operation on values to a handler on 32 lanes.
#ifndef NYBL_EMULATOR_EXEC_LANE_H
#define NYBL_EMULATOR_EXEC_LANE_H

#include "tools/emulator/Exec/Warp.h"
#include <bit>
#include <cstring>
#include <type_traits>

namespace nybl::emu {

/// The lane a value of type T lives in.
template <typename T>
using LaneOf = std::conditional_t<sizeof(T) == 8, uint64_t, uint32_t>;

template <typename T>
inline T fromLane(LaneOf<T> lane) {
  if constexpr (std::is_floating_point_v<T>)
    return std::bit_cast<T>(lane);
  else
    return static_cast<T>(lane);
}

template <typename T>
inline LaneOf<T> toLane(T value) {
  if constexpr (std::is_floating_point_v<T>)
    return std::bit_cast<LaneOf<T>>(value);
  else
    return static_cast<std::make_unsigned_t<T>>(value);
}

template <typename T>
inline LaneOf<T> *lanesOf(Warp &w, Slot slot) {
  if constexpr (sizeof(T) == 8)
    return w.q(slot);
  else
    return w.w(slot);
}

/// d[i] = f(i) for the active lanes; the full warp is a loop the host
/// vectorises.
template <typename T, typename F>
inline void eachLane(Warp &w, Slot d, F f) {
  LaneOf<T> *to = lanesOf<T>(w, d);
  if (w.active == allLanes) {
    for (unsigned i = 0; i < 32; ++i)
      to[i] = toLane<T>(f(i));
    return;
  }
  w.forActive([&](unsigned i) { to[i] = toLane<T>(f(i)); });
}

template <typename R, typename A, typename Op>
void unary(Warp &w, const Instr &in) {
  const auto *a = lanesOf<A>(w, in.a);
  eachLane<R>(w, in.d,
              [&](unsigned i) { return R(Op::apply(fromLane<A>(a[i]))); });
}

template <typename R, typename A, typename Op, typename B = A>
void binary(Warp &w, const Instr &in) {
  const auto *a = lanesOf<A>(w, in.a);
  const auto *b = lanesOf<B>(w, in.b);
  eachLane<R>(w, in.d, [&](unsigned i) {
    return R(Op::apply(fromLane<A>(a[i]), fromLane<B>(b[i])));
  });
}

template <typename R, typename A, typename Op, typename C = R, typename B = A>
void ternary(Warp &w, const Instr &in) {
  const auto *a = lanesOf<A>(w, in.a);
  const auto *b = lanesOf<B>(w, in.b);
  const auto *c = lanesOf<C>(w, in.c);
  eachLane<R>(w, in.d, [&](unsigned i) {
    return R(
        Op::apply(fromLane<A>(a[i]), fromLane<B>(b[i]), fromLane<C>(c[i])));
  });
}

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_LANE_H
