// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the prover says of a mutant.
#ifndef NYBL_TESTS_MUTATION_JUDGE_H
#define NYBL_TESTS_MUTATION_JUDGE_H

#include "dialects/Cta/CtaOps.h"
#include <string>

namespace nybl::mutation {

enum class Judgement { Proven, Refuted, NotProven };

struct Judged {
  Judgement judgement;
  std::string text; ///< the diagnostic, or the lemmas that are not proven
};

/// Runs prove-non-interference. Proven: every lemma is.
Judged judge(mlir::ModuleOp module);

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_JUDGE_H
