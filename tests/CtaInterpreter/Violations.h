// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel of a gemm, or of a dequantisation, does wrong for one M, found
// by doing it. The ground
// truth for the prover, its mutants included.
#ifndef NYBL_TESTS_CTAINTERPRETER_VIOLATIONS_H
#define NYBL_TESTS_CTAINTERPRETER_VIOLATIONS_H

#include "tests/CtaInterpreter/CtaInterpreter.h"
#include <string>
#include <vector>

namespace nybl::enumeration {

/// A lemma of docs/trust.md that does not hold:
///   L1  an access outside its operand, not aligned, or in the wrong direction
///   L2  a scale slot that holds neither zero nor the scale of the data beside
///       it, or holds zero where the data are real; an element of y that is not
///       made of the one of q in its place
///   L3  shared memory read before it is written, raced for or overrun
///   L4  an element of D or y that is stored never, twice or in pieces
///   L5  loaded data in an address, guard or count
///   L6  an integer that leaves its width, whatever it is for
/// or "gemm": D is no product of A and B, though no padding may be in it, or a
/// real byte of an operand is not read.
struct Violation {
  std::string lemma, text;
};

/// The first violation of each lemma in a launch; none if the kernel is right
/// for this M. Where not all CTAs are looked at, what is read and stored in all
/// is not asked. With `untilFirst` the launch ends at the first violation of
/// all. Error: an op nobody knows.
Expected<std::vector<Violation>> findViolations(cta::KernelOp kernel,
                                                const Launch &launch,
                                                bool untilFirst = false);

} // namespace nybl::enumeration

#endif // NYBL_TESTS_CTAINTERPRETER_VIOLATIONS_H
