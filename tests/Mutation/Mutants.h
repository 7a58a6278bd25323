// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Mutation operators over a cta.kernel: each lists every place where it
// applies, and changes one of them. What a mutant does is decided elsewhere
// (GroundTruth.h), never here.
#ifndef NYBL_TESTS_MUTATION_MUTANTS_H
#define NYBL_TESTS_MUTATION_MUTANTS_H

#include "dialects/Cta/CtaOps.h"
#include "mlir/IR/OwningOpRef.h"
#include <functional>
#include <string>
#include <vector>

namespace nybl::mutation {

/// What an operator aims at: the rows of the table.
enum class Target {
  Mask,
  Layout,
  DataLoad,
  Store,
  Lane,
  Stage,
  Sync,
  Ring,
  Role,
  Output,
  Launch,
  Wrap,
  Flow,
  Loop,
  Epilogue,
  Part,
  Tensor,
  Block,
};
llvm::StringRef name(Target target);

/// One place, in words, and the change; `change` is called at most once.
struct Site {
  std::string where;
  std::function<void()> change;
};

/// Gathers the places of one operator in a kernel.
class Sites {
public:
  explicit Sites(cta::KernelOp kernel);

  void add(mlir::Operation *op, const llvm::Twine &what,
           std::function<void()> change);
  std::vector<Site> list;
  cta::KernelOp kernel;

private:
  /// "cta.load 3 of 'b'": the op by its number among those of its name.
  std::string describe(mlir::Operation *op);
  llvm::DenseMap<mlir::Operation *, unsigned> numbers;
};

struct Operator {
  std::string name;
  Target target;
  std::function<void(Sites &)> list;
};

/// All operators, in a fixed order.
const std::vector<Operator> &operators();

/// An operator applied at one of its places.
struct Mutant {
  const Operator *op;
  unsigned site;
  std::string where;
};

/// All mutants of a kernel, in a fixed order.
std::vector<Mutant> mutantsOf(cta::KernelOp kernel);

/// About `perOperator` of each operator, spread evenly over its places; more
/// where a target has too few operators for `perTarget`.
std::vector<Mutant> sample(const std::vector<Mutant> &all, unsigned perOperator,
                           unsigned perTarget = 0);

/// A copy of the module that holds one kernel, mutated.
mlir::OwningOpRef<mlir::ModuleOp> apply(mlir::ModuleOp module,
                                        const Mutant &mutant);

// The operators by file.
void addAccessOperators(std::vector<Operator> &operators);
void addOffsetOperators(std::vector<Operator> &operators);
void addStageOperators(std::vector<Operator> &operators);
void addRingOperators(std::vector<Operator> &operators);
void addRoleOperators(std::vector<Operator> &operators);
void addOutputOperators(std::vector<Operator> &operators);
void addLaunchOperators(std::vector<Operator> &operators);
void addPartOperators(std::vector<Operator> &operators);
void addFlowOperators(std::vector<Operator> &operators);
void addTensorOperators(std::vector<Operator> &operators);
void addQuantizeOperators(std::vector<Operator> &operators);
void addDequantizeOperators(std::vector<Operator> &operators);

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_MUTANTS_H
