// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The problem line of a gemm: parser, printer, specialisation.

#include "runtime/Abi/ProblemWords.h"

#include <fmt/format.h>

using namespace nybl;
using namespace nybl::words;

namespace {

std::string printSize(int64_t size) {
  return size == GemmProblem::freeSize ? "?" : std::to_string(size);
}

/// Of n or k.
bool isFree(const Word &word) { return word.value() == "?"; }

Status parseN(const Word &word, GemmProblem &problem) {
  if (isFree(word)) {
    problem.n = GemmProblem::freeSize;
    return Status::ok();
  }
  Expected<int64_t> number = parseNumber(word, word.value());
  if (number)
    problem.n = *number;
  return number.status();
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

Status parseWeights(const Word &word, GemmProblem &problem) {
  problem.staticWeights = word.value() == "static";
  if (problem.staticWeights || word.value() == "stream")
    return Status::ok();
  return at(word, fmt::format("expected weights=stream or static, got '{}'",
                              word.value()));
}

Status parseWord(const Word &word, GemmProblem &problem) {
  std::string_view key = word.key();
  if (key == "m")
    return parseM(word, problem.m);
  if (key == "n")
    return parseN(word, problem);
  if (key == "k" && isFree(word)) {
    problem.k = GemmProblem::freeSize;
    return Status::ok();
  }
  if (key == "k")
    return parseK(word, problem.k);
  if (key == "a" || key == "b")
    return parseOneOf(word, "nvfp4");
  if (key == "sfa")
    return parseLayout(word, problem.sfa);
  if (key == "sfb")
    return parseLayout(word, problem.sfb);
  if (key == "d")
    return parseType(word, problem.d);
  if (key == "alpha")
    return parseAlpha(word, problem);
  if (key == "bias" || key == "act")
    return parseOneOf(word, "none");
  if (key == "weights")
    return parseWeights(word, problem);
  return at(word,
            fmt::format("unknown key '{}': expected m, n, k, a, b, sfa, sfb, "
                        "d, alpha, bias, act or weights",
                        key));
}

/// A kernel knows both sizes or neither.
Status checkFree(std::string_view line, const GemmProblem &problem) {
  bool n = problem.n == GemmProblem::freeSize, k = problem.isGeneric();
  if (n == k && (!n || problem.m.isFree()))
    return Status::ok();
  return Status::invalid(fmt::format(
      "expected m=?, n=? and k=? together, which a generic kernel is made for, "
      "or numbers for n and k, got m={} n={} k={} in '{}'",
      words::print(problem.m), printSize(problem.n), printSize(problem.k),
      line));
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
  Expected<std::vector<Word>> split = words::split(line);
  if (!split)
    return split.status();
  const std::vector<Word> &words = *split;
  if (words[0].text != "gemm")
    return at(words[0], "unknown operation: expected gemm");
  GemmProblem problem;
  bool haveN = false, haveK = false;
  for (size_t i = 1; i < words.size(); ++i) {
    if (Status status = parseWord(words[i], problem); !status)
      return status;
    haveN |= words[i].key() == "n";
    haveK |= words[i].key() == "k";
  }
  if (!haveN || !haveK)
    return Status::invalid(
        fmt::format("expected {}=NUMBER in '{}'", haveN ? "k" : "n", line));
  if (Status status = checkFree(line, problem); !status)
    return status;
  return problem;
}

std::vector<Status> words::gemmFaults(std::string_view line) {
  GemmProblem problem;
  auto parse = [&](const Word &word) { return parseWord(word, problem); };
  std::vector<Status> faults = allFaults(line, parse, {"n", "k"});
  if (Status status = checkFree(line, problem); faults.empty() && !status)
    faults.push_back(std::move(status));
  return faults;
}

std::string nybl::print(const GemmProblem &p) {
  return fmt::format(
      "gemm m={} n={} k={} a={} b={} sfa={} sfb={} d={} alpha={} "
      "bias=none act=none{}",
      words::print(p.m), printSize(p.n), printSize(p.k), name(p.a), name(p.b),
      name(p.sfa), name(p.sfb), name(p.d), name(p.alpha),
      p.staticWeights ? " weights=static" : "");
}

GemmProblem nybl::specialise(const GemmProblem &problem) {
  GemmProblem result = problem;
  result.m = Extent::free();
  result.staticWeights &= !problem.isGeneric();
  for (int64_t most : {16, 32, 64, 128})
    if (problem.m.high <= most) {
      result.m = {0, most};
      break;
    }
  return result;
}

std::optional<GemmProblem> nybl::widerClass(const GemmProblem &problemClass) {
  if (problemClass.m.high == Extent::unbounded)
    return std::nullopt;
  GemmProblem wider = problemClass;
  wider.m = Extent::fixed(problemClass.m.high + 1);
  return specialise(wider);
}

GemmProblem nybl::genericClass(const GemmProblem &problem) {
  GemmProblem generic = problem;
  generic.m = Extent::free();
  generic.n = generic.k = GemmProblem::freeSize;
  return specialise(generic);
}
