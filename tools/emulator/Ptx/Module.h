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

/// A word of an initialiser that is an address: of `symbol`, plus `addend`,
/// shifted right (a mask such as 0xff00(x) takes one byte of an address).
struct Reference {
  uint64_t at = 0;
  uint32_t bytes = 8;
  std::string symbol;
  int64_t addend = 0;
  bool isGeneric = false;
  unsigned shift = 0;
};

struct Variable {
  Space space = Space::Global;
  /// Of the variables of a body that share a name ("param0"), the later ones
  /// are called "param0#2" and so on, and so are the operands that mean them.
  std::string name;
  uint64_t bytes = 0; ///< 0: extern, sized at launch
  uint32_t align = 1;
  bool isExtern = false;
  int scope = 0;                ///< of a body: the block that declares it
  std::vector<uint8_t> initial; ///< empty: uninitialised (zero for .global)
  std::vector<Reference> references;
};

/// Operand::second of %r|_.
inline constexpr int sinkSecond = -2;

struct Operand {
  enum Kind {
    Register,
    Integer,
    Float,
    Symbol,
    Address,
    Vector,
    List, ///< (a, b) of a call
    Sink
  } kind = Sink;
  int reg = -1;      ///< Register, or base of an Address (-1: none)
  int second = -1;   ///< %r|%p: the register after the bar, or sinkSecond
  uint64_t bits = 0; ///< Integer (two's complement) or Float (of floatBits)
  unsigned floatBits = 0; ///< 32 or 64
  std::string symbol;     ///< Symbol (label, variable), or base of an Address
  int64_t offset = 0;     ///< of an Address or Symbol
  bool negated = false;   ///< !%p
  /// Of a Vector or List; of an Address what follows the base: [map, {x, y}].
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
  std::string text;        ///< as written, for reports
  std::string sourceFile;  ///< of the .loc before it; empty: none
  unsigned sourceLine = 0; ///< in sourceFile
};

struct Function {
  std::string name;
  bool isEntry = false;
  std::vector<Variable> parameters, returns;
  std::vector<int> parameterRegisters, returnRegisters; ///< -1: a .param
  std::vector<Variable> variables; ///< .shared, .local and .param of the body
  std::vector<RegisterInfo> registers;
  std::vector<Instruction> body;
  std::vector<int> scopeParents;                        ///< scope 0 is the body
  std::map<std::pair<int, std::string>, size_t> labels; ///< (scope, name)
  /// The labels of a .branchtargets, by (scope, name).
  std::map<std::pair<int, std::string>, std::vector<std::string>> branchTargets;
  Dim3 requiredThreads{0, 0, 0}, maxThreads{0, 0, 0};
  Dim3 requiredCluster{0, 0, 0}; ///< .reqnctapercluster; 0: not stated
  bool explicitCluster = false;  ///< .explicitcluster
  bool blocksAreClusters = false;
  unsigned maxClusterRank = 0, minCtas = 0, maxRegisters = 0; ///< 0: none
  unsigned line = 0;

  /// The instruction a label names, seen from a scope; body.size() is the end.
  bool findLabel(int scope, const std::string &name, size_t &target) const;
  /// The list a .branchtargets names, or null.
  const std::vector<std::string> *findTargets(int scope,
                                              const std::string &name) const;
};

struct Module {
  unsigned versionMajor = 0, versionMinor = 0;
  std::string target;
  std::vector<Variable> variables; ///< of the module: .global .const .shared
  std::vector<Function> functions;
  std::map<std::string, std::string> aliases; ///< .alias name, function
};

/// Error: "line L, column C: expected ..., got ...".
Expected<Module> parse(std::string_view text);

/// An entry with every call replaced by the body of the callee, parameters by
/// places in a local variable, and brx.idx by branches: what remains needs no
/// stack. Calls of vprintf and __assertfail become instructions of their own,
/// named below. Recursion and indirect calls are refused.
Expected<Function> inlineCalls(const Module &module, const Function &entry);

inline constexpr std::string_view printOpcode = "\1vprintf";
inline constexpr std::string_view assertOpcode = "\1assertfail";
inline constexpr std::string_view badIndexOpcode = "\1badindex";

} // namespace nybl::emu::ptx

#endif // NYBL_EMULATOR_PTX_MODULE_H
