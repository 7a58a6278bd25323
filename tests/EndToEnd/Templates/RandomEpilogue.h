// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bodies of tile.map: random arith on f32 and i1.
#ifndef NYBL_TESTS_ENDTOEND_TEMPLATES_RANDOMEPILOGUE_H
#define NYBL_TESTS_ENDTOEND_TEMPLATES_RANDOMEPILOGUE_H

#include "tests/Oracle/Data.h"
#include <string>
#include <vector>

namespace nybl::road {

class EpilogueWriter {
public:
  explicit EpilogueWriter(oracle::Random &random) : random(random) {}

  /// Constants before a body, and arith on them; later bodies may use them.
  std::string hoisted(int depth);
  /// The block of a tile.map over that many operands, up to its yield.
  std::string body(size_t operands, int depth);

private:
  /// Names of f32 and i1 values that may be used.
  struct Scope {
    std::vector<std::string> numbers, conditions;
  };
  std::string add(Scope &scope);
  std::string addConstant(Scope &scope);
  std::string addArithmetic(Scope &scope);
  std::string addCompare(Scope &scope);
  std::string addLogic(Scope &scope);
  std::string addSelect(Scope &scope);
  std::string addRounding(Scope &scope);
  std::string name(const char *stem);
  /// A recent number: what is computed should matter.
  const std::string &number(const Scope &scope);
  const std::string &condition(const Scope &scope);

  oracle::Random &random;
  Scope outside;
  int names = 0;
};

} // namespace nybl::road

#endif // NYBL_TESTS_ENDTOEND_TEMPLATES_RANDOMEPILOGUE_H
