// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A cta.kernel on the CPU, for one M: every tile, K step and thread, with the
// bytes' origins in the place of the bytes. Slow and obvious; it knows the
// dialect and nothing of the compiler, so it is the ground truth of the proof.
#ifndef NYBL_TESTS_CTAINTERPRETER_CTAINTERPRETER_H
#define NYBL_TESTS_CTAINTERPRETER_CTAINTERPRETER_H

#include "dialects/Cta/CtaOps.h"
#include "runtime/Abi/Status.h"
#include "tests/CtaInterpreter/Origin.h"

namespace nybl::enumeration {

struct Launch {
  int64_t m = 0;
  /// Tiles go round: CTA c, or pair c of CTAs, does c, c + ctas, ... Where they
  /// have parts, which wait for each other, the first CTA does all.
  int64_t ctas = 1;
  int64_t firstCta = 0, endCta = ctas; ///< those that are looked at
  /// Which role goes first where several can.
  bool lastRoleFirst = false;
  /// N and K / 16, of a kernel that has them as arguments.
  int64_t n = 0, blocks = 0;

  bool isWhole() const { return firstCta == 0 && endCta == ctas; }
};

/// Runs the kernel and tells the observer. All threads of a CTA take each op
/// together; that no barrier is missing is seen by the threads and barriers
/// between the accesses of a byte. Errors: an op that the interpreter does not
/// know, by name.
Status interpretCta(cta::KernelOp kernel, const Launch &launch,
                    Observer &observer);

} // namespace nybl::enumeration

#endif // NYBL_TESTS_CTAINTERPRETER_CTAINTERPRETER_H
