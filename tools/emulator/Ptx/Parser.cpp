// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser: directives, declarations, instructions. Semantics of an
// instruction are none of its business (Exec/Decode).

#include "tools/emulator/Ptx/Lexer.h"
#include "tools/emulator/Ptx/Module.h"

#include <cstring>
#include <set>

using namespace nybl::emu;
using namespace nybl::emu::ptx;

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

namespace {

/// Registers in one kernel, blocks in one body: more is not a program.
constexpr size_t maxRegisters = 1u << 20;

unsigned widthOf(std::string_view type) {
  if (type.empty() || type == ".pred")
    return 0;
  size_t digit = type.find_first_of("0123456789");
  if (digit == type.npos)
    return 0;
  unsigned bits = 0;
  while (digit < type.size() && type[digit] >= '0' && type[digit] <= '9')
    bits = bits * 10 + (type[digit++] - '0');
  bool packed = type.size() > 2 && type.substr(type.size() - 2) == "x2";
  return bits * (packed ? 2 : 1) / 8;
}

class Parser {
public:
  explicit Parser(std::string_view text) : source(text), lexer(text) {
    token = lexer.next();
    ahead = lexer.next();
  }

  Expected<Module> run() {
    while (token.kind != Token::End)
      if (!parseTopLevel())
        return Error{failure};
    if (module.target.empty())
      return Error{"line 1, column 1: expected .version and .target"};
    return std::move(module);
  }

private:
  // Every parse function returns false after fail().
  bool fail(const std::string &expected) {
    if (failure.empty())
      failure =
          "line " + std::to_string(token.line) + ", column " +
          std::to_string(token.column) + ": expected " + expected + ", got '" +
          std::string(token.kind == Token::End ? "the end of the text"
                                               : token.text.substr(0, 60)) +
          "'";
    return false;
  }

  void advance() {
    previousEnd = token.text.data() + token.text.size();
    token = ahead;
    ahead = lexer.next();
  }

  bool accept(std::string_view text) {
    if (!token.is(text))
      return false;
    advance();
    return true;
  }

  bool expect(std::string_view text) {
    return accept(text) || fail("'" + std::string(text) + "'");
  }

  bool parseName(std::string &name) {
    if (token.kind != Token::Word || token.text[0] == '.')
      return fail("a name");
    name = token.text;
    advance();
    return true;
  }

  bool parseInteger(uint64_t &value) {
    bool negative = accept("-");
    if (token.kind != Token::Integer)
      return fail("an integer");
    value = negative ? ~token.bits + 1 : token.bits;
    advance();
    return true;
  }

  bool parseTopLevel() {
    if (token.is(".version"))
      return parseVersion();
    if (accept(".target"))
      return parseTarget();
    if (accept(".address_size")) {
      uint64_t size = 0;
      return parseInteger(size) && (size == 64 || fail("64-bit addresses"));
    }
    if (token.is(".file") || token.is(".loc") || token.is(".pragma"))
      return parseNote();
    if (token.is(".section"))
      return skipSection();
    if (accept(";"))
      return true;
    return parseDeclaration();
  }

  bool parseVersion() {
    advance();
    // "8.7" is one floating-point token.
    if (token.kind != Token::Float64)
      return fail("a version such as 8.7");
    std::string text(token.text);
    size_t dot = text.find('.');
    module.versionMajor = std::atoi(text.c_str());
    module.versionMinor = std::atoi(text.c_str() + dot + 1);
    if (module.versionMajor < 6 || module.versionMajor > 9)
      return fail("PTX 6.0 to 9.x");
    advance();
    return true;
  }

  bool parseTarget() {
    if (!parseName(module.target))
      return false;
    while (accept(","))
      advance(); // debug, texmode_...
    return true;
  }

  /// .pragma "...", ...; .file 1 "name" [, 2, 3] and .loc 1 2 3 [,
  /// function_name label [+ 4], inlined_at 1 2 3]: read to their own end, not
  /// to that of the line.
  bool parseNote() {
    bool pragma = token.is(".pragma");
    advance();
    if (pragma)
      return skipTo(";");
    for (;;) {
      while (token.kind == Token::Integer || token.kind == Token::String)
        advance();
      if (!accept(","))
        return true;
      if (accept("function_name")) {
        std::string label;
        uint64_t offset = 0;
        if (!parseName(label) || (accept("+") && !parseInteger(offset)))
          return false;
      } else {
        accept("inlined_at");
      }
    }
  }

  bool skipSection() {
    while (token.kind != Token::End && !token.is("{"))
      advance();
    int depth = 0;
    do {
      depth += token.is("{") ? 1 : token.is("}") ? -1 : 0;
      advance();
    } while (depth > 0 && token.kind != Token::End);
    return true;
  }

  bool parseDeclaration() {
    bool isExtern = false;
    while (token.is(".visible") || token.is(".extern") || token.is(".weak") ||
           token.is(".common")) {
      isExtern |= token.is(".extern");
      advance();
    }
    if (token.is(".entry") || token.is(".func"))
      return parseFunction();
    Variable variable;
    if (!parseSpace(variable.space))
      return fail("a directive");
    variable.isExtern = isExtern;
    return parseVariables(variable, module.variables);
  }

  bool parseSpace(Space &space) {
    static const std::pair<std::string_view, Space> spaces[] = {
        {".global", Space::Global},
        {".shared", Space::Shared},
        {".local", Space::Local},
        {".const", Space::Const},
        {".param", Space::Param}};
    for (auto &[word, value] : spaces)
      if (accept(word)) {
        space = value;
        return true;
      }
    return false;
  }

  /// [.align n] .type [.ptr ...] name [dims] [= init], ...
  bool parseVariables(Variable proto, std::vector<Variable> &into) {
    uint64_t elementBytes = 0;
    if (!parseType(proto, elementBytes))
      return false;
    do {
      Variable variable = proto;
      if (!parseName(variable.name) || !parseDims(variable, elementBytes) ||
          !parseInitial(variable, elementBytes))
        return false;
      into.push_back(std::move(variable));
    } while (accept(","));
    return expect(";");
  }

  bool parseType(Variable &variable, uint64_t &elementBytes) {
    unsigned lanes = 1;
    for (;;) {
      if (accept(".align")) {
        uint64_t align = 0;
        if (!parseInteger(align))
          return false;
        if (align == 0 || align > 65536 || (align & (align - 1)))
          return fail("a power of two as the alignment");
        variable.align = std::max<uint32_t>(variable.align, align);
      } else if (accept(".v2")) {
        lanes = 2;
      } else if (accept(".v4")) {
        lanes = 4;
      } else {
        break;
      }
    }
    elementBytes = widthOf(token.text) * lanes;
    if (token.kind != Token::Word || elementBytes == 0)
      return fail("a type");
    variable.align = std::max<uint32_t>(variable.align, elementBytes);
    advance();
    return true;
  }

  bool parseDims(Variable &variable, uint64_t elementBytes) {
    variable.bytes = elementBytes;
    while (accept("[")) {
      uint64_t count = 0;
      if (!token.is("]") && !parseInteger(count))
        return false;
      constexpr uint64_t most = uint64_t(1) << 32;
      if (count > most || variable.bytes > most ||
          (variable.bytes *= count) > most)
        return fail("an array of at most 4 GiB");
      if (!expect("]"))
        return false;
    }
    return true;
  }

  bool parseInitial(Variable &variable, uint64_t elementBytes) {
    if (!accept("="))
      return true;
    bool list = accept("{");
    do {
      uint64_t bits = token.bits;
      if (token.kind == Token::Float32 || token.kind == Token::Float64)
        advance();
      else if (!parseInteger(bits))
        return false;
      size_t at = variable.initial.size();
      variable.initial.resize(at + elementBytes);
      std::memcpy(variable.initial.data() + at, &bits,
                  std::min<uint64_t>(elementBytes, 8));
    } while (list && accept(","));
    if (variable.initial.size() > variable.bytes)
      return fail("no more values than the array holds");
    return !list || expect("}");
  }

  bool parseFunction() {
    Function f;
    f.isEntry = token.is(".entry");
    f.line = token.line;
    advance();
    if (!f.isEntry && accept("(") && !skipTo(")"))
      return false;
    if (!parseName(f.name))
      return false;
    if (accept("(") && !parseParameters(f))
      return false;
    if (!parseTuning(f))
      return false;
    if (accept(";"))
      return true; // a declaration
    f.scopeParents.push_back(-1);
    names.assign(1, {});
    scopes.assign(1, 0);
    if (!expect("{"))
      return false;
    while (!scopes.empty())
      if (!parseStatement(f))
        return false;
    keepUsedRegisters(f);
    module.functions.push_back(std::move(f));
    return true;
  }

  /// Declarations are cheap (".reg .b32 %r<9999>"), registers are not.
  void keepUsedRegisters(Function &f) {
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
    for (Instruction &in : f.body) {
      use(in.guard);
      for (Operand &operand : in.operands)
        visit(operand, visit);
    }
    f.registers = std::move(used);
  }

  bool skipTo(std::string_view sign) {
    while (!token.is(sign)) {
      if (token.kind == Token::End)
        return fail("'" + std::string(sign) + "'");
      advance();
    }
    advance();
    return true;
  }

  bool parseParameters(Function &f) {
    while (!accept(")")) {
      Variable p;
      p.space = Space::Param;
      uint64_t elementBytes = 0;
      if (!(accept(".param") || accept(".reg") || fail("'.param'")) ||
          !parseType(p, elementBytes))
        return false;
      if (accept(".ptr"))
        while (token.text.size() > 1 && token.text[0] == '.') {
          bool align = token.is(".align");
          advance();
          if (align)
            advance();
        }
      if (!parseName(p.name) || !parseDims(p, elementBytes))
        return false;
      f.parameters.push_back(std::move(p));
      if (!token.is(")") && !expect(","))
        return false;
    }
    return true;
  }

  bool parseTuning(Function &f) {
    for (;;) {
      if (token.is(".reqntid") || token.is(".maxntid")) {
        Dim3 &dims = token.is(".reqntid") ? f.requiredThreads : f.maxThreads;
        advance();
        uint64_t v[3] = {1, 1, 1};
        for (int i = 0; i < 3; ++i)
          if ((i == 0 || accept(",")) && !parseInteger(v[i]))
            return false;
        dims = {uint32_t(v[0]), uint32_t(v[1]), uint32_t(v[2])};
      } else if (token.is(".minnctapersm") || token.is(".maxnreg") ||
                 token.is(".maxnctapersm") || token.is(".noreturn") ||
                 token.is(".maxclusterrank")) {
        bool value = !token.is(".noreturn");
        advance();
        uint64_t ignored = 0;
        if (value && !parseInteger(ignored))
          return false;
      } else if (token.is(".pragma")) {
        if (!parseNote())
          return false;
      } else {
        return true;
      }
    }
  }

  bool parseStatement(Function &f) {
    if (accept("{")) {
      f.scopeParents.push_back(scopes.back());
      scopes.push_back(static_cast<int>(f.scopeParents.size()) - 1);
      names.push_back({});
      return true;
    }
    if (accept("}")) {
      scopes.pop_back();
      names.pop_back();
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
      return parseVariables(variable, f.variables);
    if (token.kind == Token::Word && ahead.is(":"))
      return parseLabel(f);
    return parseInstruction(f);
  }

  bool parseRegisters(Function &f) {
    advance();
    if (token.is(".v2") || token.is(".v4"))
      return fail("scalar registers");
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
      if (range && (!parseInteger(count) || !expect(">")))
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

  bool addRegister(Function &f, const std::string &name,
                   const std::string &type) {
    bool isNew =
        names.back().emplace(name, static_cast<int>(f.registers.size())).second;
    f.registers.push_back({name, type});
    return isNew ||
           fail("a register that this block has not declared, not " + name);
  }

  int findRegister(const std::string &name) const {
    for (auto scope = names.rbegin(); scope != names.rend(); ++scope)
      if (auto found = scope->find(name); found != scope->end())
        return found->second;
    return -1;
  }

  bool parseLabel(Function &f) {
    std::string name(token.text);
    if (!f.labels.emplace(std::pair(scopes.back(), name), f.body.size()).second)
      return fail("a label that was not defined before in this block");
    advance();
    return expect(":");
  }

  bool parseInstruction(Function &f) {
    Instruction in;
    in.line = token.line;
    in.column = token.column;
    in.scope = scopes.back();
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
    return true;
  }

  bool parseOperand(Operand &operand) {
    if (accept("{"))
      return parseVector(operand);
    if (accept("["))
      return parseAddress(operand);
    if (accept("!")) {
      operand.negated = true;
      return parseNamed(operand);
    }
    if (token.is("-") || token.kind == Token::Integer ||
        token.kind == Token::Float32 || token.kind == Token::Float64)
      return parseNumber(operand);
    if (token.is("(")) // call: refused by the decoder, but it must parse
      return advance(), operand.kind = Operand::Sink, skipTo(")");
    return parseNamed(operand);
  }

  bool parseNumber(Operand &operand) {
    bool negative = accept("-");
    operand.kind =
        token.kind == Token::Integer ? Operand::Integer : Operand::Float;
    operand.bits = token.bits;
    operand.floatBits = token.kind == Token::Float32 ? 32 : 64;
    if (token.kind != Token::Integer && token.kind != Token::Float32 &&
        token.kind != Token::Float64)
      return fail("a number");
    advance();
    if (!negative)
      return true;
    if (operand.kind == Operand::Integer)
      operand.bits = ~operand.bits + 1;
    else
      operand.bits ^= uint64_t(1) << (operand.floatBits - 1);
    return true;
  }

  bool parseVector(Operand &operand) {
    operand.kind = Operand::Vector;
    do
      if (!parseOperand(operand.elements.emplace_back()))
        return false;
    while (accept(","));
    return operand.elements.size() <= 64 ? expect("}")
                                         : fail("at most 64 elements");
  }

  bool parseAddress(Operand &operand) {
    operand.kind = Operand::Address;
    uint64_t bits = 0;
    if (token.kind == Token::Integer || token.is("-")) {
      if (!parseInteger(bits))
        return false;
      operand.offset = static_cast<int64_t>(bits);
    } else {
      std::string name;
      if (!parseName(name))
        return false;
      operand.reg = findRegister(name);
      if (operand.reg < 0)
        operand.symbol = name;
      if (token.is("+") || token.is("-")) {
        accept("+");
        if (!parseInteger(bits))
          return false;
        operand.offset = static_cast<int64_t>(bits);
      }
    }
    return expect("]");
  }

  bool parseNamed(Operand &operand) {
    if (accept("_")) {
      operand.kind = Operand::Sink;
      return true;
    }
    std::string name;
    if (!parseName(name))
      return false;
    operand.reg = findRegister(name);
    operand.kind = operand.reg >= 0 ? Operand::Register : Operand::Symbol;
    if (operand.reg < 0)
      operand.symbol = name;
    if (accept("|")) {
      if (accept("_"))
        return true;
      std::string second;
      if (!parseName(second))
        return false;
      operand.second = findRegister(second);
      if (operand.second < 0)
        return fail("a declared register before this, not " + second);
    }
    if (accept("+")) {
      uint64_t offset = 0;
      if (!parseInteger(offset))
        return false;
      operand.offset = static_cast<int64_t>(offset);
    }
    return true;
  }

  std::string_view source;
  Lexer lexer;
  Token token, ahead;
  const char *previousEnd = nullptr;
  std::string failure;
  Module module;
  std::vector<std::map<std::string, int>> names; ///< registers, per open scope
  std::vector<int> scopes;                       ///< open scopes
};

} // namespace

Expected<Module> nybl::emu::ptx::parse(std::string_view text) {
  return Parser(text).run();
}
