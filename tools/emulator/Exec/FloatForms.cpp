// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The legal forms of floating-point arithmetic (PTX ISA 9.7.3 to 9.7.5), and
// testp. A form that is not in the table is refused.

#include "tools/emulator/Exec/Float.h"
#include "tools/emulator/Exec/Lane.h"

using namespace nybl::emu;

namespace {

struct Form {
  std::string_view opcodes; ///< separated by blanks
  std::vector<Type> types;
  /// n z m p for rn rz rm rp; '-': without one.
  std::string_view roundings;
  int64_t allowed, required;
  size_t operands;
  int minMajor = 0; ///< of the chip
};

constexpr int64_t minMaxFlags = nanBit | absBit | xorSignBit;

const std::vector<Form> &forms() {
  static const std::vector<Form> table = {
      {"add sub mul", {Type::F32}, "-nzmp", flushBit | saturateBit, 0, 3},
      {"add sub mul", {Type::F64}, "-nzmp", 0, 0, 3},
      {"add sub mul", {Type::F32x2}, "-nzmp", flushBit, 0, 3, 10},
      {"add sub mul",
       {Type::F16, Type::F16x2},
       "-n",
       flushBit | saturateBit,
       0,
       3},
      {"add sub mul", {Type::BF16, Type::BF16x2}, "-n", 0, 0, 3},
      {"fma mad", {Type::F32}, "nzmp", flushBit | saturateBit, 0, 4},
      {"fma mad", {Type::F64}, "nzmp", 0, 0, 4},
      {"fma", {Type::F32x2}, "nzmp", flushBit, 0, 4, 10},
      {"fma", {Type::F16, Type::F16x2}, "n", flushBit | saturateBit, 0, 4},
      {"fma", {Type::F16, Type::F16x2}, "n", flushBit | reluBit, reluBit, 4},
      {"fma", {Type::BF16, Type::BF16x2}, "n", reluBit, 0, 4},
      {"min max", {Type::F32}, "-", flushBit | nanBit, 0, 3},
      {"min max",
       {Type::F32, Type::F16, Type::F16x2},
       "-",
       flushBit | minMaxFlags,
       absBit | xorSignBit,
       3},
      {"min max", {Type::F32}, "-", flushBit | nanBit | absBit, 0, 4, 10},
      {"min max", {Type::F64}, "-", 0, 0, 3},
      {"min max", {Type::F16, Type::F16x2}, "-", flushBit | nanBit, 0, 3},
      {"min max", {Type::BF16, Type::BF16x2}, "-", nanBit, 0, 3},
      {"min max",
       {Type::BF16, Type::BF16x2},
       "-",
       minMaxFlags,
       absBit | xorSignBit,
       3},
      {"neg abs", {Type::F32, Type::F16, Type::F16x2}, "-", flushBit, 0, 2},
      {"neg abs", {Type::F64, Type::BF16, Type::BF16x2}, "-", 0, 0, 2},
      {"copysign", {Type::F32, Type::F64}, "-", 0, 0, 3},
      {"div", {Type::F32}, "nzmp", flushBit, 0, 3},
      {"div", {Type::F32}, "-", flushBit | approxBit, approxBit, 3},
      {"div", {Type::F32}, "-", flushBit | fullBit, fullBit, 3},
      {"div", {Type::F64}, "nzmp", 0, 0, 3},
      {"rcp sqrt", {Type::F32}, "nzmp", flushBit, 0, 2},
      {"rcp sqrt", {Type::F64}, "nzmp", 0, 0, 2},
      {"rcp sqrt rsqrt sin cos lg2 ex2",
       {Type::F32},
       "-",
       flushBit | approxBit,
       approxBit,
       2},
      {"rcp", {Type::F64}, "-", flushBit | approxBit, flushBit | approxBit, 2},
      {"rsqrt", {Type::F64}, "-", flushBit | approxBit, approxBit, 2},
      {"tanh",
       {Type::F32, Type::F16, Type::F16x2, Type::BF16, Type::BF16x2},
       "-",
       approxBit,
       approxBit,
       2},
      {"ex2", {Type::F16, Type::F16x2}, "-", approxBit, approxBit, 2},
      {"ex2",
       {Type::BF16, Type::BF16x2},
       "-",
       flushBit | approxBit,
       flushBit | approxBit,
       2},
  };
  return table;
}

bool lists(std::string_view words, std::string_view word) {
  while (!words.empty()) {
    size_t blank = words.find(' ');
    if (words.substr(0, blank) == word)
      return true;
    words.remove_prefix(blank == words.npos ? words.size() : blank + 1);
  }
  return false;
}

/// Rounding (mode) and flags (imm) as they stand, whoever may carry them.
char takeFlags(Decoder &d) {
  int rounding = d.takeOneOf({"rn", "rz", "rm", "rp"});
  d.out.mode = static_cast<uint8_t>(std::max(rounding, 0));
  static constexpr std::pair<std::string_view, int64_t> names[] = {
      {"ftz", flushBit}, {"sat", saturateBit}, {"NaN", nanBit},
      {"relu", reluBit}, {"abs", absBit},      {"xorsign", xorSignBit},
      {"full", fullBit}, {"approx", approxBit}};
  for (auto &[name, bit] : names)
    if (d.take(name))
      d.out.imm |= bit;
  return "-nzmp"[rounding + 1];
}

bool legal(const Form &form, const Decoder &d, Type type, char rounding) {
  bool typed = false;
  for (Type t : form.types)
    typed |= t == type;
  return typed && lists(form.opcodes, d.base) &&
         form.operands == d.source->operands.size() &&
         form.roundings.find(rounding) != form.roundings.npos &&
         (d.out.imm & ~form.allowed) == 0 &&
         (d.out.imm & form.required) == form.required &&
         d.target().major >= form.minMajor;
}

/// add, sub or fma of f32 with narrow operands.
void decodeMixed(Decoder &d, Type narrow, char rounding) {
  bool fma = d.base == "fma";
  bool good = (fma || d.base == "add" || d.base == "sub") &&
              (narrow == Type::F16 || narrow == Type::BF16) &&
              (d.out.imm & ~saturateBit) == 0 && (!fma || rounding != '-') &&
              d.target().major >= 10;
  if (!good)
    return d.fail("the types, qualifiers or chip do not fit this instruction");
  Instr flags = d.out;
  Type c = fma ? narrow : Type::F32;
  d.simple(mixedHandler(fma), taintAny, {Type::F32, narrow, c, Type::F32},
           fma ? 4 : 3);
  d.out.mode = flags.mode;
  d.out.imm = flags.imm | (narrow == Type::BF16 ? brainBit : 0) |
              (d.base == "sub" ? subtractBit : 0);
}

void decodeFloat(Decoder &d) {
  if (d.take("oob"))
    return d.fail("the emulator does not know .oob: PTX does not say which "
                  "NaN stands for an element out of bounds");
  char rounding = takeFlags(d);
  Type type = d.takeType();
  for (std::string_view q : d.qualifiers)
    if (Type second = typeNamed(q); second != Type::None && type == Type::F32) {
      d.take(q);
      return decodeMixed(d, second, rounding);
    }
  const Form *found = nullptr;
  for (const Form &form : forms())
    if (legal(form, d, type, rounding))
      found = &form;
  if (!found)
    return d.fail("the type, qualifiers, number of operands or chip do not fit "
                  "this instruction");
  bool half = type != Type::F32 && type != Type::F64 && type != Type::F32x2;
  Instr flags = d.out;
  Handler handler = half ? halfHandler(d.base, type)
                         : floatHandler(d.base, type, found->operands);
  if (!handler)
    handler = functionHandler(d.base, type, flags.imm);
  bool packed =
      type == Type::F16x2 || type == Type::BF16x2 || type == Type::F32x2;
  d.simple(handler, packed ? taintHalves : taintAny, type, found->operands);
  d.out.mode = flags.mode;
  d.out.imm = flags.imm;
}

enum TestKind { Finite, Infinite, Number, NotANumber, Normal, Subnormal };

template <typename T>
void testProperty(Warp &w, const Instr &in) {
  const auto *a = lanesOf<T>(w, in.a);
  uint32_t result = 0;
  w.forActive([&](unsigned i) {
    int kind = std::fpclassify(fromLane<T>(a[i]));
    bool yes = in.mode == Finite       ? kind != FP_NAN && kind != FP_INFINITE
               : in.mode == Infinite   ? kind == FP_INFINITE
               : in.mode == Number     ? kind != FP_NAN
               : in.mode == NotANumber ? kind == FP_NAN
               : in.mode == Normal     ? kind == FP_NORMAL || kind == FP_ZERO
                                       : kind == FP_SUBNORMAL;
    result |= uint32_t(yes) << i;
  });
  w.predicate(in.d) = (w.predicate(in.d) & ~w.active) | result;
}

void decodeTestp(Decoder &d) {
  int kind = d.takeOneOf(
      {"finite", "infinite", "number", "notanumber", "normal", "subnormal"});
  Type type = d.takeType();
  if (kind < 0 || (type != Type::F32 && type != Type::F64))
    return d.fail("expected a property, and .f32 or .f64");
  d.simple(type == Type::F64 ? testProperty<double> : testProperty<float>,
           taintAny, {Type::Pred, type, Type::None, Type::None}, 2);
  d.out.mode = static_cast<uint8_t>(kind);
}

} // namespace

namespace nybl::emu {
void decodeFloatArithmetic(Decoder &d) { decodeFloat(d); }
} // namespace nybl::emu

void nybl::emu::addFloatOpcodes(OpcodeTable &table) {
  for (const char *name : {"fma", "rcp", "sqrt", "rsqrt", "ex2", "lg2", "sin",
                           "cos", "tanh", "copysign"})
    table[name] = decodeFloat;
  table["testp"] = decodeTestp;
}
