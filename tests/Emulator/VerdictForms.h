// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A corpus of instruction forms, legal and illegal, from patterns: braces hold
// alternatives, "add{,.rn,.rz}{.f32,.f64}".
#ifndef NYBL_TESTS_EMULATOR_VERDICTFORMS_H
#define NYBL_TESTS_EMULATOR_VERDICTFORMS_H

#include <string>
#include <string_view>
#include <vector>

namespace nybl::emu::test {

/// Operands, a letter each: a digit is a register for the opcode's n-th type
/// (the last one if it has fewer), h r d q p are registers of 16, 32, 64 and
/// 128 bits and predicates, ! a negated predicate, i an immediate, m a member
/// mask, _ the sink, | joins two, {} group.
struct FormFamily {
  std::string_view pattern, operands;
};

inline std::vector<std::string> expandPattern(std::string_view pattern) {
  size_t open = pattern.find('{');
  if (open == pattern.npos)
    return {std::string(pattern)};
  size_t close = pattern.find('}', open);
  std::vector<std::string> tails = expandPattern(pattern.substr(close + 1));
  std::vector<std::string> result;
  std::string_view choices = pattern.substr(open + 1, close - open - 1);
  for (;;) {
    size_t comma = choices.find(',');
    std::string head = std::string(pattern.substr(0, open)) +
                       std::string(choices.substr(0, comma));
    for (const std::string &tail : tails)
      result.push_back(head + tail);
    if (comma == choices.npos)
      return result;
    choices.remove_prefix(comma + 1);
  }
}

/// Bits of a register for a type, 1 for a predicate, 0 if it names none.
inline unsigned registerBits(std::string_view type) {
  static constexpr std::pair<std::string_view, unsigned> types[] = {
      {"pred", 1},    {"b8", 16},      {"u8", 16},     {"s8", 16},
      {"b16", 16},    {"u16", 16},     {"s16", 16},    {"f16", 16},
      {"bf16", 16},   {"b32", 32},     {"u32", 32},    {"s32", 32},
      {"f32", 32},    {"tf32", 32},    {"f16x2", 32},  {"bf16x2", 32},
      {"u16x2", 32},  {"s16x2", 32},   {"b64", 64},    {"u64", 64},
      {"s64", 64},    {"f64", 64},     {"f32x2", 64},  {"b128", 128},
      {"e4m3x2", 16}, {"e5m2x2", 16},  {"e2m3x2", 16}, {"e3m2x2", 16},
      {"e2m1x2", 8},  {"ue8m0x2", 16}, {"s2f6x2", 16}, {"e4m3x4", 32},
      {"e5m2x4", 32}, {"e2m3x4", 32},  {"e3m2x4", 32}, {"e2m1x4", 16}};
  for (auto &[name, bits] : types)
    if (name == type)
      return bits;
  return 0;
}

inline std::vector<unsigned> typesOf(std::string_view opcode) {
  std::vector<unsigned> bits;
  while (!opcode.empty()) {
    size_t dot = opcode.find('.');
    if (unsigned b = registerBits(opcode.substr(0, dot)))
      bits.push_back(b);
    opcode.remove_prefix(dot == opcode.npos ? opcode.size() : dot + 1);
  }
  return bits;
}

inline std::string registerOf(unsigned bits, unsigned index) {
  const char *prefix = bits == 1     ? "%p"
                       : bits == 8   ? "%b"
                       : bits == 16  ? "%h"
                       : bits == 32  ? "%r"
                       : bits == 64  ? "%d"
                       : bits == 128 ? "%q"
                                     : "%r";
  return prefix + std::to_string(index);
}

inline std::string instruction(const std::string &opcode,
                               std::string_view operands) {
  std::vector<unsigned> types = typesOf(opcode);
  std::string text = opcode;
  unsigned index = 0;
  bool first = true, glued = false;
  for (char c : operands) {
    if (c == '|' || c == '}') {
      text += c;
      glued = c == '|';
      continue;
    }
    text += glued ? "" : first ? " " : ", ";
    first = glued = false;
    switch (c) {
    case '{':
      text += c;
      first = glued = true;
      break;
    case 'h':
      text += registerOf(16, index++);
      break;
    case 'r':
      text += registerOf(32, index++);
      break;
    case 'd':
      text += registerOf(64, index++);
      break;
    case 'q':
      text += registerOf(128, index++);
      break;
    case 'p':
      text += registerOf(1, index++);
      break;
    case '!':
      text += "!" + registerOf(1, index++);
      break;
    case 'A':
      text += "[" + registerOf(64, index++) + "]";
      break;
    case 'S':
      text += "[" + registerOf(32, index++) + "]";
      break;
    case 'i':
      text += "1";
      break;
    case '_':
      text += c;
      break;
    case 'm':
      text += "-1";
      break;
    default: {
      size_t n = static_cast<size_t>(c - '0');
      text += registerOf(
          types.empty() ? 32 : types[std::min(n, types.size() - 1)], index++);
    }
    }
  }
  return text + ";";
}

inline const char *const formRegisters =
    "  .reg .pred %p<24>;\n  .reg .b16 %h<24>;\n  .reg .b32 %r<24>;\n"
    "  .reg .b64 %d<24>;\n  .reg .b128 %q<24>;\n";

/// e2m1x2 lives in a .b8, which only a mov can make of a register.
inline std::string lineOf(const std::string &text) {
  if (text.find("%b") == std::string::npos)
    return text;
  return "{ .reg .b8 %b<9>; " + text + " }";
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_VERDICTFORMS_H
