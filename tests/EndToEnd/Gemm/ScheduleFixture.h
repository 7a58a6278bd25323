// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A schedule against the plain one and the oracle: with padding marked and
// races looked for, whichever order warps run and copies land in.
#ifndef NYBL_TESTS_ENDTOEND_GEMM_SCHEDULEFIXTURE_H
#define NYBL_TESTS_ENDTOEND_GEMM_SCHEDULEFIXTURE_H

#include "tests/EndToEnd/Gemm/Road.h"
#include "tests/Oracle/Data.h"
#include "tests/Oracle/Gate.h"
#include "tools/emulator/include/nybl-emu.h"

#include <gtest/gtest.h>

namespace nybl::road {

/// A class of problems for a number: layouts and output types by turns.
inline GemmProblem problemOf(int number, int64_t k) {
  constexpr ScaleLayout layouts[] = {ScaleLayout::Linear, ScaleLayout::T128x4,
                                     ScaleLayout::T8x4};
  constexpr OutputType outputs[] = {OutputType::BF16, OutputType::F16,
                                    OutputType::F32};
  GemmProblem p;
  p.n = number % 2 ? 24 : 72;
  p.k = k;
  p.sfa = layouts[number % 3];
  p.sfb = layouts[number / 3 % 3];
  p.d = outputs[number / 2 % 3];
  return p;
}

inline const std::vector<int> allOrders = {
    NYBL_EMU_SCHEDULE_EAGER, NYBL_EMU_SCHEDULE_LAZY, NYBL_EMU_SCHEDULE_RANDOM,
    NYBL_EMU_SCHEDULE_ADVERSARY};

class ScheduleTest : public testing::Test {
protected:
  void SetUp() override {
    session = Session::get();
    ASSERT_TRUE(session);
    setRaces(1);
  }
  void TearDown() override {
    if (!session)
      return;
    setRaces(0);
    setPolicy(NYBL_EMU_SCHEDULE_EAGER, 0);
  }
  void setRaces(int on) {
    session->extension<decltype(nyblEmuSetRaces)>("nyblEmuSetRaces")(on, on);
  }
  void setPolicy(int policy, uint64_t seed) {
    session->extension<decltype(nyblEmuSetSchedule)>("nyblEmuSetSchedule")(
        policy, seed);
  }
  std::vector<uint8_t> run(const GemmProblem &p,
                           const oracle::QuantizedMatrix &a,
                           const oracle::QuantizedMatrix &b,
                           const std::string &schedule) {
    Options options;
    options.poison = 0x7f;
    options.schedule = schedule;
    road::Run run = road::gemm(*session, p, a, b, options);
    EXPECT_TRUE(run.ok()) << schedule << " of " << print(p) << ": " << run.error
                          << (run.reports.empty() ? "" : run.reports[0]);
    return run.d;
  }
  std::vector<uint8_t> runPlain(const GemmProblem &p,
                                const oracle::QuantizedMatrix &a,
                                const oracle::QuantizedMatrix &b) {
    return run(p, a, b, "tile=32x32x64 warps=2x1");
  }

  /// Bit for bit; `number` seeds data and orders.
  void expectPlain(const GemmProblem &p, int64_t rows,
                   const std::string &schedule, int number,
                   const std::vector<int> &orders) {
    SCOPED_TRACE(print(p) + ", M = " + std::to_string(rows));
    auto a = oracle::randomMatrix(rows, p.k, number);
    auto b = oracle::randomMatrix(p.n, p.k, number + 1);
    std::vector<uint8_t> plain = runPlain(p, a, b);
    auto expected =
        oracle::gemm(a, b, Options().alpha, p.d, oracle::Model::MmaSim);
    ASSERT_TRUE(expected) << expected.message();
    EXPECT_EQ(plain, expected->bytes);
    for (int policy : orders) {
      setPolicy(policy, static_cast<uint64_t>(number));
      EXPECT_EQ(run(p, a, b, schedule), plain) << "policy " << policy;
    }
    setPolicy(NYBL_EMU_SCHEDULE_EAGER, 0);
  }

  /// The oracle's bits, in each of these orders.
  void expectOracle(const GemmProblem &p, int64_t rows,
                    const std::string &schedule, int number,
                    const std::vector<int> &orders) {
    SCOPED_TRACE(print(p) + ", M = " + std::to_string(rows));
    auto a = oracle::randomMatrix(rows, p.k, number);
    auto b = oracle::randomMatrix(p.n, p.k, number + 1);
    auto expected =
        oracle::gemm(a, b, Options().alpha, p.d, oracle::Model::MmaSim);
    ASSERT_TRUE(expected) << expected.message();
    for (int policy : orders) {
      setPolicy(policy, static_cast<uint64_t>(number));
      EXPECT_EQ(run(p, a, b, schedule), expected->bytes)
          << schedule << ", policy " << policy;
    }
  }

  Session *session = nullptr;
};

/// The parameter is the number of K steps.
class ScheduleStepsTest : public ScheduleTest,
                          public testing::WithParamInterface<int> {};

} // namespace nybl::road

#endif // NYBL_TESTS_ENDTOEND_GEMM_SCHEDULEFIXTURE_H
