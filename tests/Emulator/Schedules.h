// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedules under which tests of kernels with several warps run.
#ifndef NYBL_TESTS_EMULATOR_SCHEDULES_H
#define NYBL_TESTS_EMULATOR_SCHEDULES_H

#include "tools/emulator/Exec/Engine.h"

#include <string>
#include <vector>

namespace nybl::emu::test {

struct Schedule {
  SchedulePolicy policy;
  uint64_t seed;
  std::string name;
};

inline std::vector<Schedule> everySchedule() {
  std::vector<Schedule> all{{SchedulePolicy::Eager, 0, "eager"},
                            {SchedulePolicy::Lazy, 0, "lazy"},
                            {SchedulePolicy::Adversary, 0, "adversary"}};
  for (uint64_t seed = 1; seed <= 8; ++seed)
    all.push_back(
        {SchedulePolicy::Random, seed, "random " + std::to_string(seed)});
  return all;
}

/// Shape of a launch in one dimension.
struct LaunchShape {
  unsigned threads = 64, ctas = 1, cluster = 1;
};

inline LaunchConfig configOf(const LaunchShape &shape, const Schedule &s) {
  LaunchConfig config;
  config.grid = {shape.ctas, 1, 1};
  config.block = {shape.threads, 1, 1};
  config.cluster = {shape.cluster, 1, 1};
  config.explicitCluster = shape.cluster > 1;
  config.policy = s.policy;
  config.seed = s.seed;
  config.maxSteps = 1 << 20;
  return config;
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_SCHEDULES_H
