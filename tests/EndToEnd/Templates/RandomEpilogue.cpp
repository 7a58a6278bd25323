// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function for each kind of op.

#include "tests/EndToEnd/Templates/RandomEpilogue.h"

#include <algorithm>
#include <fmt/format.h>
#include <iterator>

using namespace nybl;
using namespace nybl::road;

std::string EpilogueWriter::name(const char *stem) {
  return fmt::format("%{}{}", stem, names++);
}

const std::string &EpilogueWriter::number(const Scope &scope) {
  int64_t last = static_cast<int64_t>(scope.numbers.size()) - 1;
  return scope.numbers[random.between(std::max<int64_t>(0, last - 4), last)];
}

const std::string &EpilogueWriter::condition(const Scope &scope) {
  return scope.conditions[random.between(0, scope.conditions.size() - 1)];
}

std::string EpilogueWriter::addConstant(Scope &scope) {
  static constexpr const char *values[] = {
      "0.0",  "-0.0",  "1.0",    "0.5",        "-6.0",       "6.0",
      "3.0",  "1.702", "-0.125", "0.044715",   "1.0e-38",    "3.0e38",
      "-1.0", "255.0", "1.0e-3", "0x7F800000", "0xFF800000", "0x7FC00000"};
  std::string result = name("f");
  // Infinities and NaN are rare: they would drown what else is computed.
  int64_t last =
      random.between(0, 9) ? std::size(values) - 4 : std::size(values) - 1;
  scope.numbers.push_back(result);
  return fmt::format("{} = arith.constant {} : f32", result,
                     values[random.between(0, last)]);
}

std::string EpilogueWriter::addArithmetic(Scope &scope) {
  static constexpr const char *ops[] = {
      "addf",    "subf",    "mulf", "divf", "maximumf", "minimumf",
      "maxnumf", "minnumf", "mulf", "addf", "negf"};
  const char *op = ops[random.between(0, std::size(ops) - 1)];
  std::string result = name("f"), a = number(scope), b = number(scope);
  scope.numbers.push_back(result);
  if (std::string_view(op) == "negf")
    return fmt::format("{} = arith.negf {} : f32", result, a);
  return fmt::format("{} = arith.{} {}, {} : f32", result, op, a, b);
}

std::string EpilogueWriter::addCompare(Scope &scope) {
  static constexpr const char *predicates[] = {
      "oeq", "ogt", "oge", "olt", "ole", "one", "ord",  "ueq",
      "ugt", "uge", "ult", "ule", "une", "uno", "true", "false"};
  const char *predicate =
      predicates[random.between(0, std::size(predicates) - 1)];
  std::string result = name("b"), a = number(scope), b = number(scope);
  scope.conditions.push_back(result);
  return fmt::format("{} = arith.cmpf {}, {}, {} : f32", result, predicate, a,
                     b);
}

std::string EpilogueWriter::addLogic(Scope &scope) {
  static constexpr const char *ops[] = {"andi", "ori", "xori"};
  std::string result = name("b");
  if (scope.conditions.empty() || random.between(0, 4) == 0) {
    scope.conditions.push_back(result);
    return fmt::format("{} = arith.constant {}", result,
                       random.between(0, 1) ? "true" : "false");
  }
  const char *op = ops[random.between(0, std::size(ops) - 1)];
  std::string a = condition(scope), b = condition(scope);
  scope.conditions.push_back(result);
  return fmt::format("{} = arith.{} {}, {} : i1", result, op, a, b);
}

std::string EpilogueWriter::addSelect(Scope &scope) {
  if (scope.conditions.empty())
    return addCompare(scope);
  std::string result = name("f"), which = condition(scope);
  std::string a = number(scope), b = number(scope);
  scope.numbers.push_back(result);
  return fmt::format("{} = arith.select {}, {}, {} : f32", result, which, a, b);
}

/// Through bf16 or f16 and back.
std::string EpilogueWriter::addRounding(Scope &scope) {
  const char *type = random.between(0, 1) ? "bf16" : "f16";
  std::string narrow = name("h"), wide = name("f");
  std::string text =
      fmt::format("{} = arith.truncf {} : f32 to {}\n"
                  "{} = arith.extf {} : {} to f32",
                  narrow, number(scope), type, wide, narrow, type);
  scope.numbers.push_back(wide);
  return text;
}

std::string EpilogueWriter::add(Scope &scope) {
  if (scope.numbers.empty())
    return addConstant(scope);
  switch (random.between(0, 9)) {
  case 0:
  case 1:
    return addConstant(scope);
  case 2:
    return addCompare(scope);
  case 3:
    return addLogic(scope);
  case 4:
    return addSelect(scope);
  case 5:
    return addRounding(scope);
  default:
    return addArithmetic(scope);
  }
}

std::string EpilogueWriter::hoisted(int depth) {
  std::string text;
  for (int64_t ops = random.between(1, 6); ops > 0; --ops)
    text += std::string(depth, ' ') + add(outside) + "\n";
  return text;
}

std::string EpilogueWriter::body(size_t operands, int depth) {
  Scope scope = outside;
  std::string text = std::string(depth - 2, ' ') + "^bb0(", first;
  for (size_t i = 0; i < operands; ++i) {
    std::string parameter = name("x");
    first = i ? first : parameter;
    text += (i ? ", " : "") + parameter + ": f32";
    scope.numbers.push_back(parameter);
  }
  text += "):\n";
  for (int64_t ops = random.between(0, 10); ops > 0; --ops)
    text += std::string(depth, ' ') + add(scope) + "\n";
  // The result depends on the newest value and, but for one in twenty, on the
  // accumulator: what is made of no multiply is not proven.
  std::string result =
      random.between(0, 3) ? scope.numbers.back() : number(scope);
  if (random.between(0, 19)) {
    std::string sum = name("sum");
    text += std::string(depth, ' ') + sum + " = arith.addf " + result + ", " +
            first + " : f32\n";
    result = sum;
  }
  return text + std::string(depth, ' ') + "tile.yield " + result + " : f32\n";
}
