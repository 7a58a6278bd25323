// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A schedule with tensor memory against the oracle, whichever order warps run
// and copies and multiplies are done in.
#ifndef NYBL_TESTS_ENDTOEND_GEMM_TENSORFIXTURE_H
#define NYBL_TESTS_ENDTOEND_GEMM_TENSORFIXTURE_H

#include "tests/EndToEnd/Gemm/ScheduleFixture.h"

namespace nybl::road {

class TensorScheduleTest : public ScheduleTest {
protected:
  /// Threads that copy scale factors cannot fence what is still on its way: who
  /// waits for it does, before tcgen05.cp reads it.
  void SetUp() override {
    ScheduleTest::SetUp();
    if (session)
      session->extension<decltype(nyblEmuSetRaces)>("nyblEmuSetRaces")(
          1, /*strictFences=*/0);
  }
  void expectOracle(const GemmProblem &p, int64_t rows,
                    const std::string &schedule, int number,
                    const std::vector<int> &orders) {
    SCOPED_TRACE(print(p) + ", M = " + std::to_string(rows));
    auto a = oracle::randomMatrix(rows, p.k, number);
    auto b = oracle::randomMatrix(p.n, p.k, number + 1);
    auto expected =
        oracle::gemm(a, b, road::Options().alpha, p.d, oracle::Model::MmaSim);
    ASSERT_TRUE(expected) << expected.message();
    for (int policy : orders) {
      setPolicy(policy, static_cast<uint64_t>(number));
      EXPECT_EQ(run(p, a, b, schedule), expected->bytes)
          << schedule << ", policy " << policy;
    }
  }
};

} // namespace nybl::road

#endif // NYBL_TESTS_ENDTOEND_GEMM_TENSORFIXTURE_H
