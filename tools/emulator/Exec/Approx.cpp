// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Division, roots and functions of f32 and f64. The .approx forms are computed
// exactly and rounded: PTX bounds their error and promises no bits. Built with
// -frounding-math.

#include "tools/emulator/Exec/Float.h"
#include "tools/emulator/Exec/Lane.h"

using namespace nybl::emu;

namespace {

// clang-format off
struct Reciprocal { template <typename T> static T apply(T a) { return T(1) / a; } };
struct Root { template <typename T> static T apply(T a) { return std::sqrt(a); } };
struct ReciprocalRoot { template <typename T> static T apply(T a) { return T(1.0 / std::sqrt(double(a))); } };
struct Exp2 { template <typename T> static T apply(T a) { return T(std::exp2(double(a))); } };
struct Log2 { template <typename T> static T apply(T a) { return T(std::log2(double(a))); } };
struct Sine { template <typename T> static T apply(T a) { return T(std::sin(double(a))); } };
struct Cosine { template <typename T> static T apply(T a) { return T(std::cos(double(a))); } };
struct Tanh { template <typename T> static T apply(T a) { return T(std::tanh(double(a))); } };
// clang-format on

template <typename T, typename Op>
void function(Warp &w, const Instr &in) {
  RoundingScope scope(in.mode);
  const auto *a = lanesOf<T>(w, in.a);
  eachLane<T>(w, in.d, [&](unsigned i) {
    return finished(Op::template apply<T>(flushed(fromLane<T>(a[i]), in)), in);
  });
}

/// PTX ISA, div: past 2^126 the fast quotient is a * (1/b) with 1/b flushed.
template <typename T>
T quotient(T a, T b, const Instr &in) {
  if constexpr (sizeof(T) == 4)
    if (in.imm & approxBit && std::fabs(b) > 0x1p126f && std::isfinite(b))
      return a * std::copysign(0.0f, b);
  return a / b;
}

template <typename T>
void divide(Warp &w, const Instr &in) {
  RoundingScope scope(in.mode);
  const auto *a = lanesOf<T>(w, in.a), *b = lanesOf<T>(w, in.b);
  eachLane<T>(w, in.d, [&](unsigned i) {
    return finished(quotient(flushed(fromLane<T>(a[i]), in),
                             flushed(fromLane<T>(b[i]), in), in),
                    in);
  });
}

/// rcp and rsqrt.approx.ftz.f64 look at the upper word and give one.
template <typename Op>
void upperWord(Warp &w, const Instr &in) {
  const uint64_t *a = w.q(in.a);
  constexpr uint64_t upper = 0xffffffff00000000, nan = 0x7fffffff00000000;
  auto flush = [](double v) {
    return std::fpclassify(v) == FP_SUBNORMAL ? std::copysign(0.0, v) : v;
  };
  eachLane<uint64_t>(w, in.d, [&](unsigned i) {
    double v = flush(std::bit_cast<double>(a[i] & upper));
    double r = flush(std::isnan(std::bit_cast<double>(a[i]))
                         ? NAN
                         : Op::template apply<double>(v));
    return std::isnan(r) ? nan : std::bit_cast<uint64_t>(r) & upper;
  });
}

template <typename Op>
Handler both(Type type) {
  return type == Type::F32   ? function<float, Op>
         : type == Type::F64 ? function<double, Op>
                             : nullptr;
}

} // namespace

Handler nybl::emu::functionHandler(std::string_view opcode, Type type,
                                   int64_t flags) {
  if (type == Type::F64 && flags & flushBit)
    return opcode == "rcp"     ? upperWord<Reciprocal>
           : opcode == "rsqrt" ? upperWord<ReciprocalRoot>
                               : nullptr;
  if (opcode == "div")
    return type == Type::F32 ? divide<float> : divide<double>;
  static const std::map<std::string_view, Handler (*)(Type)> makers = {
      {"rcp", both<Reciprocal>}, {"sqrt", both<Root>},
      {"ex2", both<Exp2>},       {"rsqrt", both<ReciprocalRoot>},
      {"lg2", both<Log2>},       {"sin", both<Sine>},
      {"cos", both<Cosine>},     {"tanh", both<Tanh>}};
  auto found = makers.find(opcode);
  return found == makers.end() ? nullptr : found->second(type);
}
