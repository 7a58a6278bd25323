// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Expressions to polyhedra: floordiv and mod become one existential each.

#include "compiler/Legality/Query.h"
#include "mlir/Analysis/Presburger/IntegerRelation.h"
#include "mlir/Analysis/Presburger/Simplex.h"

using namespace mlir;
using namespace mlir::presburger;
using namespace nybl::compiler;

namespace {

/// sum of coefficient * variable + constant; variables count dims, then locals.
struct Linear {
  std::map<unsigned, int64_t> terms;
  int64_t constant = 0;

  /// False if a number does not fit.
  [[nodiscard]] bool add(const Linear &other, int64_t times) {
    bool fits = addProduct(constant, other.constant, times);
    for (auto [variable, factor] : other.terms)
      fits &= addProduct(terms[variable], factor, times);
    return fits;
  }

private:
  static bool addProduct(int64_t &sum, int64_t a, int64_t b) {
    int64_t product;
    return !llvm::MulOverflow(a, b, product) &&
           !llvm::AddOverflow(sum, product, sum);
  }
};

class PolyhedronBuilder {
public:
  PolyhedronBuilder(const Slicer &slicer, const llvm::BitVector &leaves)
      : polyhedron(PresburgerSpace::getSetSpace(leaves.count())) {
    for (unsigned leaf : leaves.set_bits())
      columns.try_emplace(leaf, columns.size());
    for (unsigned leaf : leaves.set_bits()) {
      AffineExpr max = slicer.leaves()[leaf].max;
      AffineExpr self = getAffineDimExpr(leaf, max.getContext());
      require(self);
      require(max - self);
    }
  }

  void require(AffineExpr nonNegative) {
    Linear value = linear(nonNegative);
    for (auto [variable, factor] : value.terms)
      largestFactor = std::max(largestFactor, std::abs(factor));
    polyhedron.addInequality(row(value));
  }

  /// Small enough for a search among the integers.
  bool isSearchable() const {
    return polyhedron.getNumLocalVars() <= Query::maxQuotients &&
           largestFactor <= Query::maxFactor;
  }

  IntegerPolyhedron polyhedron;
  bool overflowed = false;

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
      result.terms[columns.at(dim.getPosition())] = 1;
      return result;
    }
    auto binary = cast<AffineBinaryOpExpr>(expr);
    result = linear(binary.getLHS());
    if (expr.getKind() == AffineExprKind::Add) {
      add(result, linear(binary.getRHS()), 1);
      return result;
    }
    int64_t by = cast<AffineConstantExpr>(binary.getRHS()).getValue();
    if (expr.getKind() == AffineExprKind::Mul) {
      Linear scaled;
      add(scaled, result, by);
      return scaled;
    }
    Linear quotient = floorDiv(binary.getLHS(), result, by);
    if (expr.getKind() == AffineExprKind::FloorDiv)
      return quotient;
    add(result, quotient, -by); // mod
    return result;
  }

  void add(Linear &sum, const Linear &other, int64_t times) {
    overflowed |= !sum.add(other, times);
  }

  /// One local variable for each different quotient.
  Linear floorDiv(AffineExpr dividend, const Linear &value, int64_t by) {
    auto [known, isNew] = quotients.try_emplace({dividend, by}, 0);
    if (isNew) {
      largestFactor = std::max(largestFactor, by);
      polyhedron.addLocalFloorDiv(row(value), by);
      known->second = polyhedron.getNumVars() - 1;
    }
    Linear result;
    result.terms[known->second] = 1;
    return result;
  }

  int64_t largestFactor = 0;
  llvm::DenseMap<unsigned, unsigned> columns; ///< of the leaves
  llvm::DenseMap<std::pair<AffineExpr, int64_t>, unsigned> quotients;
};

} // namespace

Query::Query(const Slicer &slicer, const Domain &domain) : slicer(slicer) {
  for (const LessThan &less : domain.guard)
    require(less);
  for (AffineExpr leaf : domain.around)
    slicer.addLeaves(leaf, leaves);
}

void Query::require(AffineExpr nonNegative) {
  constraints.push_back(nonNegative);
  slicer.addLeaves(nonNegative, leaves);
}

Query::Answer Query::solve(unsigned &searches, Sample *sample) const {
  PolyhedronBuilder builder(slicer, leaves);
  for (AffineExpr constraint : constraints)
    builder.require(constraint);
  IntegerPolyhedron &polyhedron = builder.polyhedron;
  if (builder.overflowed || polyhedron.getNumVars() > maxVariables)
    return Answer::TooLarge;
  if (Simplex(polyhedron).isEmpty())
    return Answer::Empty;
  if (searches == 0 || !builder.isSearchable())
    return Answer::TooLarge;
  --searches;
  auto found = polyhedron.findIntegerSample();
  if (!found)
    return Answer::Empty;
  if (sample) {
    sample->clear();
    for (auto [column, leaf] : llvm::enumerate(leaves.set_bits()))
      (*sample)[leaf] = int64fromDynamicAPInt((*found)[column]);
  }
  return Answer::Inhabited;
}

std::optional<Sample> Query::guess() const {
  Sample point;
  for (unsigned leaf : leaves.set_bits())
    point[leaf] = slicer.leaves()[leaf].name == "M" ? rowsMax : 0;
  for (auto [leaf, value] : point)
    if (value > evaluate(slicer.leaves()[leaf].max, point))
      return std::nullopt;
  for (AffineExpr nonNegative : constraints)
    if (evaluate(nonNegative, point) < 0)
      return std::nullopt;
  return point;
}

int64_t nybl::compiler::evaluate(AffineExpr expr, const Sample &point) {
  if (auto number = dyn_cast<AffineConstantExpr>(expr))
    return number.getValue();
  if (auto dim = dyn_cast<AffineDimExpr>(expr))
    return point.at(dim.getPosition());
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

std::string nybl::compiler::describe(const Slicer &slicer,
                                     const Sample &sample) {
  std::string text;
  for (auto [leaf, value] : sample)
    text += (text.empty() ? "" : ", ") + slicer.leaves()[leaf].name + " = " +
            std::to_string(value);
  return text.empty() ? "any M and any thread" : text;
}
