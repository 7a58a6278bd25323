// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A test bed: one problem's operands on the emulated device, for several M,
// padding poisoned, and what is right. A kernel is run on it in several ways.
#ifndef NYBL_TESTS_MUTATION_BED_H
#define NYBL_TESTS_MUTATION_BED_H

#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Abi/QuantizeProblem.h"
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nybl::mutation {

/// How the emulated run showed that a kernel is wrong.
enum class Sign {
  Finding, ///< the emulated driver's: poison, bounds, races, a deadlock, ...
  Canvas,  ///< a byte beside D was written
  Missing, ///< an element of D was not
  Wrong,   ///< an element of D has other bits than the oracle's
  Refused, ///< not launched, or not loaded
};
const char *name(Sign sign);

struct Symptom {
  Sign sign;
  std::string text;
};

/// One way to run a kernel.
struct Trial {
  int64_t m;
  unsigned grid; ///< CTAs; 0: as many as the manifest has tiles
  int schedule;  ///< NYBL_EMU_SCHEDULE_...
  bool races;
  /// Launched behind a grid that lets it start before it has written the
  /// operands.
  bool dependent = false;
  /// Alpha is a number of the host's that divides.
  bool encode = false;
  /// Of a dependent grid: the operands that are written late; the others
  /// are there.
  unsigned late = ~0u;
};

/// Bits of Trial::late.
constexpr unsigned lateA = 1 << 0, lateScalesA = 1 << 1, lateB = 1 << 2,
                   lateScalesB = 1 << 3;

/// Trials, those that find most first.
std::vector<Trial> defaultTrials();
/// For tiles of 128 rows: fewer, with several tiles for a CTA.
std::vector<Trial> tensorTrials();

class Bed {
public:
  /// `partElements`: of K, that each part of a tile multiplies. Errors:
  /// Environment.
  static Expected<std::unique_ptr<Bed>> make(const GemmProblem &problem,
                                             const std::vector<Trial> &trials,
                                             int64_t partElements);
  /// Of a quantisation, or of what undoes it: right is what this kernel gives.
  /// Errors: Environment, where it gives nothing or has findings.
  static Expected<std::unique_ptr<Bed>>
  makeForConversion(const AnyProblem &problem, const std::string &ptx,
                    const Manifest &manifest);
  virtual ~Bed() = default;

  /// Nothing: all trials gave the oracle's D and no finding.
  virtual std::optional<Symptom> run(const std::string &ptx,
                                     const Manifest &manifest) = 0;
};

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_BED_H
