// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Emptiness questions: is there a thread, a tile, a K step and an M that
// satisfy some inequalities? Answered by MLIR's Presburger library.
#ifndef NYBL_COMPILER_LEGALITY_QUERY_H
#define NYBL_COMPILER_LEGALITY_QUERY_H

#include "compiler/Legality/Slice.h"
#include "compiler/Legality/Verdict.h"
#include <map>
#include <string>

namespace nybl::compiler {

/// Values of the leaves a question is about, by their position in the slicer.
using Sample = std::map<unsigned, int64_t>;

/// A question about what holds in a domain.
class Query {
public:
  Query(const Slicer &slicer, const Domain &domain);

  /// Adds expr >= 0.
  void require(mlir::AffineExpr nonNegative);
  void require(const LessThan &less) { require(less.large - less.small - 1); }
  /// Its leaves have values in every answer.
  void mention(mlir::AffineExpr expr) { slicer.addLeaves(expr, leaves); }

  enum class Answer { Empty, Inhabited, TooLarge };
  /// Most questions have no answer among the fractions either, and that is
  /// found quickly. What is left is a search among the integers, which nothing
  /// can interrupt: it is made only if `searches` is not 0 (one is taken off)
  /// and the question is small, else it is TooLarge. No clock decides, so that
  /// the same kernel always has the same verdict.
  /// `least`: the sample is the smallest, M first, then tile, K step, thread.
  Answer solve(unsigned &searches, Sample *sample, bool least = false) const;

  /// The first thread of the first tile, with M as large as it gets, if that
  /// is an answer: it passes most guards and costs nothing to try.
  std::optional<Sample> guess() const;

  /// The first answer among some small launches, all threads, the first tiles
  /// and K steps: what is too large to be asked is often simply wrong. An
  /// answer of which `also` is true, if that is given.
  using Condition = llvm::function_ref<bool(const Sample &)>;
  std::optional<Sample> tryOut(Condition also = nullptr) const;

  /// Of a question: leaves and quotients.
  static constexpr unsigned maxVariables = 40;
  /// Of a search: quotients, the factors of its variables, and how many a
  /// kernel may have. The slowest search known within these took half a second.
  static constexpr unsigned maxQuotients = 5;
  static constexpr int64_t maxFactor = int64_t(1) << 32;
  static constexpr unsigned maxSearches = 16;

private:
  bool isAnswer(const Sample &point) const;
  bool tryOut(Sample &point, llvm::ArrayRef<unsigned> open,
              Condition also) const;

  const Slicer &slicer;
  llvm::SmallVector<mlir::AffineExpr> constraints;
  llvm::BitVector leaves; ///< the only ones that may constrain the answer
};

/// Asks about one kernel: counts, and remembers what it has asked before.
class Solver {
public:
  explicit Solver(const Slicer &slicer) : slicer(slicer) {}

  /// A point of the domain, if there is one.
  Query::Answer findPoint(const Domain &domain, Sample &point);
  /// The least point of the domain where small >= large; Empty means that
  /// small < large everywhere in it.
  Query::Answer findViolation(const Domain &domain, const LessThan &less,
                              Sample &point);
  /// What was asked: the cost of a proof, in numbers that no clock makes.
  size_t questions() const { return asked; }
  unsigned searches() const { return Query::maxSearches - searchesLeft; }

private:
  bool implies(const LessThan &conjunct, const LessThan &less);
  Query::Answer orTryOut(const Query &query, Query::Answer answer,
                         Sample &point) const;

  const Slicer &slicer;
  size_t asked = 0;
  unsigned searchesLeft = Query::maxSearches;
  /// Answers of "conjunct implies less": many accesses share a row or a column.
  /// No region is around these questions, so the answers hold in every domain.
  using Implication = std::tuple<mlir::AffineExpr, mlir::AffineExpr,
                                 mlir::AffineExpr, mlir::AffineExpr>;
  llvm::DenseMap<Implication, bool> implied;
};

/// The value of an expression at a point.
int64_t evaluate(mlir::AffineExpr expr, const Sample &point);

/// The leaves' values as a counterexample has them.
Counterexample counterexampleAt(const Slicer &slicer, const Sample &sample);

/// "M = 5, tile = 0, thread = 7"
std::string describe(const Slicer &slicer, const Sample &sample);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_QUERY_H
