// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nvdisasm as tests find it: in every preset the one that ./dev unpacks, where
// nothing else is named.
#ifndef NYBL_TESTS_SASS_TESTTOOL_H
#define NYBL_TESTS_SASS_TESTTOOL_H

#include "tools/sass/NvDisasm.h"

namespace nybl::tests {

inline Expected<sass::NvDisasm> findNvDisasm() {
  auto tool = sass::findNvDisasm("");
  return tool ? std::move(tool)
              : sass::findNvDisasm(
                    NYBL_SOURCE_DIR
                    "/build/packages/nvdisasm/nvidia/cu13/bin/nvdisasm");
}

} // namespace nybl::tests

#endif // NYBL_TESTS_SASS_TESTTOOL_H
