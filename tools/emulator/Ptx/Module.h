// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX as parsed: names resolved to declarations, nothing decoded yet.
#ifndef NYBL_EMULATOR_PTX_MODULE_H
#define NYBL_EMULATOR_PTX_MODULE_H

#include "tools/emulator/Report.h"
#include "tools/emulator/Status.h"
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace nybl::emu::ptx {

enum class Space { Global, Shared, Local, Const, Param };

struct Variable {
  Space space = Space::Global;
  std::string name;
  uint64_t bytes = 0; ///< 0: extern, sized at launch
  uint32_t align = 1;
  bool isExtern = false;
  std::vector<uint8_t> initial; ///< empty: uninitialised (zero for .global)
};

struct Operand {
  enum Kind {
    Register,
    Integer,
    Float,
    Symbol,
    Address,
    Vector,
    Sink
  } kind = Sink;
  int reg = -1;      ///< Register, or base of an Address (-1: none)
  int second = -1;   ///< %r|%p: the register after the bar
  uint64_t bits = 0; ///< Integer (two's complement) or Float (of floatBits)
  unsigned floatBits = 0; ///< 32 or 64
  std::string symbol;     ///< Symbol (label, variable), or base of an Address
  int64_t offset = 0;     ///< of an Address or Symbol
  bool negated = false;   ///< !%p
  std::vector<Operand> elements;
};

struct RegisterInfo {
  std::string name;
  std::string type; ///< "b32", "pred", ...
};

struct Instruction {
  unsigned line = 0, column = 0;
  int guard = -1; ///< register; -1: none
  bool guardNegated = false;
  std::string opcode; ///< with all qualifiers, "setp.lt.s32"
  std::vector<Operand> operands;
  int scope = 0;
  std::string text; ///< as written, for reports
};

struct Function {
  std::string name;
  bool isEntry = false;
  std::vector<Variable> parameters;
  std::vector<Variable> variables; ///< .shared and .local of the body
  std::vector<RegisterInfo> registers;
  std::vector<Instruction> body;
  std::vector<int> scopeParents;                        ///< scope 0 is the body
  std::map<std::pair<int, std::string>, size_t> labels; ///< (scope, name)
  Dim3 requiredThreads{0, 0, 0}, maxThreads{0, 0, 0};
  unsigned line = 0;

  /// The instruction a label names, seen from a scope; body.size() is the end.
  bool findLabel(int scope, const std::string &name, size_t &target) const;
};

struct Module {
  unsigned versionMajor = 0, versionMinor = 0;
  std::string target;
  std::vector<Variable> variables; ///< of the module: .global .const .shared
  std::vector<Function> functions;
};

/// Error: "line L, column C: expected ..., got ...".
Expected<Module> parse(std::string_view text);

} // namespace nybl::emu::ptx

#endif // NYBL_EMULATOR_PTX_MODULE_H
