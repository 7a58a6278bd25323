// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parser's hold on the token stream, names, and constant expressions.

#include "tools/emulator/Ptx/Parser.h"

using namespace nybl::emu;
using namespace nybl::emu::ptx;

Parser::Parser(std::string_view text) : lexer(text) {
  token = lexer.next();
  ahead = lexer.next();
}

static std::string placeOf(const Token &token) {
  return "line " + std::to_string(token.line) + ", column " +
         std::to_string(token.column) + ": ";
}

bool Parser::fail(const std::string &expected) {
  if (failure.empty())
    failure = placeOf(token) + "expected " + expected + ", got '" +
              std::string(token.kind == Token::End ? "the end of the text"
                                                   : token.text.substr(0, 60)) +
              "'";
  return false;
}

bool Parser::refuse(const std::string &sentence) {
  if (failure.empty())
    failure = placeOf(token) + sentence;
  return false;
}

void Parser::advance() {
  previousEnd = token.text.data() + token.text.size();
  token = ahead;
  ahead = lexer.next();
}

bool Parser::accept(std::string_view text) {
  if (!token.is(text))
    return false;
  advance();
  return true;
}

bool Parser::expect(std::string_view text) {
  return accept(text) || fail("'" + std::string(text) + "'");
}

bool Parser::skipTo(std::string_view sign) {
  while (!token.is(sign)) {
    if (token.kind == Token::End)
      return fail("'" + std::string(sign) + "'");
    advance();
  }
  advance();
  return true;
}

bool Parser::parseName(std::string &name) {
  if (token.kind != Token::Word || token.text[0] == '.')
    return fail("a name");
  name = token.text;
  advance();
  return true;
}

bool Parser::parseCount(uint64_t &value) {
  if (token.kind != Token::Integer)
    return fail("a number");
  value = token.bits;
  advance();
  return true;
}

//===----------------------------------------------------------------------===//
// Constant expressions, in 64 bits
//===----------------------------------------------------------------------===//

/// Signs in a loop: however many there are, they need no stack. Any row of them
/// comes to negation or not and one more or less, as ~v is -v - 1.
bool Parser::parseIntegerUnary(uint64_t &value) {
  uint64_t factor = 1, addend = 0;
  for (;; advance())
    if (token.is("-"))
      factor = ~factor + 1;
    else if (token.is("~"))
      factor = ~factor + 1, addend += factor;
    else if (!token.is("+"))
      break;
  if (accept("(")) {
    if (!parseInteger(value) || !expect(")"))
      return false;
  } else if (!parseCount(value)) {
    return false;
  }
  value = value * factor + addend;
  return true;
}

/// Of the operator that stands here, or 0; << and >> are two signs.
int Parser::binaryPrecedence(std::string_view &op) const {
  static constexpr std::pair<std::string_view, int> operators[] = {
      {"|", 1}, {"^", 2}, {"&", 3}, {"<", 4}, {">", 4},
      {"+", 5}, {"-", 5}, {"*", 6}, {"/", 6}, {"%", 6}};
  if (token.kind != Token::Sign && token.text != "%")
    return 0;
  for (auto &[text, precedence] : operators)
    if (token.text == text) {
      bool shift = text == "<" || text == ">";
      if (shift &&
          !(ahead.is(text) && ahead.text.data() == token.text.data() + 1))
        return 0;
      op = text;
      return precedence;
    }
  return 0;
}

bool Parser::applyBinary(std::string_view op, uint64_t right, uint64_t &value) {
  switch (op[0]) {
  case '|':
    value |= right;
    return true;
  case '^':
    value ^= right;
    return true;
  case '&':
    value &= right;
    return true;
  case '<':
    value = right < 64 ? value << right : 0;
    return true;
  case '>':
    value = right < 64 ? value >> right : 0;
    return true;
  case '+':
    value += right;
    return true;
  case '-':
    value -= right;
    return true;
  case '*':
    value *= right;
    return true;
  default:
    if (right == 0)
      return fail("no division by zero before this");
    value = op[0] == '/' ? value / right : value % right;
    return true;
  }
}

bool Parser::parseInteger(uint64_t &value, int precedence) {
  if (++depth > 64)
    return fail("a simpler expression");
  bool good = parseIntegerUnary(value);
  std::string_view op;
  for (int binds; good && (binds = binaryPrecedence(op)) > precedence;) {
    advance();
    if (op == "<" || op == ">")
      advance();
    uint64_t right = 0;
    good = parseInteger(right, binds) && applyBinary(op, right, value);
  }
  --depth;
  return good;
}
