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
};

} // namespace nybl::road

#endif // NYBL_TESTS_ENDTOEND_GEMM_TENSORFIXTURE_H
