// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels that were made wrong: the enumeration must find each of them, and the
// prover may claim no lemma that the enumeration breaks.
#ifndef NYBL_TESTS_CTAINTERPRETER_WRONGKERNELS_H
#define NYBL_TESTS_CTAINTERPRETER_WRONGKERNELS_H

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "tests/CtaInterpreter/CtaInstance.h"
#include "tests/CtaInterpreter/Violations.h"

#include <gtest/gtest.h>

namespace nybl::enumeration {

/// An edit of a built-in kernel, and a lemma that it breaks ("gemm" where it
/// only computes something else).
struct Edit {
  const char *name, *lemma;
  void (*apply)(cta::KernelOp kernel);
};

template <typename Op>
std::vector<Op> all(cta::KernelOp kernel, llvm::StringRef source = "") {
  std::vector<Op> ops;
  kernel.walk([&](Op op) {
    if constexpr (requires { op.getBase(); })
      if (!source.empty() && kernel.sourceOf(llvm::cast<mlir::BlockArgument>(
                                 op.getBase())) != source)
        return;
    ops.push_back(op);
  });
  EXPECT_FALSE(ops.empty());
  return ops;
}

/// The first of these goes before, or behind, the other one.
template <typename Op, typename Other>
void moveTo(cta::KernelOp kernel, size_t number, bool behind) {
  Op op = all<Op>(kernel).front();
  Other other = all<Other>(kernel)[number];
  if (behind)
    op->moveAfter(other);
  else
    op->moveBefore(other);
}

/// operand + number, of a box or a pair of D.
template <typename Op>
void addTo(Op op, mlir::OpOperand &operand, int number) {
  mlir::OpBuilder builder(op);
  mlir::Value more = mlir::arith::ConstantOp::create(
      builder, op.getLoc(),
      mlir::IntegerAttr::get(operand.get().getType(), number));
  operand.set(
      mlir::arith::AddIOp::create(builder, op.getLoc(), operand.get(), more));
}

/// `n` and `k` are the problem's; rows are some of one tile and of several.
struct Wrong {
  const char *schedule;
  int64_t k = 80, n = 21;
  std::vector<int64_t> rows = {1, 31, 45};
  const char *chip = "sm_120a";
  /// Where only what is computed is another.
  bool mayBeProven = true;
};

/// The enumeration sees what the edit breaks, and the prover claims no lemma
/// that is seen to be broken.
inline void expectFound(const Edit &edit, const AnyProblem &problem,
                        const Wrong &wrong) {
  CtaInstance instance(problem, wrong.schedule, /*templateText=*/"",
                       wrong.chip);
  ASSERT_TRUE(instance.kernel);
  edit.apply(instance.kernel);
  Verdict verdict = prove(instance);
  bool found = false;
  for (int64_t m : wrong.rows) {
    auto violations = findViolations(instance.kernel, {m});
    ASSERT_TRUE(violations) << violations.message();
    for (const Violation &violation : *violations) {
      found |= violation.lemma == edit.lemma;
      EXPECT_FALSE(verdict.claims(violation.lemma))
          << "M = " << m << ": " << violation.lemma << ": " << violation.text;
    }
  }
  EXPECT_TRUE(found) << edit.lemma << " is not seen to be broken";
  if (edit.lemma == std::string("L1") || !wrong.mayBeProven) {
    EXPECT_FALSE(verdict.accepted);
  }
}

inline void expectFound(const Edit &edit, const Wrong &wrong) {
  GemmProblem problem;
  problem.n = wrong.n;
  problem.k = wrong.k;
  expectFound(edit, problem, wrong);
}

} // namespace nybl::enumeration

#endif // NYBL_TESTS_CTAINTERPRETER_WRONGKERNELS_H
