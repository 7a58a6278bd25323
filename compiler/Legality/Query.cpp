// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Expressions to polyhedra: floordiv and mod become one existential each.

#include "compiler/Legality/Query.h"
#include "mlir/Analysis/Presburger/IntegerRelation.h"
#include "mlir/Analysis/Presburger/Simplex.h"
#include <numeric>

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

/// The order in which a counterexample is to be small.
SmallVector<unsigned> inOrder(const Slicer &slicer,
                              const llvm::BitVector &leaves) {
  SmallVector<unsigned> order(leaves.set_bits());
  llvm::sort(order, [&](unsigned a, unsigned b) {
    return std::pair(slicer.leaves()[a].kind, a) <
           std::pair(slicer.leaves()[b].kind, b);
  });
  return order;
}

class PolyhedronBuilder {
public:
  PolyhedronBuilder(const Slicer &slicer, const llvm::BitVector &leaves)
      : polyhedron(PresburgerSpace::getSetSpace(leaves.count())) {
    for (unsigned leaf : inOrder(slicer, leaves))
      columns.try_emplace(leaf, columns.size());
    for (unsigned leaf : leaves.set_bits()) {
      AffineExpr max = slicer.leaves()[leaf].max;
      AffineExpr self = getAffineDimExpr(leaf, max.getContext());
      require(self - slicer.leaves()[leaf].low);
      require(max - self);
    }
  }

  /// The columns of a point as values of leaves.
  Sample toSample(ArrayRef<llvm::DynamicAPInt> point,
                  const llvm::BitVector &leaves) const {
    Sample sample;
    for (unsigned leaf : leaves.set_bits())
      sample[leaf] = int64fromDynamicAPInt(point[columns.at(leaf)]);
    return sample;
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

/// Of the answers the least one, M first. `some` is one of them.
static SmallVector<llvm::DynamicAPInt, 8>
smallest(const IntegerPolyhedron &polyhedron,
         const SmallVector<llvm::DynamicAPInt, 8> &some) {
  auto least = polyhedron.findIntegerLexMin();
  return least.isBounded() ? *least : some;
}

Query::Answer Query::solve(unsigned &searches, Sample *sample,
                           bool least) const {
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
  if (sample)
    *sample =
        builder.toSample(least ? smallest(polyhedron, *found) : *found, leaves);
  return Answer::Inhabited;
}

std::optional<Sample> Query::guess() const {
  Sample point;
  for (unsigned leaf : leaves.set_bits()) {
    const Leaf &one = slicer.leaves()[leaf];
    point[leaf] = one.isSize() ? int64_t(one.high) : 0;
  }
  return isAnswer(point) ? std::optional(point) : std::nullopt;
}

bool Query::isAnswer(const Sample &point) const {
  for (auto [leaf, value] : point)
    if (value < slicer.leaves()[leaf].low ||
        value > evaluate(slicer.leaves()[leaf].max, point))
      return false;
  return llvm::all_of(constraints, [&](AffineExpr nonNegative) {
    return evaluate(nonNegative, point) >= 0;
  });
}

/// The values of a leaf that are tried.
static ArrayRef<int64_t> valuesOf(LeafKind kind) {
  static const std::vector<int64_t> rows{0,  1,  2,  5,  7,  8,   9,   15,
                                         16, 17, 31, 33, 64, 127, 128, 129};
  static const std::vector<int64_t> sizes{1, 5, 9, 17, 130};
  static const std::vector<int64_t> first{0, 1, 2};
  static const std::vector<int64_t> threads = [] {
    std::vector<int64_t> all(1024);
    std::iota(all.begin(), all.end(), 0);
    return all;
  }();
  switch (kind) {
  case LeafKind::Rows:
    return rows;
  case LeafKind::Columns:
  case LeafKind::Blocks:
    return sizes;
  case LeafKind::Thread:
    return threads;
  default:
    return first;
  }
}

bool Query::tryOut(Sample &point, ArrayRef<unsigned> open,
                   Condition also) const {
  if (open.empty())
    return isAnswer(point) && (!also || also(point));
  const Leaf &leaf = slicer.leaves()[open.front()];
  for (int64_t value : valuesOf(leaf.kind)) {
    point[open.front()] = value;
    if (value > leaf.high)
      break;
    if (tryOut(point, open.drop_front(), also))
      return true;
  }
  point[open.front()] = 0;
  return false;
}

std::optional<Sample> Query::tryOut(Condition also) const {
  Sample point;
  SmallVector<unsigned> open = inOrder(slicer, leaves);
  for (unsigned leaf : open)
    point[leaf] = 0;
  return tryOut(point, open, also) ? std::optional(point) : std::nullopt;
}

Query::Answer Solver::findPoint(const Domain &domain, Sample &point) {
  ++asked;
  Query query(slicer, domain);
  if (std::optional<Sample> guess = query.guess()) {
    point = std::move(*guess);
    return Query::Answer::Inhabited;
  }
  // Rows or blocks that a whole copy lies behind: no thread passes.
  for (const LessThan &less : domain.guard)
    if (slicer.bounds(less.large - less.small - 1).high < 0)
      return Query::Answer::Empty;
  return orTryOut(query, query.solve(searchesLeft, &point), point);
}

Query::Answer Solver::orTryOut(const Query &query, Query::Answer answer,
                               Sample &point) const {
  if (answer != Query::Answer::TooLarge)
    return answer;
  std::optional<Sample> found = query.tryOut();
  if (!found)
    return answer;
  point = std::move(*found);
  return Query::Answer::Inhabited;
}

static Query negation(const Slicer &slicer, const Domain &domain,
                      const LessThan &less) {
  Query query(slicer, domain);
  query.require(less.small - less.large);
  return query;
}

bool Solver::implies(const LessThan &conjunct, const LessThan &less) {
  Implication key{conjunct.small, conjunct.large, less.small, less.large};
  auto [known, isNew] = implied.try_emplace(key, false);
  if (isNew) {
    ++asked;
    unsigned none = 0;
    known->second =
        negation(slicer, {{conjunct}, {}}, less).solve(none, nullptr) ==
        Query::Answer::Empty;
  }
  return known->second;
}

Query::Answer Solver::findViolation(const Domain &domain, const LessThan &less,
                                    Sample &point) {
  if (llvm::is_contained(domain.guard, less))
    return Query::Answer::Empty;
  // Bounds over the whole box are the cheapest proof.
  if (slicer.bounds(less.large - less.small - 1).low >= 0)
    return Query::Answer::Empty;
  // One conjunct alone usually decides, in a smaller question.
  for (const LessThan &conjunct : domain.guard)
    if (implies(conjunct, less))
      return Query::Answer::Empty;
  ++asked;
  Query query = negation(slicer, domain, less);
  return orTryOut(query, query.solve(searchesLeft, &point, /*least=*/true),
                  point);
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

Counterexample nybl::compiler::counterexampleAt(const Slicer &slicer,
                                                const Sample &sample) {
  Counterexample result;
  for (auto [leaf, value] : sample)
    switch (slicer.leaves()[leaf].kind) {
    case LeafKind::Rows:
      result.rows = value;
      break;
    case LeafKind::Tile:
      result.tile = value;
      break;
    case LeafKind::Columns: // the message has them
    case LeafKind::Blocks:
    case LeafKind::TileColumn:
    case LeafKind::Part: // an example's tile says where to look
    case LeafKind::Rank:
      break;
    case LeafKind::Step:
      result.step = value;
      break;
    case LeafKind::Thread:
      result.thread = value;
      break;
    }
  return result;
}

std::string nybl::compiler::describe(const Slicer &slicer,
                                     const Sample &sample) {
  std::multimap<LeafKind, int64_t> values;
  for (auto [leaf, value] : sample)
    values.emplace(slicer.leaves()[leaf].kind, value);
  std::string text;
  for (auto [kind, value] : values)
    text += (text.empty() ? "" : ", ") + nameOf(kind).str() + " = " +
            std::to_string(value);
  return text.empty() ? "any M and any thread" : text;
}
