// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the programs of label runs share: problems by turns, and a run that must
// be as the lemmas say under either schedule of the emulated driver.
#ifndef NYBL_TESTS_ENDTOEND_LABELS_LABELCASES_H
#define NYBL_TESTS_ENDTOEND_LABELS_LABELCASES_H

#include "tests/EndToEnd/Labels/LabelRun.h"

#include <gtest/gtest.h>
#include <regex>

namespace nybl::labels {

inline constexpr ScaleLayout layouts[] = {
    ScaleLayout::Linear, ScaleLayout::T128x4, ScaleLayout::T8x4};
inline constexpr int64_t nValues[] = {8, 24, 40};
inline constexpr int64_t kValues[] = {16, 48, 64, 144, 272};
inline constexpr OutputType outputs[] = {OutputType::F32, OutputType::BF16,
                                         OutputType::F16};

/// Their tiles of M divide 128, as those of the layouts do: the lemmas speak of
/// M modulo 128 at most.
inline constexpr const char *schedules[] = {
    "kind=plain tile=16x16x64 warps=1x1",
    "kind=plain tile=32x16x128 warps=2x1",
    "kind=multistage tile=16x16x64 warps=1x1 stages=3",
    "kind=plain tile=64x32x64 warps=2x2",
    "kind=multistage tile=32x16x64 warps=2x1 stages=2",
    "kind=multistage tile=64x32x128 warps=2x1 stages=2",
    "kind=multistage tile=128x32x64 warps=1x1 stages=3",
    "kind=cooperative tile=64x64x64 warps=2x2 stages=2 store=tma",
    "kind=pingpong tile=64x32x64 warps=4x1 stages=3 group=2",
    "kind=multistage tile=32x64x64 warps=1x2 stages=2 swap=ab",
};

struct Class {
  GemmProblem problem;
  std::string schedule;
};

inline Class makeClass(int64_t n, int64_t k, ScaleLayout sfa, ScaleLayout sfb,
                       OutputType d = OutputType::F32,
                       const char *schedule = schedules[0]) {
  Class c;
  c.problem.n = n;
  c.problem.k = k;
  c.problem.sfa = sfa;
  c.problem.sfb = sfb;
  c.problem.d = d;
  c.schedule = schedule;
  return c;
}

/// Classes by turns: 9 numbers hold every pair of layouts, with N going another
/// way round; 22 every one of the schedules.
inline Class classOf(int64_t number) {
  return makeClass(nValues[(number + number / 3) % 3], kValues[number % 5],
                   layouts[number / 3 % 3], layouts[number % 3],
                   outputs[number / 5 % 3],
                   schedules[number / 2 % std::size(schedules)]);
}

/// N, or the next that makes rows of whole 16 bytes where TMA stores D.
inline int64_t columnsOf(const Class &c, int64_t n) {
  bool byTma = c.schedule.find("store=tma") != std::string::npos;
  return byTma ? (n + 7) / 8 * 8 : n;
}

inline std::string text(const Report &report) {
  std::string all;
  for (const std::string &fault : report.faults)
    all += fault + "\n";
  return all;
}

inline constexpr int eachOne = -1;

/// The PTX with `to` in the place of what matches: of each one, or of number
/// `which` alone.
inline Kernel changed(Kernel kernel, const std::string &from,
                      const std::string &to, int which = eachOne) {
  std::regex pattern(from);
  std::string text;
  auto at = kernel.ptx.cbegin();
  int number = 0;
  for (std::smatch found;
       std::regex_search(at, kernel.ptx.cend(), found, pattern); ++number) {
    text.append(at, found[0].first);
    text +=
        which == eachOne || which == number ? found.format(to) : found.str();
    at = found[0].second;
  }
  text.append(at, kernel.ptx.cend());
  EXPECT_TRUE(text != kernel.ptx) << "nothing matches " << from;
  kernel.ptx = text;
  return kernel;
}

/// Under the schedule policy of the launch.
inline void expectArrivalOnce(const Kernel &kernel, const Launch &launch) {
  Report report = run(kernel, launch);
  EXPECT_TRUE(report.ok()) << "m=" << launch.m << " of "
                           << print(kernel.problem) << ", "
                           << kernel.manifest.schedule << ", policy "
                           << launch.policy << "\n"
                           << text(report);
  EXPECT_GT(report.records, 0u);
}

/// Under the eager and the adversary schedule.
inline void expectArrival(const Kernel &kernel, Launch launch) {
  for (int policy : {NYBL_EMU_SCHEDULE_EAGER, NYBL_EMU_SCHEDULE_ADVERSARY}) {
    launch.policy = policy;
    expectArrivalOnce(kernel, launch);
  }
}

inline void expectArrival(const Class &c, const Launch &launch) {
  auto kernel = compileKernel(c.problem, c.schedule);
  ASSERT_TRUE(kernel) << kernel.message();
  expectArrival(*kernel, launch);
}

} // namespace nybl::labels

#endif // NYBL_TESTS_ENDTOEND_LABELS_LABELCASES_H
