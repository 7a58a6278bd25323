// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Expressions to polyhedra: floordiv and mod become one existential each.

#include "compiler/Legality/Query.h"
#include "mlir/Analysis/Presburger/IntegerRelation.h"
#include <map>

using namespace mlir;
using namespace mlir::presburger;
using namespace nybl::compiler;

namespace {

/// sum of coefficient * variable + constant; variables count dims, then locals.
struct Linear {
  std::map<unsigned, int64_t> terms;
  int64_t constant = 0;

  void add(const Linear &other, int64_t times) {
    for (auto [variable, coefficient] : other.terms)
      terms[variable] += coefficient * times;
    constant += other.constant * times;
  }
};

class PolyhedronBuilder {
public:
  explicit PolyhedronBuilder(const Slicer &slicer)
      : polyhedron(PresburgerSpace::getSetSpace(slicer.leaves().size())) {
    for (auto [i, leaf] : llvm::enumerate(slicer.leaves())) {
      AffineExpr self = getAffineDimExpr(i, leaf.max.getContext());
      require(self);
      require(leaf.max - self);
    }
  }

  void require(AffineExpr nonNegative) {
    polyhedron.addInequality(row(linear(nonNegative)));
  }

  IntegerPolyhedron polyhedron;

private:
  SmallVector<int64_t> row(const Linear &value) const {
    SmallVector<int64_t> result(polyhedron.getNumCols(), 0);
    for (auto [variable, coefficient] : value.terms)
      result[variable] = coefficient;
    result.back() = value.constant;
    return result;
  }

  Linear linear(AffineExpr expr) {
    Linear result;
    if (auto number = dyn_cast<AffineConstantExpr>(expr)) {
      result.constant = number.getValue();
      return result;
    }
    if (auto dim = dyn_cast<AffineDimExpr>(expr)) {
      result.terms[dim.getPosition()] = 1;
      return result;
    }
    auto binary = cast<AffineBinaryOpExpr>(expr);
    result = linear(binary.getLHS());
    if (expr.getKind() == AffineExprKind::Add) {
      result.add(linear(binary.getRHS()), 1);
      return result;
    }
    int64_t by = cast<AffineConstantExpr>(binary.getRHS()).getValue();
    if (expr.getKind() == AffineExprKind::Mul) {
      Linear scaled;
      scaled.add(result, by);
      return scaled;
    }
    Linear quotient = floorDiv(binary.getLHS(), result, by);
    if (expr.getKind() == AffineExprKind::FloorDiv)
      return quotient;
    result.add(quotient, -by); // mod
    return result;
  }

  /// One local variable for each different quotient.
  Linear floorDiv(AffineExpr dividend, const Linear &value, int64_t by) {
    auto [known, isNew] = quotients.try_emplace({dividend, by}, 0);
    if (isNew) {
      polyhedron.addLocalFloorDiv(row(value), by);
      known->second = polyhedron.getNumVars() - 1;
    }
    Linear result;
    result.terms[known->second] = 1;
    return result;
  }

  llvm::DenseMap<std::pair<AffineExpr, int64_t>, unsigned> quotients;
};

} // namespace

void Query::require(AffineExpr nonNegative) {
  constraints.push_back(nonNegative);
}

Query::Answer Query::solve(Sample *sample) const {
  PolyhedronBuilder builder(slicer);
  for (AffineExpr constraint : constraints)
    builder.require(constraint);
  IntegerPolyhedron &polyhedron = builder.polyhedron;
  if (polyhedron.getNumVars() > maxVariables)
    return Answer::TooLarge;
  if (polyhedron.isIntegerEmpty())
    return Answer::Empty;
  if (sample) {
    auto found = polyhedron.findIntegerSample();
    if (!found)
      return Answer::Empty;
    sample->clear();
    for (size_t i = 0; i < slicer.leaves().size(); ++i)
      sample->push_back(int64fromDynamicAPInt((*found)[i]));
  }
  return Answer::Inhabited;
}

int64_t nybl::compiler::evaluate(AffineExpr expr, ArrayRef<int64_t> point) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return number.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return point[dim.getPosition()];
  auto binary = cast<AffineBinaryOpExpr>(expr);
  int64_t a = evaluate(binary.getLHS(), point);
  int64_t b = evaluate(binary.getRHS(), point);
  switch (expr.getKind()) {
  case AffineExprKind::Add:
    return a + b;
  case AffineExprKind::Mul:
    return a * b;
  case AffineExprKind::FloorDiv:
    return llvm::divideFloorSigned(a, b);
  default:
    return llvm::mod(a, b);
  }
}

bool nybl::compiler::satisfies(const Slicer &slicer,
                               ArrayRef<LessThan> conjuncts,
                               ArrayRef<int64_t> point) {
  for (auto [i, leaf] : llvm::enumerate(slicer.leaves()))
    if (point[i] < 0 || point[i] > evaluate(leaf.max, point))
      return false;
  return llvm::all_of(conjuncts, [&](const LessThan &less) {
    return evaluate(less.small, point) < evaluate(less.large, point);
  });
}

std::string nybl::compiler::describe(const Slicer &slicer,
                                     ArrayRef<int64_t> sample) {
  std::string text;
  for (auto [i, leaf] : llvm::enumerate(slicer.leaves())) {
    text += (i ? ", " : "") + leaf.name + " = " + std::to_string(sample[i]);
  }
  return text;
}
