// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The body of a function: scopes, registers, labels, instructions, operands.

#include "tools/emulator/Ptx/Parser.h"

using namespace nybl::emu;
using namespace nybl::emu::ptx;

/// Registers in one kernel: more is not a program.
static constexpr size_t maxRegisters = 1u << 20;

bool Function::findLabel(int scope, const std::string &name,
                         size_t &target) const {
  for (int s = scope; s >= 0; s = scopeParents[s]) {
    auto found = labels.find({s, name});
    if (found != labels.end()) {
      target = found->second;
      return true;
    }
  }
  return false;
}

const std::vector<std::string> *
Function::findTargets(int scope, const std::string &name) const {
  for (int s = scope; s >= 0; s = scopeParents[s])
    if (auto found = branchTargets.find({s, name});
        found != branchTargets.end())
      return &found->second;
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Scopes and what they declare
//===----------------------------------------------------------------------===//

bool Parser::openScope(Function &f) {
  f.scopeParents.push_back(scopes.back().number);
  scopes.push_back({static_cast<int>(f.scopeParents.size()) - 1, {}, {}});
  return true;
}

bool Parser::parseStatement(Function &f) {
  if (accept("{"))
    return openScope(f);
  if (accept("}")) {
    scopes.pop_back();
    return true;
  }
  if (accept(";"))
    return true;
  if (token.is(".reg"))
    return parseRegisters(f);
  if (token.is(".loc") || token.is(".pragma") || token.is(".file"))
    return parseNote();
  Variable variable;
  if (parseSpace(variable.space))
    return parseVariables(variable, f.variables, /*isLocal=*/true);
  if (accept(".extern")) {
    variable.isExtern = true;
    return parseSpace(variable.space)
               ? parseVariables(variable, f.variables, /*isLocal=*/true)
               : fail("a state space");
  }
  if (token.kind == Token::Word && ahead.is(":"))
    return parseLabel(f);
  return parseInstruction(f);
}

/// Declarations are cheap (".reg .b32 %r<9999>"), registers are not.
void Parser::keepUsedRegisters(Function &f) {
  std::vector<int> number(f.registers.size(), -1);
  std::vector<RegisterInfo> used;
  auto use = [&](int &reg) {
    if (reg < 0)
      return;
    if (number[reg] < 0) {
      number[reg] = static_cast<int>(used.size());
      used.push_back(std::move(f.registers[reg]));
    }
    reg = number[reg];
  };
  auto visit = [&](Operand &operand, auto &self) -> void {
    use(operand.reg);
    use(operand.second);
    for (Operand &element : operand.elements)
      self(element, self);
  };
  for (std::vector<int> *registers :
       {&f.returnRegisters, &f.parameterRegisters})
    for (int &reg : *registers)
      use(reg);
  for (Instruction &in : f.body) {
    use(in.guard);
    for (Operand &operand : in.operands)
      visit(operand, visit);
  }
  f.registers = std::move(used);
}

bool Parser::parseRegisters(Function &f) {
  advance();
  if (token.is(".v2") || token.is(".v4"))
    return refuse("the emulator does not know vector registers: declare "
                  "scalar ones");
  if (token.kind != Token::Word ||
      (widthOf(token.text) == 0 && !token.is(".pred")))
    return fail("a register type");
  std::string type(token.text.substr(1));
  advance();
  do {
    std::string name;
    if (!parseName(name))
      return false;
    uint64_t count = 0;
    bool range = accept("<");
    if (range && (!parseCount(count) || !expect(">")))
      return false;
    if (count > maxRegisters || f.registers.size() + count > maxRegisters)
      return fail("fewer registers");
    if (!range && !addRegister(f, name, type))
      return false;
    for (uint64_t i = 0; i < count; ++i)
      if (!addRegister(f, name + std::to_string(i), type))
        return false;
  } while (accept(","));
  return expect(";");
}

bool Parser::addRegister(Function &f, const std::string &name,
                         const std::string &type) {
  Scope &scope = scopes.back();
  bool isNew =
      !scope.variables.count(name) &&
      scope.registers.emplace(name, static_cast<int>(f.registers.size()))
          .second;
  f.registers.push_back({name, type});
  return isNew ||
         fail("a register that this block has not declared, not " + name);
}

/// Later variables of a name get a name of their own.
bool Parser::declareVariable(Variable &variable) {
  Scope &scope = scopes.back();
  unsigned times = ++timesNamed[variable.name];
  std::string unique =
      times == 1 ? variable.name : variable.name + "#" + std::to_string(times);
  if (scope.registers.count(variable.name) ||
      !scope.variables.emplace(variable.name, unique).second)
    return fail("a variable that this block has not declared, not " +
                variable.name);
  variable.name = unique;
  variable.scope = scope.number;
  return true;
}

int Parser::findRegister(const std::string &name) const {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope) {
    if (auto found = scope->registers.find(name);
        found != scope->registers.end())
      return found->second;
    if (scope->variables.count(name))
      return -1;
  }
  return -1;
}

std::string Parser::variableNamed(const std::string &name) const {
  for (auto scope = scopes.rbegin(); scope != scopes.rend(); ++scope)
    if (auto found = scope->variables.find(name);
        found != scope->variables.end())
      return found->second;
  return name;
}

//===----------------------------------------------------------------------===//
// Labels and instructions
//===----------------------------------------------------------------------===//

/// name:, also in front of .branchtargets, .calltargets and .callprototype.
bool Parser::parseLabel(Function &f) {
  std::pair key(scopes.back().number, std::string(token.text));
  advance();
  advance();
  if (accept(".branchtargets")) {
    std::vector<std::string> &targets = f.branchTargets[key];
    do
      if (!parseName(targets.emplace_back()))
        return false;
    while (accept(","));
    return expect(";");
  }
  if (accept(".calltargets") || accept(".callprototype"))
    return skipTo(";"); // the call that needs them is refused
  if (!f.labels.emplace(key, f.body.size()).second)
    return fail("a label that was not defined before in this block");
  return true;
}

bool Parser::parseInstruction(Function &f) {
  Instruction in;
  in.line = token.line;
  in.column = token.column;
  in.scope = scopes.back().number;
  in.sourceLine = locationLine;
  const char *begin = token.text.data();
  if (accept("@")) {
    in.guardNegated = accept("!");
    std::string name;
    if (!parseName(name))
      return false;
    in.guard = findRegister(name);
    if (in.guard < 0)
      return fail("a declared predicate before this, not " + name);
  }
  if (token.kind != Token::Word)
    return fail("an instruction");
  in.opcode = token.text;
  inCall = in.opcode.compare(0, 4, "call") == 0;
  advance();
  while (!token.is(";")) {
    if (!parseOperand(in.operands.emplace_back()))
      return false;
    if (!token.is(";") && !expect(","))
      return false;
  }
  advance();
  in.text.assign(begin, previousEnd - begin);
  f.body.push_back(std::move(in));
  fileNumbers.back().push_back(locationFile);
  return true;
}

//===----------------------------------------------------------------------===//
// Operands
//===----------------------------------------------------------------------===//

bool Parser::parseOperand(Operand &operand) {
  if (accept("{"))
    return parseVector(operand, Operand::Vector, "}");
  if (accept("["))
    return parseAddress(operand);
  if (accept("!")) {
    operand.negated = true;
    return parseNamed(operand);
  }
  bool expression =
      !inCall && token.is("(") &&
      (ahead.kind == Token::Integer || ahead.is("-") || ahead.is("~"));
  if (token.is("-") || token.is("~") || expression ||
      token.kind == Token::Integer || token.kind == Token::Float32 ||
      token.kind == Token::Float64)
    return parseNumber(operand);
  if (accept("("))
    return parseVector(operand, Operand::List, ")");
  return parseNamed(operand);
}

bool Parser::parseNumber(Operand &operand) {
  bool negative = token.is("-") && (ahead.kind == Token::Float32 ||
                                    ahead.kind == Token::Float64);
  if (negative)
    advance();
  bool isFloat = token.kind == Token::Float32 || token.kind == Token::Float64;
  operand.kind = isFloat ? Operand::Float : Operand::Integer;
  if (!isFloat)
    return parseInteger(operand.bits);
  operand.bits = token.bits;
  operand.floatBits = token.kind == Token::Float32 ? 32 : 64;
  if (negative)
    operand.bits ^= uint64_t(1) << (operand.floatBits - 1);
  advance();
  return true;
}

bool Parser::parseVector(Operand &operand, Operand::Kind kind,
                         std::string_view closing) {
  operand.kind = kind;
  if (++depth > 8)
    return fail("fewer nested lists");
  if (kind == Operand::List && accept(closing))
    return --depth, true;
  do {
    if (operand.elements.size() == 256)
      return fail("at most 256 elements");
    if (!parseOperand(operand.elements.emplace_back()))
      return false;
  } while (accept(","));
  --depth;
  return expect(closing);
}

/// [base], [base + 4], [16], [map, {x, y}]
bool Parser::parseAddress(Operand &operand) {
  operand.kind = Operand::Address;
  uint64_t bits = 0;
  if (token.kind == Token::Word) {
    std::string name;
    if (!parseName(name))
      return false;
    operand.reg = findRegister(name);
    if (operand.reg < 0)
      operand.symbol = variableNamed(name);
    if (accept("+") && !parseInteger(bits)) // a - alone ptxas does not take
      return false;
  } else if (!parseInteger(bits)) {
    return false;
  }
  operand.offset = static_cast<int64_t>(bits);
  if (++depth > 8)
    return fail("fewer nested lists");
  while (accept(","))
    if (!parseOperand(operand.elements.emplace_back()))
      return false;
  --depth;
  return expect("]");
}

/// |%p or |_ after a destination
bool Parser::parseSecond(Operand &operand) {
  if (!accept("|"))
    return true;
  if (accept("_")) {
    operand.second = sinkSecond;
    return true;
  }
  std::string second;
  if (!parseName(second))
    return false;
  operand.second = findRegister(second);
  return operand.second >= 0 ||
         fail("a declared register before this, not " + second);
}

bool Parser::parseNamed(Operand &operand) {
  if (accept("_")) {
    operand.kind = Operand::Sink;
    return parseSecond(operand);
  }
  std::string name;
  if (!parseName(name))
    return false;
  operand.reg = findRegister(name);
  operand.kind = operand.reg >= 0 ? Operand::Register : Operand::Symbol;
  if (operand.reg < 0)
    operand.symbol = variableNamed(name);
  if (!parseSecond(operand))
    return false;
  if (accept("+")) {
    uint64_t offset = 0;
    if (!parseInteger(offset))
      return false;
    operand.offset = static_cast<int64_t>(offset);
  }
  return true;
}
