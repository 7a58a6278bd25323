// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The lexer.

#include "tools/emulator/Ptx/Lexer.h"

#include <bit>
#include <cctype>
#include <cerrno>
#include <cstdlib>

using namespace nybl::emu::ptx;

static bool startsWord(char c) {
  return std::isalpha(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
         c == '%' || c == '.';
}

static bool continuesWord(char c) {
  return startsWord(c) || std::isdigit(static_cast<unsigned char>(c));
}

void Lexer::skipBlanks() {
  while (at < text.size()) {
    if (text[at] == '\n') {
      ++line;
      lineStart = ++at;
    } else if (std::isspace(static_cast<unsigned char>(text[at]))) {
      ++at;
    } else if (text.substr(at, 2) == "//") {
      at = std::min(text.find('\n', at), text.size());
    } else if (text.substr(at, 2) == "/*") {
      size_t end = text.find("*/", at + 2);
      size_t stop = end == text.npos ? text.size() : end + 2;
      for (; at < stop; ++at)
        if (text[at] == '\n') {
          ++line;
          lineStart = at + 1;
        }
    } else {
      return;
    }
  }
}

Token Lexer::make(Token::Kind kind, size_t length) {
  Token token;
  token.kind = kind;
  token.text = text.substr(at, length);
  token.line = line;
  token.column = static_cast<unsigned>(at - lineStart + 1);
  at += length;
  return token;
}

size_t Lexer::wordLength() const {
  size_t end = at;
  while (end < text.size()) {
    if (continuesWord(text[end]))
      ++end;
    else if (text.substr(end, 2) == "::" && end + 2 < text.size() &&
             continuesWord(text[end + 2]))
      end += 2;
    else
      break;
  }
  return end - at;
}

/// 12, 0x1F, 0b101, 017, 12U, 0f3F800000, 0d3FF0000000000000, 1.5, 1e3
Token Lexer::number() {
  std::string_view rest = text.substr(at);
  bool hexFloat =
      rest.size() > 1 && rest[0] == '0' &&
      (rest[1] == 'f' || rest[1] == 'F' || rest[1] == 'd' || rest[1] == 'D');
  size_t length = 0;
  while (length < rest.size() &&
         (std::isalnum(static_cast<unsigned char>(rest[length])) ||
          rest[length] == '.' ||
          ((rest[length] == '+' || rest[length] == '-') && !hexFloat &&
           (rest[length - 1] == 'e' || rest[length - 1] == 'E') &&
           rest.substr(0, 2) != "0x")))
    ++length;
  std::string word(rest.substr(0, length));
  char *end = nullptr;
  if (hexFloat) {
    bool wide = word[1] == 'd' || word[1] == 'D';
    uint64_t bits = std::strtoull(word.c_str() + 2, &end, 16);
    bool whole = *end == 0 && word.size() == (wide ? 18u : 10u);
    Token token = make(!whole ? Token::Bad
                       : wide ? Token::Float64
                              : Token::Float32,
                       length);
    token.bits = bits;
    return token;
  }
  bool isFloat = word.find('.') != word.npos ||
                 (word.substr(0, 2) != "0x" && word.substr(0, 2) != "0X" &&
                  word.find_first_of("eE") != word.npos);
  if (isFloat) {
    double value = std::strtod(word.c_str(), &end);
    Token token = make(*end == 0 ? Token::Float64 : Token::Bad, length);
    token.bits = std::bit_cast<uint64_t>(value);
    return token;
  }
  if (!word.empty() && (word.back() == 'U' || word.back() == 'u'))
    word.pop_back();
  errno = 0;
  bool binary = word.substr(0, 2) == "0b";
  uint64_t value = binary ? std::strtoull(word.c_str() + 2, &end, 2)
                          : std::strtoull(word.c_str(), &end, 0);
  bool fits = errno != ERANGE && *end == 0;
  Token token = make(fits ? Token::Integer : Token::Bad, length);
  token.bits = value;
  return token;
}

Token Lexer::next() {
  skipBlanks();
  if (at >= text.size())
    return make(Token::End, 0);
  char c = text[at];
  if (std::isdigit(static_cast<unsigned char>(c)))
    return number();
  if (startsWord(c))
    return make(Token::Word, wordLength());
  if (c == '"') {
    size_t end = text.find('"', at + 1);
    if (end == text.npos)
      return make(Token::Bad, text.size() - at);
    return make(Token::String, end + 1 - at);
  }
  return make(Token::Sign, 1);
}
