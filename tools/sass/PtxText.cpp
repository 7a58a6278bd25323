// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads the kernels of a PTX text, statement by statement.

#include "tools/sass/Code.h"
#include <algorithm>
#include <cctype>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::sass;

namespace {

bool isSpace(char c) { return std::isspace(static_cast<unsigned char>(c)); }
bool isNameChar(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' ||
         c == '%';
}

/// Blanks in place of comments, so that lines keep their numbers.
std::string withoutComments(std::string_view text) {
  std::string out(text);
  for (size_t i = 0; i + 1 < out.size(); ++i) {
    if (out[i] != '/' || (out[i + 1] != '/' && out[i + 1] != '*'))
      continue;
    bool line = out[i + 1] == '/';
    size_t end = line ? out.find('\n', i) : out.find("*/", i + 2);
    end = std::min(line || end == out.npos ? end : end + 2, out.size());
    for (; i < end; ++i)
      if (out[i] != '\n')
        out[i] = ' ';
    --i;
  }
  return out;
}

class Reader {
public:
  explicit Reader(std::string_view ptx) : text(withoutComments(ptx)) {}
  Expected<std::vector<Code>> kernels();

private:
  void skipSpace() {
    while (at < text.size() && isSpace(text[at]))
      ++at;
  }
  std::string name();
  /// Past the next one of `any`; what came before.
  std::string upTo(const char *any);
  Status wrong(const std::string &expected) const;
  Status body(Code &kernel);
  Status statement(Code &kernel);
  bool label(Code &kernel);
  void instruction(Code &kernel, std::string words, size_t line);

  std::string text;
  size_t at = 0;
  std::string lastLabel;
};

size_t lineOf(const std::string &text, size_t at) {
  return 1 +
         static_cast<size_t>(std::count(
             text.begin(), text.begin() + static_cast<ptrdiff_t>(at), '\n'));
}

Status Reader::wrong(const std::string &expected) const {
  return Status::invalid(fmt::format("line {} of the PTX: expected {}",
                                     lineOf(text, std::min(at, text.size())),
                                     expected));
}

std::string Reader::name() {
  skipSpace();
  size_t begin = at;
  while (at < text.size() && isNameChar(text[at]))
    ++at;
  return text.substr(begin, at - begin);
}

std::string Reader::upTo(const char *any) {
  size_t end = std::min(text.find_first_of(any, at), text.size());
  std::string before = text.substr(at, end - at);
  at = std::min(end + 1, text.size());
  return before;
}

bool Reader::label(Code &kernel) {
  size_t begin = at;
  std::string word = name();
  skipSpace();
  if (word.empty() || at >= text.size() || text[at] != ':' ||
      text.compare(at, 2, "::") == 0) {
    at = begin;
    return false;
  }
  ++at;
  kernel.labels[word] = kernel.instructions.size();
  lastLabel = word;
  return true;
}

void Reader::instruction(Code &kernel, std::string words, size_t line) {
  std::replace_if(words.begin(), words.end(), isSpace, ' ');
  Instruction in;
  in.place = line;
  auto word = [&] {
    words.erase(0, words.find_first_not_of(' '));
    std::string first = words.substr(0, words.find(' '));
    words.erase(0, first.size());
    return first;
  };
  in.opcode = word();
  if (in.opcode.starts_with("@")) {
    in.guard = in.opcode;
    in.opcode = word();
  }
  words.erase(0, words.find_first_not_of(' '));
  in.operands = words;
  kernel.instructions.push_back(std::move(in));
}

Status Reader::statement(Code &kernel) {
  if (label(kernel))
    return Status::ok();
  size_t begin = at;
  if (text[at] != '.') {
    size_t line = lineOf(text, at);
    std::string words = upTo(";");
    if (text[at - 1] != ';')
      return wrong("a semicolon, got the end");
    instruction(kernel, words, line);
    return Status::ok();
  }
  ++at;
  std::string directive = name();
  if (directive == "loc") {
    upTo("\n");
  } else if (directive == "branchtargets") {
    std::string names = upTo(";");
    std::vector<std::string> &table = kernel.tables[lastLabel];
    for (size_t i = 0; i < names.size();) {
      size_t end = i;
      while (end < names.size() && isNameChar(names[end]))
        ++end;
      if (end > i)
        table.push_back(names.substr(i, end - i));
      i = std::max(end, i + 1);
    }
  } else {
    upTo(";");
  }
  return at > begin ? Status::ok() : wrong("a statement");
}

Status Reader::body(Code &kernel) {
  for (int depth = 1; depth > 0;) {
    skipSpace();
    if (at >= text.size())
      return wrong("'}' at the end of " + kernel.name + ", got the end");
    if (text[at] == '{' || text[at] == '}') {
      depth += text[at++] == '{' ? 1 : -1;
      continue;
    }
    if (Status status = statement(kernel); !status)
      return status;
  }
  return Status::ok();
}

Expected<std::vector<Code>> Reader::kernels() {
  std::vector<Code> found;
  while ((at = text.find_first_of(".{", at)) < text.size()) {
    if (text[at++] == '{') {
      upTo("}"); // the values of a variable
      continue;
    }
    std::string directive = name();
    if (directive == "func") {
      upTo(";{");
      if (text[at - 1] == '{')
        return wrong("kernels (.entry) alone, got a .func with a body");
    }
    if (directive != "entry")
      continue;
    Code &kernel = found.emplace_back();
    kernel.name = name();
    upTo("{");
    if (kernel.name.empty() || text[at - 1] != '{')
      return wrong("a name and a body after .entry");
    if (Status status = body(kernel); !status)
      return status;
    if (kernel.instructions.empty())
      return wrong("instructions in " + kernel.name + ", got none");
  }
  if (found.empty())
    return Status::invalid("the PTX: expected a kernel (.entry), found none");
  return found;
}

} // namespace

Expected<std::vector<Code>> nybl::sass::parsePtx(std::string_view text) {
  return Reader(text).kernels();
}
