// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// PTX as words, numbers and signs. A word keeps its dots: "add.s32", ".reg",
// "%tid.x", "kind::mxf4nvf4" are one word each.
#ifndef NYBL_EMULATOR_PTX_LEXER_H
#define NYBL_EMULATOR_PTX_LEXER_H

#include <cstdint>
#include <string>
#include <string_view>

namespace nybl::emu::ptx {

struct Token {
  enum Kind {
    Word,
    Integer,
    Float32,
    Float64,
    String,
    Sign,
    End,
    Bad
  } kind = End;
  std::string_view text;
  uint64_t bits = 0; ///< of a number
  unsigned line = 1, column = 1;
  bool is(std::string_view t) const {
    return (kind == Word || kind == Sign) && text == t;
  }
};

class Lexer {
public:
  explicit Lexer(std::string_view text) : text(text) {}
  Token next();

private:
  void skipBlanks();
  Token make(Token::Kind kind, size_t length);
  Token number();
  size_t wordLength() const;

  std::string_view text;
  size_t at = 0;
  unsigned line = 1;
  size_t lineStart = 0;
};

} // namespace nybl::emu::ptx

#endif // NYBL_EMULATOR_PTX_LEXER_H
