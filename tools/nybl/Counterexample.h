// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What refutes a lemma, as the compiler says it (KernelProvider.h), and in
// words.
#ifndef NYBL_TOOLS_NYBL_COUNTEREXAMPLE_H
#define NYBL_TOOLS_NYBL_COUNTEREXAMPLE_H

#include "runtime/Abi/QuantizeProblem.h"
#include <string>

namespace nybl::cli {

/// Numbers are -1, and the operand is empty, where they are of no matter.
struct Counterexample {
  std::string lemma, operand;
  int64_t m = -1, tile = -1, step = -1, thread = -1, row = -1, byte = -1;

  /// Errors: Environment, if this is not what a compiler of ours says.
  static Expected<Counterexample> parse(const std::string &json);

  bool isScales() const { return operand == "sfa" || operand == "sfb"; }
  bool hasByte() const { return byte >= 0 && !operand.empty(); }
  /// Rows of its operand in a launch of m rows.
  int64_t rowsOf(const GemmProblem &problem, int64_t rows) const {
    return operand == "b" || operand == "sfb" ? problem.n : rows;
  }
};

/// "byte 9 of 'sfa' (row 9, K block 0: padding)", in a launch of m rows.
std::string describeByte(const Counterexample &c, const GemmProblem &problem,
                         int64_t m);

/// "counterexample to L1: M = 9, tile 0, K step 0, thread 7, byte 9 of ...".
std::string describe(const Counterexample &c, const AnyProblem &problem);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_COUNTEREXAMPLE_H
