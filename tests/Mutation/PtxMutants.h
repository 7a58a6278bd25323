// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutation operators over the PTX of a kernel: what a compiler behind the proof
// might do wrong. On text, statement by statement.
#ifndef NYBL_TESTS_MUTATION_PTXMUTANTS_H
#define NYBL_TESTS_MUTATION_PTXMUTANTS_H

#include <string>
#include <vector>

namespace nybl::mutation {

struct PtxMutant {
  std::string op;   ///< the operator
  bool isPromised;  ///< the lint says that it finds this
  unsigned line;    ///< of the PTX, from 1
  std::string what; ///< the line before and after
  std::string ptx;
};

/// All mutants of the entry, in the order of operators, then lines.
std::vector<PtxMutant> ptxMutantsOf(const std::string &ptx);

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_PTXMUTANTS_H
