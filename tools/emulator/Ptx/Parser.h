// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser's parts: Parser.cpp reads directives and declarations,
// ParserBody.cpp what stands between the braces of a function. Semantics of an
// instruction are none of its business (Exec/Decode).
#ifndef NYBL_EMULATOR_PTX_PARSER_H
#define NYBL_EMULATOR_PTX_PARSER_H

#include "tools/emulator/Ptx/Lexer.h"
#include "tools/emulator/Ptx/Module.h"

namespace nybl::emu::ptx {

/// Every parse function returns false after fail().
class Parser {
public:
  explicit Parser(std::string_view text);
  Expected<Module> run();

private:
  // Tokens --------------------------------------------------------------------
  bool fail(const std::string &expected);
  /// For what is understood but not supported: the sentence stands alone.
  bool refuse(const std::string &sentence);
  void advance();
  bool accept(std::string_view text);
  bool expect(std::string_view text);
  bool skipTo(std::string_view sign);
  bool parseName(std::string &name);
  bool parseCount(uint64_t &value);                       ///< one number
  bool parseInteger(uint64_t &value, int precedence = 0); ///< an expression
  bool parseIntegerUnary(uint64_t &value);
  int binaryPrecedence(std::string_view &op) const;
  bool applyBinary(std::string_view op, uint64_t right, uint64_t &value);

  // Parser.cpp ----------------------------------------------------------------
  bool parseTopLevel();
  bool parseVersion();
  bool parseTarget();
  bool parseNote();
  bool parseFile();
  bool parseLocation();
  bool parseAlias();
  bool defineVariable(const Variable &variable);
  bool defineFunction(const Function &f, bool hasBody);
  bool skipSection();
  bool parseDeclaration();
  bool parseSpace(Space &space);
  bool parseAttribute();
  bool parseVariables(Variable prototype, std::vector<Variable> &into,
                      bool isLocal);
  bool parseType(Variable &variable, uint64_t &elementBytes);
  bool parseDims(Variable &variable, uint64_t elementBytes);
  bool parseInitial(Variable &variable, uint64_t elementBytes);
  bool parseInitialValue(Variable &variable, uint64_t elementBytes);
  bool parseReference(Variable &variable, uint64_t elementBytes, uint64_t mask);
  bool parseFunction();
  bool parseParameters(Function &f, std::vector<Variable> &into,
                       std::vector<int> &registers);
  bool parsePointerNote();
  bool checkParameters(const Function &f);
  bool parseTuning(Function &f);
  bool parseTuningNumber(unsigned &number, bool mayBeZero);
  bool parseDim3(Dim3 &dims, bool mayBeZero);
  void resolveFiles();

  // ParserBody.cpp ------------------------------------------------------------
  bool parseStatement(Function &f);
  bool openScope(Function &f);
  bool parseRegisters(Function &f);
  bool addRegister(Function &f, const std::string &name,
                   const std::string &type);
  bool declareVariable(Variable &variable);
  int findRegister(const std::string &name) const;
  std::string variableNamed(const std::string &name) const;
  bool parseLabel(Function &f);
  bool parseInstruction(Function &f);
  bool parseOperand(Operand &operand);
  bool parseNumber(Operand &operand);
  bool parseVector(Operand &operand, Operand::Kind kind,
                   std::string_view closing);
  bool parseAddress(Operand &operand);
  bool parseNamed(Operand &operand);
  bool parseSecond(Operand &operand);
  static void keepUsedRegisters(Function &f);

  Lexer lexer;
  Token token, ahead;
  const char *previousEnd = nullptr;
  std::string failure;
  Module module;
  struct Known {
    enum Kind { Variable, Extern, Function, Entry } kind;
    bool hasBody = false;
  };
  std::map<std::string, Known> known; ///< names of the module
  unsigned depth = 0;                 ///< of nested operands and expressions
  bool inCall = false; ///< (4) is a list there, not an expression

  struct Scope {
    int number;
    std::map<std::string, int> registers;
    std::map<std::string, std::string> variables; ///< name, unique name
  };
  std::vector<Scope> scopes;                  ///< open ones
  std::map<std::string, unsigned> timesNamed; ///< variables of this body
  std::map<uint64_t, std::string> files;      ///< .file
  uint64_t locationFile = 0;
  unsigned locationLine = 0;
  /// The file number of each instruction with a location: .file may follow.
  std::vector<std::vector<uint64_t>> fileNumbers;
};

/// Bytes of a type written with its dot, 0 for none and for predicates.
unsigned widthOf(std::string_view type);

} // namespace nybl::emu::ptx

#endif // NYBL_EMULATOR_PTX_PARSER_H
