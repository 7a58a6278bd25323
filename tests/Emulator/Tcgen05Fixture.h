// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels for tcgen05, run under every schedule.
#ifndef NYBL_TESTS_EMULATOR_TCGEN05FIXTURE_H
#define NYBL_TESTS_EMULATOR_TCGEN05FIXTURE_H

#include "tests/Emulator/ExecFixture.h"
#include <functional>

namespace nybl::emu::test {

/// %tid is the thread, %warp its warp, %lead true in one thread of the CTA,
/// %taddr for an address of tensor memory. Shared memory: `slot` for it, `bar`,
/// `data` of 32 KiB.
inline std::string tensorKernel(const std::string &body,
                                const std::string &target = "sm_100a") {
  return ".version 9.0\n.target " + target +
         "\n.address_size 64\n"
         ".visible .entry k(.param .u64 p_in, .param .u64 p_out)\n{\n"
         "  .reg .pred %p<16>;\n  .reg .b16 %h<32>;\n  .reg .b32 %r<300>;\n"
         "  .reg .b64 %d<32>;\n  .reg .f32 %f<32>;\n"
         "  .reg .b64 %in, %out;\n  .reg .b32 %tid, %warp, %taddr, %rank;\n"
         "  .reg .pred %lead, %first, %even;\n"
         "  .shared .align 1024 .b8 data[32768];\n"
         "  .shared .align 8 .b64 bar;\n  .shared .align 4 .b32 slot;\n"
         "  ld.param.u64 %in, [p_in];\n  ld.param.u64 %out, [p_out];\n"
         "  mov.u32 %tid, %tid.x;\n  shr.u32 %warp, %tid, 5;\n"
         "  mov.u32 %rank, %cluster_ctarank;\n"
         "  setp.eq.u32 %lead, %tid, 0;\n  setp.eq.u32 %first, %warp, 0;\n"
         "  setp.eq.u32 %even, %rank, 0;\n" +
         body + "\n  ret;\n}\n";
}

/// Warp 0 allocates; every thread then has the address in %taddr.
inline std::string allocates(unsigned columns, unsigned group = 1) {
  std::string g = std::to_string(group), n = std::to_string(columns);
  return "  @%first tcgen05.alloc.cta_group::" + g +
         ".sync.aligned.shared::cta.b32 [slot], " + n +
         ";\n"
         "  bar.sync 0;\n  ld.shared.u32 %taddr, [slot];\n";
}

inline std::string frees(unsigned columns, unsigned group = 1) {
  std::string g = std::to_string(group), n = std::to_string(columns);
  return std::string("  bar.sync 0;\n") +
         (group == 2 ? "  barrier.cluster.arrive;\n  barrier.cluster.wait;\n"
                     : "") +
         "  @%first tcgen05.dealloc.cta_group::" + g +
         ".sync.aligned.b32 %taddr, " + n +
         ";\n"
         "  @%first tcgen05.relinquish_alloc_permit.cta_group::" +
         g + ".sync.aligned;\n";
}

/// "{%r10, %r11, ...}"
inline std::string registers(unsigned first, unsigned count) {
  std::string text = "{";
  for (unsigned i = 0; i < count; ++i)
    text += (i ? ", %r" : "%r") + std::to_string(first + i);
  return text + "}";
}

struct Schedule {
  SchedulePolicy policy;
  uint64_t seed;
};

inline const std::vector<Schedule> &schedules() {
  static const std::vector<Schedule> all = {
      {SchedulePolicy::Eager, 0},     {SchedulePolicy::Lazy, 0},
      {SchedulePolicy::Adversary, 0}, {SchedulePolicy::Random, 1},
      {SchedulePolicy::Random, 2},    {SchedulePolicy::Random, 3}};
  return all;
}

/// One launch of one cluster of `ctas`, of `threads` each, under each schedule;
/// `look` sees every machine after its run.
inline void
underEverySchedule(const std::string &ptx, unsigned threads, unsigned ctas,
                   const std::vector<uint32_t> &input, size_t outputWords,
                   const std::function<void(Machine &, SchedulePolicy)> &look,
                   const LaunchConfig &base = {},
                   const char *chip = "sm_100a") {
  for (const Schedule &schedule : schedules()) {
    SCOPED_TRACE("policy " + std::to_string(int(schedule.policy)) + ", seed " +
                 std::to_string(schedule.seed));
    Machine m;
    m.chip = findChip(chip);
    m.in = m.upload(input.empty() ? std::vector<uint32_t>{0} : input);
    m.out = m.upload(std::vector<uint32_t>(outputWords ? outputWords : 1));
    LaunchConfig config = base;
    config.grid = {ctas, 1, 1};
    config.cluster = {ctas, 1, 1};
    config.policy = schedule.policy;
    config.seed = schedule.seed;
    ASSERT_EQ(m.run(ptx, threads, m.in, m.out, config), "");
    look(m, schedule.policy);
  }
}

inline std::string firstReport(const Machine &m) {
  return m.result.reports.empty() ? "" : m.result.reports[0].text();
}

/// The kernel computes `expected`, and nothing is found.
inline void expectResult(const std::string &ptx, unsigned threads,
                         unsigned ctas, const std::vector<uint32_t> &input,
                         const std::vector<uint32_t> &expected,
                         const LaunchConfig &base = {}) {
  underEverySchedule(
      ptx, threads, ctas, input, expected.size(),
      [&](Machine &m, SchedulePolicy) {
        ASSERT_EQ(firstReport(m), "");
        std::vector<uint32_t> got = m.read(m.out, expected.size());
        for (size_t i = 0; i < expected.size(); ++i)
          ASSERT_EQ(got[i], expected[i]) << "word " << i;
      },
      base);
}

/// A finding of this kind under every schedule or, `someSchedule`, at least
/// under the adversary.
inline void expectFinding(const std::string &ptx, unsigned threads,
                          unsigned ctas, const std::vector<uint32_t> &input,
                          FindingKind kind, const std::string &text,
                          bool someSchedule = false,
                          const LaunchConfig &base = {}) {
  underEverySchedule(
      ptx, threads, ctas, input, 4096,
      [&](Machine &m, SchedulePolicy policy) {
        if (someSchedule && policy != SchedulePolicy::Adversary)
          return;
        ASSERT_FALSE(m.result.reports.empty());
        EXPECT_EQ(m.result.reports[0].kind, kind) << firstReport(m);
        EXPECT_NE(firstReport(m).find(text), std::string::npos)
            << firstReport(m);
      },
      base);
}

/// Empty if the text loads on this chip.
inline std::string loadError(const std::string &ptx, const char *chip) {
  GlobalMemory memory{uint64_t(1) << 24};
  auto program = loadProgram(ptx, *findChip(chip), memory);
  return program ? "" : program.message();
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_TCGEN05FIXTURE_H
