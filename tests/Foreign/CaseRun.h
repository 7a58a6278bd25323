// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A test with one case: its buffers on the device, its outputs compared.
#ifndef NYBL_TESTS_FOREIGN_CASERUN_H
#define NYBL_TESTS_FOREIGN_CASERUN_H

#include "tests/Foreign/Device.h"

namespace nybl::foreign {

/// The cases of NYBL_FOREIGN_CASES for this process's chip.
std::vector<Case> casesOfChip();

class CaseTest : public DeviceTest, public testing::WithParamInterface<Case> {
protected:
  /// False, and the test is skipped, for a slow case in a quick run.
  bool wanted(const Case &c);
  void prepareBuffers(const Case &c);
  /// Compares all outputs, and prints what the kernel exercised.
  void checkOutputs(const Case &c);

  std::map<std::string, CUdeviceptr> addresses;
};

void PrintTo(const Case &c, std::ostream *to);

} // namespace nybl::foreign

#endif // NYBL_TESTS_FOREIGN_CASERUN_H
