// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Reads what nvdisasm prints: sections, labels, instructions with their
// encodings.

#include "tools/sass/Code.h"
#include <algorithm>
#include <charconv>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::sass;

namespace {

std::string_view trimmed(std::string_view text) {
  size_t begin = text.find_first_not_of(" \t\r");
  if (begin == text.npos)
    return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

std::string_view firstWord(std::string_view text) {
  return text.substr(0, text.find_first_of(" \t"));
}

/// Digits in base 16 and nothing else.
bool readHex(std::string_view digits, uint64_t &value) {
  auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, 16);
  return error == std::errc() && end == digits.data() + digits.size();
}

class Reader {
public:
  Status line(std::string_view text);
  Expected<std::vector<Code>> finish();

private:
  void section(std::string_view rest);
  Status comment(std::string_view text);
  Status instruction(std::string_view address, std::string_view rest);

  std::vector<Code> kernels;
  bool inCode = false;
  size_t lineNumber = 0;
};

Status wrong(size_t line, const char *expected, std::string_view got) {
  return Status::invalid(
      fmt::format("line {} of what nvdisasm prints: expected {}, got '{}'",
                  line, expected, got));
}

void Reader::section(std::string_view rest) {
  constexpr std::string_view code = ".text.";
  rest = trimmed(rest);
  inCode = rest.starts_with(code);
  if (!inCode)
    return;
  rest.remove_prefix(code.size());
  kernels.emplace_back();
  kernels.back().name = rest.substr(0, rest.find_first_of(",\""));
}

/// An address and an instruction, or the upper half of an encoding.
Status Reader::comment(std::string_view text) {
  size_t end = text.find("*/");
  if (end == text.npos)
    return wrong(lineNumber, "the end of a comment", text);
  std::string_view inside = trimmed(text.substr(2, end - 2));
  if (!inside.starts_with("0x"))
    return instruction(inside, trimmed(text.substr(end + 2)));
  uint64_t word = 0;
  if (!readHex(inside.substr(2), word) || kernels.back().instructions.empty())
    return wrong(lineNumber, "half of an encoding", text);
  kernels.back().instructions.back().control = word;
  return Status::ok();
}

Status Reader::instruction(std::string_view address, std::string_view rest) {
  Instruction in;
  size_t end = rest.find(';');
  if (!readHex(address, in.place) || end == rest.npos)
    return wrong(lineNumber, "an address, an instruction and a semicolon",
                 rest);
  rest = trimmed(rest.substr(0, end));
  if (rest.starts_with("@")) {
    in.guard = firstWord(rest);
    rest = trimmed(rest.substr(in.guard.size()));
  }
  in.opcode = firstWord(rest);
  in.operands = trimmed(rest.substr(in.opcode.size()));
  if (in.opcode.empty())
    return wrong(lineNumber, "an instruction", rest);
  kernels.back().instructions.push_back(std::move(in));
  return Status::ok();
}

Status Reader::line(std::string_view text) {
  ++lineNumber;
  text = trimmed(text);
  if (text.starts_with(".section")) {
    section(text.substr(8));
    return Status::ok();
  }
  if (!inCode || text.empty())
    return Status::ok();
  if (text.starts_with("/*"))
    return comment(text);
  if (text.ends_with(":")) {
    Code &kernel = kernels.back();
    kernel.labels[std::string(text.substr(0, text.size() - 1))] =
        kernel.instructions.size();
  }
  return Status::ok();
}

Expected<std::vector<Code>> Reader::finish() {
  for (const Code &kernel : kernels)
    if (kernel.instructions.empty())
      return Status::invalid("what nvdisasm prints: expected instructions of " +
                             kernel.name + ", found none");
  if (kernels.empty())
    return Status::invalid("what nvdisasm prints: expected a section .text. "
                           "of a kernel, found none");
  return std::move(kernels);
}

} // namespace

Expected<std::vector<Code>> nybl::sass::parseSass(std::string_view text) {
  Reader reader;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    if (Status status = reader.line(text.substr(0, end)); !status)
      return status;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return reader.finish();
}
