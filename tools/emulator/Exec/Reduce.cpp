// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Arithmetic of atomics and asynchronous reductions (PTX ISA 9.1 §9.7.13.5,
// §9.7.9.25.4.2). Additions round to nearest even.

#include "tools/emulator/Exec/Reduce.h"

#include "tools/emulator/Exec/Narrow.h"
#include <atomic>
#include <bit>
#include <cmath>
#include <cstring>

using namespace nybl::emu;

template <typename T>
static uint64_t integerResult(ReduceOp op, T old, T b) {
  using U = std::make_unsigned_t<T>;
  switch (op) {
  case ReduceOp::Min:
    return U(old < b ? old : b);
  case ReduceOp::Max:
    return U(old < b ? b : old);
  case ReduceOp::And:
    return U(old & b);
  case ReduceOp::Or:
    return U(old | b);
  case ReduceOp::Xor:
    return U(old ^ b);
  case ReduceOp::Increment:
    return U(old) >= U(b) ? 0 : U(U(old) + 1u);
  case ReduceOp::Decrement:
    return U(old) == 0 || U(old) > U(b) ? U(b) : U(U(old) - 1u);
  default:
    return U(U(old) + U(b));
  }
}

/// A NaN loses against a number in min and max; -0 < +0.
template <typename T>
static T floatResult(ReduceOp op, T old, T b) {
  if (op == ReduceOp::Add)
    return old + b;
  if (old != old || b != b)
    return old != old ? b : old;
  bool oldIsLess = old == b ? std::signbit(old) : old < b;
  return oldIsLess == (op == ReduceOp::Min) ? old : b;
}

static float flushed(float v) {
  return std::fpclassify(v) == FP_SUBNORMAL ? std::copysign(0.0f, v) : v;
}

static uint64_t singleResult(const Reduction &r, uint64_t old, uint64_t b) {
  auto x = std::bit_cast<float>(static_cast<uint32_t>(old));
  auto y = std::bit_cast<float>(static_cast<uint32_t>(b));
  float sum = r.flush ? flushed(floatResult(r.op, flushed(x), flushed(y)))
                      : floatResult(r.op, x, y);
  return sum != sum ? 0x7fffffffu : std::bit_cast<uint32_t>(sum);
}

/// Sums of two narrow values are exact in double, or far from any tie.
static uint64_t halfResult(const Reduction &r, bool brain, uint64_t old,
                           uint64_t b) {
  const NarrowFormat &format = brain ? bf16Format : f16Format;
  double result = floatResult(
      r.op, double(decodeNarrow(format, static_cast<uint32_t>(old & 0xffff))),
      double(decodeNarrow(format, static_cast<uint32_t>(b & 0xffff))));
  return encodeNarrow(format, result, false);
}

static uint64_t pairResult(const Reduction &r, bool brain, uint64_t old,
                           uint64_t b) {
  return halfResult(r, brain, old, b) | halfResult(r, brain, old >> 16, b >> 16)
                                            << 16;
}

uint64_t Reduction::apply(uint64_t old, uint64_t b, uint64_t c) const {
  if (op == ReduceOp::Exchange)
    return b;
  if (op == ReduceOp::CompareSwap)
    return old == b ? c : old;
  switch (type) {
  case Type::S32:
    return integerResult(op, static_cast<int32_t>(old),
                         static_cast<int32_t>(b));
  case Type::S64:
    return integerResult(op, static_cast<int64_t>(old),
                         static_cast<int64_t>(b));
  case Type::U64:
  case Type::B64:
    return integerResult(op, old, b);
  case Type::F32:
    return singleResult(*this, old, b);
  case Type::F64:
    return std::bit_cast<uint64_t>(
        floatResult(op, std::bit_cast<double>(old), std::bit_cast<double>(b)));
  case Type::F16:
  case Type::BF16:
    return halfResult(*this, type == Type::BF16, old, b);
  case Type::F16x2:
  case Type::BF16x2:
    return pairResult(*this, type == Type::BF16x2, old, b);
  default:
    return integerResult(op, static_cast<uint32_t>(old),
                         static_cast<uint32_t>(b));
  }
}

template <typename T>
static uint64_t exchangeUntilKept(const Reduction &r, uint8_t *to, uint64_t b,
                                  uint64_t c) {
  std::atomic_ref<T> cell(*reinterpret_cast<T *>(to));
  T old = cell.load(), changed;
  do
    changed = static_cast<T>(r.apply(old, b, c));
  while (!cell.compare_exchange_weak(old, changed));
  return old;
}

uint64_t Reduction::applyAtomically(uint8_t *to, uint64_t b, uint64_t c) const {
  switch (bytesOf(type)) {
  case 2:
    return exchangeUntilKept<uint16_t>(*this, to, b, c);
  case 4:
    return exchangeUntilKept<uint32_t>(*this, to, b, c);
  default:
    return exchangeUntilKept<uint64_t>(*this, to, b, c);
  }
}

void Reduction::applyToAll(uint8_t *to, const uint8_t *from,
                           uint32_t bytes) const {
  unsigned size = bytesOf(type);
  for (uint32_t i = 0; i < bytes; i += size) {
    uint64_t b = 0;
    std::memcpy(&b, from + i, size);
    applyAtomically(to + i, b);
  }
}

int nybl::emu::takeReduction(Decoder &d) {
  return d.takeOneOf(
      {"add", "min", "max", "and", "or", "xor", "exch", "cas", "inc", "dec"});
}

bool nybl::emu::isScalarReduction(ReduceOp op, Type type) {
  switch (op) {
  case ReduceOp::Add:
    return type == Type::U32 || type == Type::S32 || type == Type::U64 ||
           type == Type::F32 || type == Type::F64;
  case ReduceOp::Min:
  case ReduceOp::Max:
    return type == Type::U32 || type == Type::S32 || type == Type::U64 ||
           type == Type::S64;
  case ReduceOp::And:
  case ReduceOp::Or:
  case ReduceOp::Xor:
    return type == Type::B32 || type == Type::B64;
  case ReduceOp::Increment:
  case ReduceOp::Decrement:
    return type == Type::U32;
  default:
    return false;
  }
}

bool nybl::emu::isHalf(Type type) {
  return type == Type::F16 || type == Type::BF16 || type == Type::F16x2 ||
         type == Type::BF16x2;
}
