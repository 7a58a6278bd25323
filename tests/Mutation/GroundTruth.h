// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Harmful or harmless, decided without the prover: by going through addresses
// (Enumerate.h) and by running what a mutant is lowered to (Bed.h).
#ifndef NYBL_TESTS_MUTATION_GROUNDTRUTH_H
#define NYBL_TESTS_MUTATION_GROUNDTRUTH_H

#include "dialects/Chips/Chips.h"
#include "tests/Mutation/Bed.h"
#include "tests/Mutation/Mutants.h"

namespace nybl::mutation {

/// A problem under a schedule: its Cta module, not proven, and a test bed.
class Subject {
public:
  /// Of a chip with tensor memory the process must have set NYBL_EMU_CHIP.
  static Expected<std::unique_ptr<Subject>>
  make(const std::string &line, const std::string &schedule,
       const std::string &chip = "sm_120a");

  cta::KernelOp kernel() const {
    return *module.get().getOps<cta::KernelOp>().begin();
  }

  const std::string name;
  const Chip *chip = nullptr;
  AnyProblem anyProblem;
  GemmProblem problem;      ///< of a gemm
  int64_t partElements = 0; ///< of K, that each part of a tile multiplies
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  std::unique_ptr<Bed> bed;

private:
  explicit Subject(std::string name) : name(std::move(name)) {}
  Status build(const std::string &schedule);
  Status makeGemmBed(const std::string &schedule);
  Status makeConversionBed();
};

struct Lowered {
  std::string ptx;
  Manifest manifest;
};

/// Lowers with a certificate that proves nothing; spoils the module. Errors:
/// Invalid, with what the verifier, a pass or LLVM says.
Expected<Lowered> lower(Subject &subject, mlir::ModuleOp module);

enum class Verdict { Invalid, Harmless, Harmful };

struct Truth {
  Verdict verdict;
  /// Of a harmful one: "addresses", "wrap" or a sign of the emulated run; of an
  /// invalid one: what refused it.
  std::string how;
  std::string text;
};

/// Spoils the module, a mutant of subject.module.
Truth findTruth(Subject &subject, const Mutant &mutant, mlir::ModuleOp module);

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_GROUNDTRUTH_H
