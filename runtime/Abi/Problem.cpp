// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The problem line: parser, printer, specialisation.

#include "runtime/Abi/Problem.h"

#include <charconv>
#include <fmt/format.h>
#include <vector>

using namespace nybl;

namespace {

constexpr size_t maxLineLength = 4096;
constexpr int64_t maxExtent = (int64_t(1) << 31) - 1;

/// One word of the line, counted from 1.
struct Word {
  size_t number;
  std::string_view text;
  std::string_view key() const { return text.substr(0, text.find('=')); }
  std::string_view value() const {
    size_t equals = text.find('=');
    return equals == text.npos ? std::string_view() : text.substr(equals + 1);
  }
};

Status at(const Word &word, std::string what) {
  return Status::invalid(
      fmt::format("at word {} '{}': {}", word.number, word.text, what));
}

std::vector<Word> split(std::string_view line) {
  std::vector<Word> words;
  constexpr std::string_view blanks = " \t\r\n";
  for (size_t begin = line.find_first_not_of(blanks); begin != line.npos;) {
    size_t end = std::min(line.find_first_of(blanks, begin), line.size());
    words.push_back({words.size() + 1, line.substr(begin, end - begin)});
    begin = line.find_first_not_of(blanks, end);
  }
  return words;
}

Expected<int64_t> parseNumber(const Word &word, std::string_view text) {
  int64_t number = 0;
  auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() ||
      text.empty() || number < 0 || number > maxExtent)
    return at(word, fmt::format("expected a number from 0 to {}, got '{}'",
                                maxExtent, text));
  return number;
}

Status parseM(const Word &word, GemmProblem &problem) {
  std::string_view value = word.value();
  if (value == "?") {
    problem.m = Extent::free();
    return Status::ok();
  }
  size_t dots = value.find("..");
  Expected<int64_t> low = parseNumber(word, value.substr(0, dots));
  if (!low)
    return low.status();
  if (dots == value.npos) {
    problem.m = Extent::fixed(*low);
    return Status::ok();
  }
  Expected<int64_t> high = parseNumber(word, value.substr(dots + 2));
  if (!high)
    return high.status();
  if (*low > *high)
    return at(word,
              fmt::format("expected m=LOW..HIGH with LOW <= HIGH, got {} > {}",
                          *low, *high));
  problem.m = {*low, *high};
  return Status::ok();
}

Status parseN(const Word &word, GemmProblem &problem) {
  Expected<int64_t> number = parseNumber(word, word.value());
  if (number)
    problem.n = *number;
  return number.status();
}

Status parseK(const Word &word, GemmProblem &problem) {
  Expected<int64_t> number = parseNumber(word, word.value());
  if (!number)
    return number.status();
  if (*number == 0 || *number % kBlock != 0)
    return at(word,
              fmt::format("k must be a positive multiple of {} (one scale "
                          "factor covers {} elements), got {}",
                          kBlock, kBlock, *number));
  problem.k = *number;
  return Status::ok();
}

Status parseOneOf(const Word &word, std::string_view only) {
  if (word.value() == only)
    return Status::ok();
  return at(word, fmt::format("expected {}={}, got '{}'", word.key(), only,
                              word.value()));
}

Status parseLayout(const Word &word, ScaleLayout &layout) {
  Expected<ScaleLayout> parsed = parseScaleLayout(word.value());
  if (!parsed)
    return at(word, parsed.message());
  layout = *parsed;
  return Status::ok();
}

Status parseOutput(const Word &word, GemmProblem &problem) {
  for (OutputType type : {OutputType::BF16, OutputType::F16, OutputType::F32})
    if (word.value() == name(type)) {
      problem.d = type;
      return Status::ok();
    }
  return at(word,
            fmt::format("expected d=bf16, f16 or f32, got '{}'", word.value()));
}

Status parseAlpha(const Word &word, GemmProblem &problem) {
  for (AlphaKind kind : {AlphaKind::None, AlphaKind::Tensor})
    if (word.value() == name(kind)) {
      problem.alpha = kind;
      return Status::ok();
    }
  return at(word, fmt::format("expected alpha=tensor or none, got '{}'",
                              word.value()));
}

Status parseWord(const Word &word, GemmProblem &problem) {
  std::string_view key = word.key();
  if (key == "m")
    return parseM(word, problem);
  if (key == "n")
    return parseN(word, problem);
  if (key == "k")
    return parseK(word, problem);
  if (key == "a" || key == "b")
    return parseOneOf(word, "nvfp4");
  if (key == "sfa")
    return parseLayout(word, problem.sfa);
  if (key == "sfb")
    return parseLayout(word, problem.sfb);
  if (key == "d")
    return parseOutput(word, problem);
  if (key == "alpha")
    return parseAlpha(word, problem);
  if (key == "bias" || key == "act")
    return parseOneOf(word, "none");
  return at(word,
            fmt::format("unknown key '{}': expected m, n, k, a, b, sfa, sfb, "
                        "d, alpha, bias or act",
                        key));
}

} // namespace

std::string_view nybl::name(ElementFormat) { return "nvfp4"; }

std::string_view nybl::name(OutputType type) {
  switch (type) {
  case OutputType::BF16:
    return "bf16";
  case OutputType::F16:
    return "f16";
  case OutputType::F32:
    break;
  }
  return "f32";
}

std::string_view nybl::name(AlphaKind kind) {
  return kind == AlphaKind::None ? "none" : "tensor";
}

unsigned nybl::byteWidth(OutputType type) {
  return type == OutputType::F32 ? 4 : 2;
}

Expected<GemmProblem> nybl::parseProblem(std::string_view line) {
  if (line.size() > maxLineLength)
    return Status::invalid(fmt::format("expected a problem line of at most {} "
                                       "characters, got {}",
                                       maxLineLength, line.size()));
  for (unsigned char c : line)
    if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c >= 0x7f)
      return Status::invalid(fmt::format(
          "expected printable ASCII in a problem line, got byte 0x{:02x}", c));
  std::vector<Word> words = split(line);
  if (words.empty())
    return Status::invalid("expected a problem line such as 'gemm m=? n=4096 "
                           "k=7168', got nothing");
  if (words[0].text != "gemm")
    return at(words[0], "unknown operation: expected gemm");
  GemmProblem problem;
  bool haveN = false, haveK = false;
  for (size_t i = 1; i < words.size(); ++i) {
    for (size_t j = 1; j < i; ++j)
      if (words[j].key() == words[i].key())
        return at(words[i], fmt::format("'{}' was given before, at word {}",
                                        words[i].key(), words[j].number));
    if (Status status = parseWord(words[i], problem); !status)
      return status;
    haveN |= words[i].key() == "n";
    haveK |= words[i].key() == "k";
  }
  if (!haveN || !haveK)
    return Status::invalid(
        fmt::format("expected {}=NUMBER in '{}'", haveN ? "k" : "n", line));
  return problem;
}

std::string nybl::print(const GemmProblem &p) {
  std::string m = p.m.isFree()    ? "?"
                  : p.m.isFixed() ? fmt::format("{}", p.m.low)
                                  : fmt::format("{}..{}", p.m.low, p.m.high);
  return fmt::format(
      "gemm m={} n={} k={} a={} b={} sfa={} sfb={} d={} alpha={} "
      "bias=none act=none",
      m, p.n, p.k, name(p.a), name(p.b), name(p.sfa), name(p.sfb), name(p.d),
      name(p.alpha));
}

GemmProblem nybl::specialise(const GemmProblem &problem) {
  GemmProblem result = problem;
  result.m = Extent::free();
  for (int64_t most : {16, 32, 64, 128})
    if (problem.m.high <= most) {
      result.m = {0, most};
      break;
    }
  return result;
}
