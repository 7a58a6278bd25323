// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bounds of N and K, and what follows from them.

#include "runtime/Abi/FreeSizes.h"
#include "runtime/Abi/ScaleFormula.h"

#include <algorithm>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl;

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
  if (std::any_of(manifest.parameters.begin(), manifest.parameters.end(),
                  takesSizes))
    if (Status status = requireBounds(manifest); !status)
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
    if (check == "k_multiple" && (value < 1 || problem.k % value != 0))
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
