// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Directives, declarations, initialisers, the heads of functions.

#include "tools/emulator/Ptx/Parser.h"

#include <cstdlib>
#include <cstring>

using namespace nybl::emu;
using namespace nybl::emu::ptx;

unsigned nybl::emu::ptx::widthOf(std::string_view type) {
  static constexpr std::string_view types[] = {
      ".b8",    ".b16",  ".b32", ".b64", ".b128",  ".u8",  ".u16",
      ".u32",   ".u64",  ".s8",  ".s16", ".s32",   ".s64", ".f16",
      ".f16x2", ".bf16", ".f32", ".f64", ".bf16x2"};
  for (std::string_view known : types)
    if (type == known) {
      // Of the literal, which a zero ends; the text may end behind the type.
      auto bits = static_cast<unsigned>(
          std::atoi(known.data() + known.find_first_of("123456789")));
      return bits * (type.substr(type.size() - 2) == "x2" ? 2 : 1) / 8;
    }
  return 0;
}

Expected<Module> Parser::run() {
  while (token.kind != Token::End)
    if (!parseTopLevel())
      return Error{failure};
  if (module.target.empty())
    return Error{"line 1, column 1: expected .version and .target"};
  resolveFiles();
  return std::move(module);
}

//===----------------------------------------------------------------------===//
// Directives of the module
//===----------------------------------------------------------------------===//

bool Parser::parseTopLevel() {
  if (token.is(".version"))
    return parseVersion();
  if (accept(".target"))
    return parseTarget();
  if (accept(".address_size")) {
    uint64_t size = 0;
    return parseCount(size) && (size == 64 || fail("64-bit addresses"));
  }
  if (token.is(".file") || token.is(".loc") || token.is(".pragma"))
    return parseNote();
  if (token.is(".section"))
    return skipSection();
  if (token.is(".alias"))
    return parseAlias();
  if (accept(";"))
    return true;
  return parseDeclaration();
}

bool Parser::parseVersion() {
  advance();
  // "8.7" is one floating-point token, and so are "8e7" and "8.".
  if (token.kind != Token::Float64 ||
      token.text.find_first_not_of("0123456789.") != token.text.npos)
    return fail("a version such as 8.7");
  std::string text(token.text);
  size_t dot = text.find('.');
  module.versionMajor = static_cast<unsigned>(std::atoi(text.c_str()));
  module.versionMinor =
      static_cast<unsigned>(std::atoi(text.c_str() + dot + 1));
  unsigned version = module.versionMajor * 10 + module.versionMinor;
  if (module.versionMinor > 9 || version < 60 || version > 94)
    return fail("PTX 6.0 to 9.4");
  advance();
  return true;
}

bool Parser::parseTarget() {
  if (!parseName(module.target))
    return false;
  while (accept(","))
    advance(); // debug, texmode_...
  return true;
}

bool Parser::parseNote() {
  if (accept(".pragma"))
    return skipTo(";");
  return token.is(".file") ? parseFile() : parseLocation();
}

/// .file 1 "name" [, 2, 3]
bool Parser::parseFile() {
  advance();
  uint64_t number = 0;
  if (!parseCount(number))
    return false;
  if (token.kind != Token::String)
    return fail("the name of a file");
  files[number] = token.text.substr(1, token.text.size() - 2);
  advance();
  while (accept(","))
    if (uint64_t ignored = 0; !parseCount(ignored))
      return false;
  return true;
}

/// .loc 1 2 3 [, function_name label [+ 4], inlined_at 1 2 3]
bool Parser::parseLocation() {
  advance();
  uint64_t line = 0, column = 0;
  if (!parseCount(locationFile) || !parseCount(line) || !parseCount(column))
    return false;
  locationLine = static_cast<unsigned>(line);
  while (accept(",")) {
    std::string label;
    uint64_t value = 0;
    if (accept("function_name")) {
      if (!parseName(label) || (accept("+") && !parseCount(value)))
        return false;
    } else if (!accept("inlined_at")) {
      return fail("'function_name' or 'inlined_at'");
    } else if (!parseCount(value) || !parseCount(value) || !parseCount(value)) {
      return false;
    }
  }
  return true;
}

/// Names of files, once all .file directives are read.
void Parser::resolveFiles() {
  for (size_t f = 0; f < fileNumbers.size(); ++f)
    for (size_t i = 0; i < fileNumbers[f].size(); ++i)
      if (auto file = files.find(fileNumbers[f][i]); file != files.end())
        module.functions[f].body[i].sourceFile = file->second;
}

/// .alias name, function;
bool Parser::parseAlias() {
  advance();
  std::string name, function;
  if (!parseName(name) || !expect(",") || !parseName(function))
    return false;
  for (const std::string &n : {name, function})
    if (auto found = known.find(n);
        found == known.end() || found->second.kind != Known::Function)
      return refuse("expected a function that is known before this, not '" + n +
                    "'");
  module.aliases[name] = function;
  return expect(";");
}

bool Parser::skipSection() {
  while (token.kind != Token::End && !token.is("{"))
    advance();
  int open = 0;
  do {
    open += token.is("{") ? 1 : token.is("}") ? -1 : 0;
    advance();
  } while (open > 0 && token.kind != Token::End);
  return open == 0 || fail("'}'");
}

//===----------------------------------------------------------------------===//
// Variables
//===----------------------------------------------------------------------===//

bool Parser::parseDeclaration() {
  bool isExtern = false;
  while (token.is(".visible") || token.is(".extern") || token.is(".weak") ||
         token.is(".common") || token.is(".linkonce")) {
    isExtern |= token.is(".extern");
    advance();
  }
  if (token.is(".entry") || token.is(".func"))
    return parseFunction();
  for (std::string_view texture :
       {".tex", ".texref", ".samplerref", ".surfref"})
    if (token.is(texture))
      return refuse("the emulator does not know textures and surfaces");
  Variable variable;
  if (!parseSpace(variable.space))
    return fail("a directive");
  variable.isExtern = isExtern;
  return parseVariables(variable, module.variables, /*isLocal=*/false);
}

bool Parser::parseSpace(Space &space) {
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
  // A bank such as .const[1] belongs to PTX 2.1 and older.
  return false;
}

/// .attribute(.unified(1, 2)) and the like; managed memory is refused.
bool Parser::parseAttribute() {
  if (!expect("("))
    return false;
  for (int open = 1; open > 0; advance()) {
    if (token.is(".managed"))
      return refuse("the emulator has no managed memory");
    if (token.kind == Token::End)
      return fail("')'");
    open += token.is("(") ? 1 : token.is(")") ? -1 : 0;
  }
  return true;
}

/// [.align n] .type name [dims] [= init], ...
bool Parser::parseVariables(Variable prototype, std::vector<Variable> &into,
                            bool isLocal) {
  uint64_t elementBytes = 0;
  if (!parseType(prototype, elementBytes))
    return false;
  do {
    Variable variable = prototype;
    if (!parseName(variable.name) || !parseDims(variable, elementBytes) ||
        !(isLocal ? declareVariable(variable) : defineVariable(variable)) ||
        !parseInitial(variable, elementBytes))
      return false;
    into.push_back(std::move(variable));
  } while (accept(","));
  return expect(";");
}

bool Parser::parseType(Variable &variable, uint64_t &elementBytes) {
  unsigned lanes = 1;
  for (;;) {
    if (accept(".align")) {
      uint64_t align = 0;
      if (!parseCount(align))
        return false;
      if (align == 0 || align > 65536 || (align & (align - 1)))
        return fail("a power of two as the alignment");
      variable.align = std::max(variable.align, static_cast<uint32_t>(align));
    } else if (accept(".attribute")) {
      if (!parseAttribute())
        return false;
    } else if (accept(".v2")) {
      lanes = 2;
    } else if (accept(".v4")) {
      lanes = 4;
    } else {
      break;
    }
  }
  elementBytes = uint64_t(widthOf(token.text)) * lanes;
  if (token.kind != Token::Word || elementBytes == 0)
    return fail("a type");
  variable.align =
      std::max(variable.align, static_cast<uint32_t>(elementBytes));
  advance();
  return true;
}

bool Parser::parseDims(Variable &variable, uint64_t elementBytes) {
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

bool Parser::parseInitial(Variable &variable, uint64_t elementBytes) {
  if (!accept("="))
    return true;
  int open = 0;
  do {
    while (accept("{"))
      ++open;
    if (!parseInitialValue(variable, elementBytes))
      return false;
    while (open > 0 && accept("}"))
      --open;
  } while (open > 0 && accept(","));
  if (open > 0)
    return fail("'}'");
  // .b8 x[] = {...} has the size of its values.
  if (variable.bytes == 0)
    variable.bytes = variable.initial.size();
  return true;
}

/// A number, an address, or a byte of one.
bool Parser::parseInitialValue(Variable &variable, uint64_t elementBytes) {
  size_t at = variable.initial.size();
  if (variable.bytes && at + elementBytes > variable.bytes)
    return fail("no more values than the array holds");
  uint64_t bits = token.bits;
  bool negative = token.is("-") && (ahead.kind == Token::Float32 ||
                                    ahead.kind == Token::Float64);
  if (negative) {
    advance();
    bits = token.bits ^ uint64_t(1) << (token.kind == Token::Float32 ? 31 : 63);
  }
  if (token.kind == Token::Word)
    return parseReference(variable, elementBytes, 0);
  if (token.kind == Token::Integer && ahead.is("("))
    return advance(), parseReference(variable, elementBytes, bits);
  if (token.kind == Token::Float32) {
    advance();
  } else if (token.kind == Token::Float64) {
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    auto narrow = static_cast<float>(value);
    if (elementBytes == 4) // 1.5 is written the same for .f32 and .f64
      bits = 0, std::memcpy(&bits, &narrow, sizeof narrow);
    advance();
  } else if (!parseInteger(bits)) {
    return false;
  }
  variable.initial.resize(at + elementBytes);
  std::memcpy(variable.initial.data() + at, &bits,
              std::min<uint64_t>(elementBytes, 8));
  return true;
}

/// name, name + 4, generic(name), generic(name) + 4; after a mask (0xff00) in
/// parentheses.
bool Parser::parseReference(Variable &variable, uint64_t elementBytes,
                            uint64_t mask) {
  Reference reference;
  reference.at = variable.initial.size();
  reference.bytes = static_cast<uint32_t>(std::min<uint64_t>(elementBytes, 8));
  if (mask) {
    reference.shift = static_cast<unsigned>(__builtin_ctzll(mask));
    if (mask >> reference.shift != 0xff || elementBytes != 1)
      return fail("a mask of one byte, for a variable of .b8 or .u8");
    advance();
  }
  reference.isGeneric = token.is("generic") && ahead.is("(");
  if (reference.isGeneric)
    advance(), advance();
  if (!parseName(reference.symbol) || (reference.isGeneric && !expect(")")))
    return false;
  if (token.is("+") || token.is("-")) {
    uint64_t addend = 0;
    if (!parseInteger(addend, 0))
      return false;
    reference.addend = static_cast<int64_t>(addend);
  }
  if (mask && !expect(")"))
    return false;
  variable.initial.resize(variable.initial.size() + elementBytes);
  variable.references.push_back(std::move(reference));
  return true;
}

/// Declarations elsewhere (.extern) may be repeated.
bool Parser::defineVariable(const Variable &variable) {
  Known::Kind kind = variable.isExtern ? Known::Extern : Known::Variable;
  auto [found, isNew] = known.try_emplace(variable.name, Known{kind});
  if (!isNew && found->second.kind != Known::Extern)
    return refuse("'" + variable.name + "' is defined twice");
  found->second.kind = kind;
  return true;
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

bool Parser::defineFunction(const Function &f, bool hasBody) {
  Known::Kind kind = f.isEntry ? Known::Entry : Known::Function;
  auto [found, isNew] = known.try_emplace(f.name, Known{kind});
  if (found->second.kind != kind)
    return refuse("'" + f.name + "' is defined before as something else");
  if (hasBody && found->second.hasBody)
    return refuse("the function '" + f.name + "' is defined twice");
  found->second.hasBody |= hasBody;
  return true;
}

/// As many bytes as a launch passes.
bool Parser::checkParameters(const Function &f) {
  bool isOld = module.versionMajor * 10 + module.versionMinor < 81;
  uint64_t most = isOld ? 4352 : 32764, bytes = 0;
  for (const Variable &p : f.parameters)
    bytes = (bytes + p.align - 1) / p.align * p.align + p.bytes;
  return !f.isEntry || bytes <= most ||
         refuse("the kernel '" + f.name + "' has " + std::to_string(bytes) +
                " bytes of parameters, more than " + std::to_string(most));
}

bool Parser::parseFunction() {
  Function f;
  f.isEntry = token.is(".entry");
  f.line = token.line;
  advance();
  scopes.assign(1, {0, {}, {}});
  timesNamed.clear();
  locationFile = locationLine = 0;
  if (accept(".attribute") && !parseAttribute())
    return false;
  if (!f.isEntry && accept("(") &&
      !parseParameters(f, f.returns, f.returnRegisters))
    return false;
  if (!parseName(f.name))
    return false;
  if (accept("(") && !parseParameters(f, f.parameters, f.parameterRegisters))
    return false;
  if (!checkParameters(f) || !parseTuning(f) ||
      !defineFunction(f, token.is("{")))
    return false;
  if (accept(";"))
    return true; // a declaration
  f.scopeParents.push_back(-1);
  if (!expect("{"))
    return false;
  fileNumbers.emplace_back();
  while (!scopes.empty())
    if (!parseStatement(f))
      return false;
  keepUsedRegisters(f);
  module.functions.push_back(std::move(f));
  return true;
}

/// .ptr [.space] [.align n]: says nothing that the executor needs.
bool Parser::parsePointerNote() {
  Space space;
  parseSpace(space);
  uint64_t ignored = 0;
  return !accept(".align") || parseCount(ignored);
}

bool Parser::parseParameters(Function &f, std::vector<Variable> &into,
                             std::vector<int> &registers) {
  while (!accept(")")) {
    Variable p;
    p.space = Space::Param;
    uint64_t elementBytes = 0;
    bool isRegister = !f.isEntry && token.is(".reg");
    if (!(accept(".param") || (isRegister && accept(".reg")) ||
          fail("'.param'")))
      return false;
    std::string type(token.text.substr(token.text.empty() ? 0 : 1));
    if (isRegister && token.is(".pred")) {
      advance();
      p.bytes = 1;
    } else if (!parseType(p, elementBytes)) {
      return false;
    }
    if (accept(".ptr") && !parsePointerNote())
      return false;
    if (!parseName(p.name) || (elementBytes && !parseDims(p, elementBytes)))
      return false;
    registers.push_back(isRegister ? static_cast<int>(f.registers.size()) : -1);
    if (isRegister ? !addRegister(f, p.name, type) : !declareVariable(p))
      return false;
    into.push_back(std::move(p));
    if (!token.is(")") && !expect(","))
      return false;
  }
  return true;
}

bool Parser::parseTuningNumber(unsigned &number, bool mayBeZero) {
  uint64_t value = 0;
  if (!parseCount(value))
    return false;
  if (value > UINT32_MAX || (value == 0 && !mayBeZero))
    return refuse(std::string("expected a number from ") +
                  (mayBeZero ? "0" : "1") + " to 2^32 - 1");
  number = static_cast<unsigned>(value);
  return true;
}

bool Parser::parseDim3(Dim3 &dims, bool mayBeZero) {
  dims = {1, 1, 1};
  if (!parseTuningNumber(dims.x, mayBeZero) ||
      (accept(",") && !parseTuningNumber(dims.y, mayBeZero)) ||
      (accept(",") && !parseTuningNumber(dims.z, mayBeZero)))
    return false;
  constexpr uint64_t most = UINT32_MAX;
  uint64_t plane = uint64_t(dims.x) * dims.y;
  return (plane <= most && plane * dims.z <= most) ||
         refuse("expected dimensions whose product is below 2^32");
}

/// .maxnreg and its like: where the number goes, or null; `ignored` takes what
/// means nothing here.
static unsigned *numberNamed(const Token &token, Function &f,
                             unsigned &ignored) {
  if (token.is(".maxclusterrank"))
    return &f.maxClusterRank;
  if (token.is(".minnctapersm"))
    return &f.minCtas;
  if (token.is(".maxnreg"))
    return &f.maxRegisters;
  bool isOther = token.is(".maxnctapersm") || token.is(".abi_preserve") ||
                 token.is(".abi_preserve_control");
  return isOther ? &ignored : nullptr;
}

bool Parser::parseTuning(Function &f) {
  for (;;) {
    unsigned ignored = 0;
    unsigned *number = numberNamed(token, f, ignored);
    Dim3 *dims = token.is(".reqntid")             ? &f.requiredThreads
                 : token.is(".maxntid")           ? &f.maxThreads
                 : token.is(".reqnctapercluster") ? &f.requiredCluster
                                                  : nullptr;
    if (number || dims) {
      bool mayBeZero = dims == &f.requiredCluster ||
                       number == &f.maxClusterRank || number == &ignored;
      advance();
      if (!(dims ? parseDim3(*dims, mayBeZero)
                 : parseTuningNumber(*number, mayBeZero)))
        return false;
    } else if (accept(".explicitcluster")) {
      f.explicitCluster = true;
    } else if (accept(".blocksareclusters")) {
      f.blocksAreClusters = true;
    } else if (token.is(".pragma")) {
      if (!parseNote())
        return false;
    } else if (!accept(".noreturn") && !accept(".unique")) {
      return !(f.requiredThreads.x && f.maxThreads.x) ||
             refuse("expected .reqntid or .maxntid, not both");
    }
  }
}

Expected<Module> nybl::emu::ptx::parse(std::string_view text) {
  return Parser(text).run();
}
