// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The candidates of some problems: compiled ahead, checked, timed, written
// down.
#ifndef NYBL_TOOLS_NYBL_TUNER_H
#define NYBL_TOOLS_NYBL_TUNER_H

#include "runtime/Library/Provider.h"
#include "runtime/Tune/Journal.h"
#include "tools/nybl/NaiveKernel.h"
#include "tools/nybl/Stopwatch.h"
#include <chrono>
#include <map>
#include <optional>

namespace nybl::cli {

/// A problem class and the values of M that its kernels are timed at.
struct TuneProblem {
  GemmProblem problem;
  std::vector<int64_t> rows;
};

struct TuneOptions {
  std::string card;
  double budget = 60; ///< seconds
  size_t most = 16;   ///< candidates a problem
  unsigned jobs = 0;  ///< compilations at a time; 0: one a core
};

enum class Outcome {
  Open,     ///< the budget was spent before
  Recorded, ///< now
  Known,    ///< all of it stood in the journal
  Refused,  ///< by the compiler, the prover among it
  Wrong     ///< its output
};

/// What became of one candidate.
struct Trial {
  size_t problem; ///< index
  std::string schedule;
  Outcome outcome = Outcome::Open;
  std::string reason; ///< of Refused and Wrong
};

class Tuner {
public:
  /// How an estimate is made; its times are compared among themselves alone.
  static constexpr const char *estimatePolicy = "estimate 1";

  Tuner(Workbench &bench, library::Provider provider, tune::Journal &journal,
        std::optional<Nvrtc> nvrtc, const TuneOptions &options)
      : bench(bench), provider(std::move(provider)), journal(journal),
        nvrtc(std::move(nvrtc)), options(options) {}

  /// Until everything is done or the budget is spent. Errors: what is no
  /// candidate's fault.
  Status run(const std::vector<TuneProblem> &problems);

  /// Those of one problem together, the best by the estimate first.
  const std::vector<Trial> &trials() const { return all; }

private:
  using Clock = std::chrono::steady_clock;

  Status listCandidates(const TuneProblem &problem, size_t index);
  Status setUp(const TuneProblem &problem);
  Status examine(Trial &trial, const TuneProblem &problem,
                 const PreparedPlan &plan);
  tune::Record identify(const GemmProblem &problem, int64_t m,
                        const PreparedPlan &plan) const;
  Status fillIn(tune::Record &record, const PreparedPlan &plan);
  Expected<Timing> time(const GemmProblem &problem, int64_t m,
                        const face::Plan &plan);

  Workbench &bench;
  library::Provider provider;
  tune::Journal &journal;
  std::optional<Nvrtc> nvrtc;
  TuneOptions options;
  std::vector<Trial> all;
  /// (problem class, M, schedule) -> nanoseconds.
  std::map<std::tuple<std::string, int64_t, std::string>, int64_t> estimates;

  // Of the problem at hand.
  std::optional<DeviceProduct> checked;
  std::optional<Reference> reference;
  std::map<int64_t, std::vector<DeviceProduct>> timed; ///< by M; take turns
  std::optional<Stopwatch> watch;
};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_TUNER_H
