// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the multiply of a Blackwell GPU does where no manual says it: one CTA,
// one multiply, chosen bits. Each is compared with what the emulated driver
// is made to do (its numeric model), never called right or wrong.
#ifndef NYBL_TOOLS_NYBL_MICROTESTS_H
#define NYBL_TOOLS_NYBL_MICROTESTS_H

#include "runtime/Driver/Device.h"
#include <string>
#include <vector>

namespace nybl::cli {

struct MicroTest {
  std::string question, observed, modelled;
  bool agrees() const { return observed == modelled; }
};

/// Of the same sum, where a K block of zeros beside it has scales of 0, and the
/// largest ones: does it take part in the alignment of the others?
MicroTest zeroBlockTest(float besideSmall, float besideLarge);

/// For chips with mma.sync's block scaling. Errors: Environment; `tests` has
/// what came before.
Status runMicroTests(const std::shared_ptr<const driver::Device> &device,
                     std::vector<MicroTest> &tests);

/// The same of tcgen05.mma, for chips with tensor memory.
Status runTensorMicroTests(const std::shared_ptr<const driver::Device> &device,
                           std::vector<MicroTest> &tests);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_MICROTESTS_H
