// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler in one call: a problem line and a chip become an artefact. This
// is the only compiler header that others include.
#ifndef NYBL_COMPILER_DRIVER_COMPILER_H
#define NYBL_COMPILER_DRIVER_COMPILER_H

#include "runtime/Abi/Status.h"
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nybl::compiler {

struct CompileOptions {
  std::string schedule; ///< "key=value ..."; empty: Select chooses
  /// A kernel in the Tile dialect; none: the built-in one. Empty is an error.
  std::optional<std::string> templateText;
  /// A cta.kernel, as the stage "cta" gives it, in place of template and
  /// schedule. Its operands must be the problem's.
  std::optional<std::string> ctaText;
  /// blockscale | tile | cta | certificate | llvm | ptx | cubin | manifest:
  /// what `text` holds. Compilation stops there; `manifest` and `cubin` run to
  /// the end.
  std::string emit = "cubin";
  std::string dumpDir; ///< numbered dumps after each phase; empty: none
  std::string ptxas;   ///< path; empty: found
  /// What it told whoever asks, as "13.0.88"; empty: it is to tell.
  std::string ptxasVersion;
  bool verifyEach = false; ///< the verifier after every pass
  /// A refuted kernel is compiled all the same, and its certificate says of
  /// each lemma that it is not proven, and why.
  bool keepRefuted = false;
};

struct PhaseTime {
  std::string phase;
  double milliseconds;
};

struct Artefact {
  std::string text;     ///< the emitted stage
  std::string manifest; ///< JSON text, runtime/Abi/Manifest.h; from
                        ///< "certificate" on
  std::string ptx, cubin;
  std::vector<PhaseTime> phases;
};

/// What a compilation that gave no artefact leaves.
struct Failure {
  /// JSON (runtime/Abi/KernelProvider.h); empty unless a lemma is refuted.
  std::string counterexample;
  std::vector<PhaseTime> phases; ///< until then
};

/// Thread safe: each call has its own MLIRContext and LLVMContext. Same
/// arguments, same bytes, in any process.
/// Errors: Invalid (problem, schedule, template, chip unknown), Refused (the
/// chip lacks a feature; a lemma is refuted; the PTX is not what was proven),
/// Unproven (a lemma is outside the prover's reach), Environment (ptxas).
Expected<Artefact> compile(std::string_view problemLine, std::string_view chip,
                           const CompileOptions &options,
                           Failure *failure = nullptr);

struct ExplainOptions {
  std::string card;         ///< dialects/Chips; empty: the chip's reference
  std::string schedule;     ///< "key=value ..."; empty: Select chooses
  std::optional<int64_t> m; ///< rows of A; none: the problem's, or some of them
};

/// What the kernel of a problem would cost, and what the other schedules would:
/// estimates, as JSON (runtime/Abi/KernelProvider.h). Pure; compiles nothing.
/// Errors: Invalid, Refused as for compile, and if the chip has no rates.
Expected<std::string> explain(std::string_view problemLine,
                              std::string_view chip,
                              const ExplainOptions &options);

struct CandidatesOptions {
  std::string card; ///< dialects/Chips; empty: the chip's reference
  int64_t m = 0;    ///< rows of A that the estimates are of
  size_t most = 0;  ///< how many; 0: all
};

/// The schedules that the problem's kernel may have, the best first by the
/// estimate, as text (runtime/Abi/KernelProvider.h). Pure; compiles nothing.
/// Errors: as explain.
Expected<std::string> listCandidates(std::string_view problemLine,
                                     std::string_view chip,
                                     const CandidatesOptions &options);

/// What stands in the fingerprint: "nybl 0.1.0, LLVM 22.1.8, sources 0a1b...".
/// Two builds of different sources differ in it.
std::string describe();

} // namespace nybl::compiler

#endif // NYBL_COMPILER_DRIVER_COMPILER_H
