// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bounds of N and K, and what follows from them.

#include "runtime/Abi/FreeSizes.h"
#include "runtime/Abi/ScaleFormula.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;

/// A kernel of any N and K is passed both, once.
static Status requireSizes(const Manifest &manifest) {
  for (const char *source : {"n", "k.blocks"}) {
    auto times = std::count_if(
        manifest.parameters.begin(), manifest.parameters.end(),
        [&](const KernelParameter &p) { return p.source == source; });
    if (times != 1)
      return Status::invalid(fmt::format(
          "manifest: expected one parameter '{}' of a kernel for any N and K, "
          "got {}; make the bundle anew",
          source, times));
  }
  return Status::ok();
}

/// Of bounds and of bytes for each column or K block. What these are multiplied
/// with, N and K, is below 2^31.
static Status checkValue(const Precondition &precondition) {
  const auto &[check, operand, value] = precondition;
  bool isBound = check == "n_max" || check == "k_max" || check == "k_multiple";
  bool isEach = check == "rows_fit_columns" || check == "rows_fit_blocks";
  constexpr int64_t mostBytes = 1024;
  int64_t most = isEach ? mostBytes : INT32_MAX;
  if ((!isBound && !isEach) || (value >= 1 && value <= most))
    return Status::ok();
  return Status::invalid(fmt::format("manifest: expected a precondition '{}' "
                                     "of operand '{}' with a value from "
                                     "1 to {}, got {}; make the bundle anew",
                                     check, operand, most, value));
}

/// Without them a kernel of any N and K would believe whatever it is passed.
static Status requireBounds(const Manifest &manifest) {
  for (const char *check : {"n_max", "k_max", "k_multiple"})
    if (std::none_of(manifest.preconditions.begin(),
                     manifest.preconditions.end(),
                     [&](const Precondition &p) { return p.check == check; }))
      return Status::invalid(
          fmt::format("manifest: expected a precondition '{}', since the "
                      "kernel takes N and K as parameters, got none",
                      check));
  return Status::ok();
}

Status nybl::checkSizes(const Manifest &manifest, const GemmProblem &problem) {
  if (problem.isGeneric())
    return Status::invalid(
        fmt::format("'{}': expected numbers for n and k: n=? k=? names the "
                    "kernel that serves any, not a product",
                    print(problem)));
  auto takesSizes = [&](const KernelParameter &parameter) {
    return sizeFrom(parameter.source, problem).has_value();
  };
  auto made = parseProblem(manifest.problem);
  if ((made && made->isGeneric()) ||
      std::any_of(manifest.parameters.begin(), manifest.parameters.end(),
                  takesSizes))
    for (Status status : {requireSizes(manifest), requireBounds(manifest)})
      if (!status)
        return status;
  for (const Precondition &precondition : manifest.preconditions)
    if (Status status = checkValue(precondition); !status)
      return status;
  auto refuse = [&](const char *size, const char *what, int64_t bound,
                    int64_t got) {
    return Status::refused(
        fmt::format("the generic kernel on {}: expected {} {} {}, got {}",
                    manifest.chip, size, what, bound, got));
  };
  for (const auto &[check, operand, value] : manifest.preconditions) {
    if (check == "n_max" && problem.n > value)
      return refuse("n", "of at most", value, problem.n);
    if (check == "k_max" && problem.k > value)
      return refuse("k", "of at most", value, problem.k);
    if (check == "k_multiple" && problem.k % value != 0)
      return refuse("k", "to be a multiple of", value, problem.k);
  }
  return Status::ok();
}

std::optional<Precondition> nybl::bindSizes(const Precondition &precondition,
                                            const GemmProblem &problem) {
  const auto &[check, operand, value] = precondition;
  if ((check == "n_max" && operand == "n") ||
      ((check == "k_max" || check == "k_multiple") && operand == "k"))
    return std::nullopt;
  if (check == "rows_fit_columns")
    return Precondition{"rows_fit", operand, value * problem.n};
  if (check == "rows_fit_blocks")
    return Precondition{"rows_fit", operand, value * problem.blocks()};
  return precondition;
}

std::optional<int64_t> nybl::sizeFrom(std::string_view source,
                                      const GemmProblem &problem) {
  if (source == "n")
    return problem.n;
  if (source == "k.blocks")
    return problem.blocks();
  if (source == "sfa.tile_stride")
    return scaleTileStride(problem.sfa, problem.blocks());
  if (source == "sfb.tile_stride")
    return scaleTileStride(problem.sfb, problem.blocks());
  return std::nullopt;
}

std::string nybl::boundsText(const Manifest &manifest) {
  std::string text;
  for (const auto &[check, operand, value] : manifest.preconditions)
    if (check == "n_max" || check == "k_max")
      text += fmt::format(", {} up to {}", check == "n_max" ? "N" : "K", value);
  return text;
}
