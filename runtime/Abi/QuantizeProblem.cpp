// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parser, printer and specialisation of quantisations and of what undoes them.

#include "runtime/Abi/QuantizeProblem.h"
#include "runtime/Abi/ProblemWords.h"

#include <fmt/format.h>
#include <iterator>

using namespace nybl;
using namespace nybl::words;

namespace {

Status parseGlobal(const Word &word, GlobalKind &global) {
  for (GlobalKind kind :
       {GlobalKind::None, GlobalKind::Encode, GlobalKind::Decode})
    if (word.value() == name(kind)) {
      global = kind;
      return Status::ok();
    }
  return at(word, fmt::format("expected global=encode, decode or none, got "
                              "'{}'",
                              word.value()));
}

Status parseMath(const Word &word, QuantizeMath &math) {
  for (QuantizeMath kind : {QuantizeMath::Exact, QuantizeMath::Fast})
    if (word.value() == name(kind)) {
      math = kind;
      return Status::ok();
    }
  return at(word,
            fmt::format("expected math=exact or fast, got '{}'", word.value()));
}

Status parsePad(const Word &word, bool &rows) {
  rows = word.value() == "rows";
  if (rows || word.value() == "none")
    return Status::ok();
  return at(word,
            fmt::format("expected pad=rows or none, got '{}'", word.value()));
}

Status parseFuse(const Word &word, QuantizeFuse &fuse) {
  for (QuantizeFuse kind : {QuantizeFuse::None, QuantizeFuse::SiluMul})
    if (word.value() == name(kind)) {
      fuse = kind;
      return Status::ok();
    }
  return at(word, fmt::format("expected fuse=none or silu_mul, got '{}'",
                              word.value()));
}

Status parseWord(const Word &word, QuantizeProblem &problem) {
  std::string_view key = word.key();
  if (key == "m")
    return parseM(word, problem.m);
  if (key == "k")
    return parseK(word, problem.k);
  if (key == "x")
    return parseType(word, problem.x);
  if (key == "q")
    return parseOneOf(word, "nvfp4");
  if (key == "sf")
    return parseLayout(word, problem.sf);
  if (key == "global")
    return parseGlobal(word, problem.global);
  if (key == "math")
    return parseMath(word, problem.math);
  if (key == "pad")
    return parsePad(word, problem.padRows);
  if (key == "fuse")
    return parseFuse(word, problem.fuse);
  return at(word, fmt::format("unknown key '{}': expected m, k, x, q, sf, "
                              "global, math, pad or fuse",
                              key));
}

Status parseWord(const Word &word, DequantizeProblem &problem) {
  std::string_view key = word.key();
  if (key == "m")
    return parseM(word, problem.m);
  if (key == "k")
    return parseK(word, problem.k);
  if (key == "q")
    return parseOneOf(word, "nvfp4");
  if (key == "sf")
    return parseLayout(word, problem.sf);
  if (key == "y")
    return parseType(word, problem.y);
  if (key == "global")
    return parseGlobal(word, problem.global);
  return at(word, fmt::format("unknown key '{}': expected m, k, q, sf, y or "
                              "global",
                              key));
}

template <typename Problem>
Expected<Problem> parseLine(std::string_view line, std::string_view operation) {
  Expected<std::vector<Word>> words = split(line);
  if (!words)
    return words.status();
  if (words->front().text != operation)
    return at(words->front(), fmt::format("expected {}", operation));
  Problem problem;
  for (size_t i = 1; i < words->size(); ++i)
    if (Status status = parseWord((*words)[i], problem); !status)
      return status;
  if (problem.k == 0)
    return Status::invalid(fmt::format("expected k=NUMBER in '{}'", line));
  return problem;
}

template <typename Problem>
Expected<AnyProblem> asAny(const Expected<Problem> &problem) {
  return problem ? Expected<AnyProblem>(*problem) : problem.status();
}

} // namespace

std::string_view nybl::name(GlobalKind kind) {
  switch (kind) {
  case GlobalKind::None:
    return "none";
  case GlobalKind::Encode:
    return "encode";
  case GlobalKind::Decode:
    break;
  }
  return "decode";
}

std::string_view nybl::name(QuantizeMath math) {
  return math == QuantizeMath::Exact ? "exact" : "fast";
}

std::string_view nybl::name(QuantizeFuse fuse) {
  return fuse == QuantizeFuse::None ? "none" : "silu_mul";
}

Expected<QuantizeProblem> nybl::parseQuantize(std::string_view line) {
  return parseLine<QuantizeProblem>(line, "quantize");
}

Expected<DequantizeProblem> nybl::parseDequantize(std::string_view line) {
  return parseLine<DequantizeProblem>(line, "dequantize");
}

Expected<AnyProblem> nybl::parseAnyProblem(std::string_view line) {
  Expected<std::vector<Word>> words = split(line);
  if (!words)
    return words.status();
  std::string_view operation = words->front().text;
  if (operation == "gemm")
    return asAny(parseProblem(line));
  if (operation == "quantize")
    return asAny(parseQuantize(line));
  if (operation == "dequantize")
    return asAny(parseDequantize(line));
  return at(words->front(),
            "unknown operation: expected gemm, quantize or dequantize");
}

const char *nybl::operationOf(const AnyProblem &problem) {
  constexpr const char *operations[] = {"gemm", "quantize", "dequantize"};
  static_assert(std::size(operations) == std::variant_size_v<AnyProblem>);
  return operations[problem.index()];
}

std::vector<Status> words::quantizeFaults(std::string_view line) {
  QuantizeProblem problem;
  auto parse = [&](const Word &word) { return parseWord(word, problem); };
  return allFaults(line, parse, {"k"});
}

std::vector<Status> words::dequantizeFaults(std::string_view line) {
  DequantizeProblem problem;
  auto parse = [&](const Word &word) { return parseWord(word, problem); };
  return allFaults(line, parse, {"k"});
}

std::vector<Status> words::faultsOf(std::string_view line) {
  auto words = splitAny(line);
  std::string_view operation = words ? words->front().text : "";
  if (operation == "gemm")
    return gemmFaults(line);
  if (operation == "quantize")
    return quantizeFaults(line);
  if (operation == "dequantize")
    return dequantizeFaults(line);
  return {parseAnyProblem(line).status()};
}

std::string nybl::print(const QuantizeProblem &p) {
  return fmt::format(
      "quantize m={} k={} x={} q={} sf={} global={} math={} pad={} fuse={}",
      words::print(p.m), p.k, name(p.x), name(p.q), name(p.sf), name(p.global),
      name(p.math), p.padRows ? "rows" : "none", name(p.fuse));
}

std::string nybl::print(const DequantizeProblem &p) {
  return fmt::format("dequantize m={} k={} q={} sf={} y={} global={}",
                     words::print(p.m), p.k, name(p.q), name(p.sf), name(p.y),
                     name(p.global));
}

std::string nybl::print(const AnyProblem &problem) {
  return std::visit([](const auto &p) { return print(p); }, problem);
}

QuantizeProblem nybl::specialise(const QuantizeProblem &problem) {
  QuantizeProblem result = problem;
  result.m = Extent::free();
  return result;
}

DequantizeProblem nybl::specialise(const DequantizeProblem &problem) {
  DequantizeProblem result = problem;
  result.m = Extent::free();
  return result;
}

AnyProblem nybl::specialise(const AnyProblem &problem) {
  return std::visit([](const auto &p) { return AnyProblem(specialise(p)); },
                    problem);
}
