// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What became of the mutants of some kernels: what each does, what the prover
// says of it, and what must not be.
#ifndef NYBL_TESTS_MUTATION_OUTCOMES_H
#define NYBL_TESTS_MUTATION_OUTCOMES_H

#include "tests/Mutation/GroundTruth.h"
#include "tests/Mutation/Judge.h"
#include <map>

namespace nybl::mutation {

struct Outcome {
  std::string subject;
  Mutant mutant;
  Truth truth;
  Judged judged;

  bool isValid() const { return truth.verdict != Verdict::Invalid; }
};

/// Environment variables: NYBL_MUTANTS_EACH, how many places of each operator
/// are tried (0: all); NYBL_MUTANTS_JSON, where outcomes are written.
unsigned placesOfEach();

/// Each mutant's truth is fixed before the prover is asked.
std::vector<Outcome> runSubject(Subject &subject, unsigned each,
                                unsigned perTarget = 0);

/// No harmful mutant is proven, and no harmless one refuted.
void expectSound(const std::vector<Outcome> &outcomes);

/// A kernel that nobody changed does no harm.
void expectHarmless(Subject &subject);

/// Behind the proof: the lint finds all that it promises to find in the PTX of
/// a kernel that nobody changed, and nothing in the PTX itself.
void expectLintFindsPromised(Subject &subject);

using Valid = std::map<Target, unsigned>;
Valid countValid(const std::vector<Outcome> &outcomes);

/// To the terminal, and as JSON where asked for.
void report(const std::vector<Outcome> &outcomes);

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_OUTCOMES_H
