// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What one thread does in one tile, in numbers: the integer arithmetic of a
// cta.kernel, executed. Data, scales and floats are not known here; an address
// or guard that is made of them is reported as unknown.
#ifndef NYBL_TESTS_MUTATION_CTAEVALUATE_H
#define NYBL_TESTS_MUTATION_CTAEVALUATE_H

#include "dialects/Cta/CtaOps.h"
#include "llvm/ADT/DenseMap.h"
#include <functional>
#include <optional>
#include <vector>

namespace nybl::mutation {

/// A number of up to 64 bits, or not known.
struct Cell {
  uint64_t bits = 0;
  bool known = false;
};

/// An element of memory that an op touches, and the values it is made of.
struct Access {
  mlir::Value base;      ///< an operand in global memory, or a stage
  mlir::Value offset;    ///< of the first element; null: 0
  mlir::Value iteration; ///< of a ring's slot, or null
  llvm::SmallVector<mlir::Value> guards; ///< none: always
  int64_t plus = 0, bytes = 0;
  bool isGlobal = false, isWrite = false;
  mlir::Value unless{}; ///< keeps the thread from it; or null
};

llvm::SmallVector<Access> accessesOf(mlir::Operation *op);

/// What one thread comes to: an access of memory, or an op that orders them (of
/// a ring, a barrier), whose `access` is null.
struct Event {
  mlir::Operation *op;
  const Access *access;
  Cell offset, guard, iteration;
  bool waited; ///< behind griddepcontrol.wait
};
using OnEvent = llvm::function_ref<void(const Event &)>;

/// Values of the kernel's arguments by their sources.
using Arguments = std::function<std::optional<uint64_t>(llvm::StringRef)>;

/// Of a CTA, or of both of a pair: those of the second one behind the first's.
uint64_t threadsOf(cta::KernelOp kernel);

class Evaluator {
public:
  explicit Evaluator(cta::KernelOp kernel);

  /// The number of tiles; not known if it is made of what is not known.
  Cell tiles(const Arguments &arguments);

  /// Calls `onEvent` for each event of thread `thread`, in the tiles `tiles`
  /// (those below the count) and outside of tiles. False if control depends on
  /// what is not known, or a loop has more than 2^16 rounds.
  bool run(const Arguments &arguments, llvm::ArrayRef<uint64_t> tiles,
           uint64_t thread, OnEvent onEvent);

private:
  enum class Code : uint8_t;
  struct NumberedAccess {
    Access access;
    int offset = -1, iteration = -1, unless = -1; ///< -1: none
    std::vector<unsigned> guards;
  };
  /// An op, decoded; or one of its blocks, as a part of `body`.
  struct Step {
    Code code;
    mlir::Operation *op = nullptr;
    unsigned width = 0, from = 0; ///< bits of the result and of an operand
    uint64_t number = 0;          ///< of a constant; predicate of a comparison
    std::vector<unsigned> operands, arguments;
    unsigned result = 0, results = 0;
    std::vector<std::vector<Step>> body;
    std::vector<NumberedAccess> accesses;
  };

  unsigned numberOf(mlir::Value value);
  static Code codeOf(mlir::Operation *op);
  Step decode(mlir::Operation *op);
  std::vector<Step> flatten(mlir::Block &block);
  void bind(const Arguments &arguments);
  bool execute(const std::vector<Step> &steps);
  bool executeLoop(const Step &step);
  bool executeIf(const Step &step);
  void executeAccess(const Step &step);
  Cell guardOf(const NumberedAccess &numbered) const;
  bool executeTiles(const Step &step);
  bool executeRole(const Step &step);
  bool executeParts(const Step &step);
  void carry(const std::vector<unsigned> &from, unsigned first, unsigned count);
  Cell compute(const Step &step) const;

  cta::KernelOp kernel;
  llvm::DenseMap<mlir::Value, unsigned> numbers;
  std::vector<Cell> cells;
  std::vector<Step> steps;
  llvm::ArrayRef<uint64_t> tilesToRun;
  uint64_t thread = 0, rank = 0; ///< rank: of the CTA in its pair
  uint64_t tileNumber = 0;       ///< of those that are run, or of their parts
  bool waited = false, countOnly = false;
  Cell count;
  OnEvent onEvent;
};

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_CTAEVALUATE_H
