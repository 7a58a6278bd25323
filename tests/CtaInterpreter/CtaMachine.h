// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The state of one CTA and a method for each op: registers of all threads,
// shared memory by the origin of its bytes.
#ifndef NYBL_TESTS_CTAINTERPRETER_CTAMACHINE_H
#define NYBL_TESTS_CTAINTERPRETER_CTAMACHINE_H

#include "mlir/Dialect/SCF/IR/SCF.h"
#include "tests/CtaInterpreter/CtaInterpreter.h"
#include "tests/CtaInterpreter/CtaRoles.h"
#include "tests/CtaInterpreter/Operands.h"
#include "llvm/ADT/DenseMap.h"
#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <vector>

namespace nybl::enumeration {

/// The registers of an SSA value, one a thread. One of the three is used:
/// numbers for integers that were computed, zero-extended; bytes for what was
/// loaded; sums for floats.
struct Registers {
  std::vector<uint64_t> numbers;
  std::vector<Bytes> bytes;
  std::vector<Sum> sums;
};

/// One byte of shared memory. Epochs are the barriers so far: two threads that
/// touch a byte in one epoch, one of them to write, race.
struct Cell {
  static constexpr int nobody = -1, several = -2;
  static constexpr int maxRoles = 8; ///< of both CTAs of a pair
  /// Of each role, and of what it asks for in tensor memory.
  static constexpr int clocks = 2 * maxRoles;
  Origin origin;
  int writeEpoch = -1, writer = nobody;
  int readEpoch = -1, reader = nobody;
  int group = -1; ///< of the copy that writes it, until a wait ends that
  // Between roles there are no epochs, but how far each was.
  int writeRole = 0, writeClock = 0;
  bool isCopied = false;
  bool isOfThreads = false; ///< and not of TMA or a bulk copy
  std::array<int, clocks> readClocks = {};
};

/// A byte of scale factors in tensor memory, or an accumulator there.
template <typename Content>
struct TensorCell {
  Content content = {};
  bool isWritten = false;
  int writeClock = 0, writeRole = 0; ///< of the role that asked for the write
  std::array<int, Cell::clocks> readClocks = {};
};

/// By columns, in each slot of their ring: scale factors of 32 lanes, which the
/// other lanes have too; accumulators of 128.
struct TensorMemory {
  llvm::DenseMap<mlir::Value, std::vector<TensorCell<Origin>>> scales;
  llvm::DenseMap<mlir::Value, std::vector<TensorCell<Sum>>> sums;
};

/// A thread by its number in its role.
struct Lane {
  int role = -1, thread = 0;
  bool isBeside(const Lane &other) const {
    return role == other.role && thread / 32 == other.thread / 32;
  }
  friend bool operator==(const Lane &, const Lane &) = default;
};

/// One byte of a stage of D, and how far its write and a box are.
struct OutputCell {
  Sum value;                 ///< of the element
  int bytes = 0, number = 0; ///< of the element; of this byte in it
  Lane writer, reader;
  bool isOver = false,
       isPublished = false; ///< known to the writer's warp; to TMA
  bool isRead = false;      ///< the reader's warp has acquired since
};

struct OutputStages {
  /// Groups of a role that take turns have their own.
  std::map<std::pair<const void *, int64_t>, std::vector<OutputCell>> stages;
  bool isDrained = true;
};

/// What the parts of a tile have left in the workspace: the part whose turn it
/// is, and each thread's registers.
struct TileSums {
  uint64_t turn = 0;
  std::vector<Sum> sums;
};

class CtaMachine {
public:
  CtaMachine(cta::KernelOp kernel, const Launch &launch, Observer &observer);
  Status run();

private:
  Status execute(mlir::Block &block);
  Status execute(mlir::Operation &op);
  Status executeCta(mlir::Operation &op);
  Status executeGroup(mlir::Operation &op);
  Status executeTileRange(cta::TileRangeOp op);
  Status executeFor(mlir::scf::ForOp op);
  /// Does `body` for each tile, or part of one, that the CTA has.
  Status forEachTask(cta::TileRangeOp range,
                     llvm::function_ref<Status(int64_t number)> body);

  // Parts of tiles (CtaParts.cpp).
  Status executeSumParts(cta::SumPartsOp op);
  /// After the launch.
  void checkWorkspace();

  // Roles (CtaRoles.cpp).
  Status executeRoles(cta::TileRangeOp range);
  /// `runner` is one group of the role's warps.
  Status runRole(cta::TileRangeOp range, const RoleRunner &runner, int number);
  Status runTile(cta::TileRangeOp range, cta::RoleOp own);
  Status executeTurn(mlir::Operation &op);
  /// The machine is that of a CTA of a pair.
  Status enterCta(cta::TileRangeOp range, int number);
  Status executePairWait(cta::PairWaitOp op);
  int ctas() { return kernel.isByPairs() ? 2 : 1; }
  void checkClaims(cta::RoleOp own);
  Status executeRingStep(mlir::Operation &op);
  void checkTurn(mlir::Operation &op, mlir::Value ring, int64_t iteration,
                 int64_t before);
  /// Waits until an iteration may be written, or read.
  Status claim(mlir::Operation &op, mlir::Value ring, int64_t iteration);
  Status giveBack(mlir::Operation &op, mlir::Value ring, int64_t iteration);
  int64_t stepsOf(mlir::Value ring);
  /// The iteration in the launch of one that is named within a tile.
  uint64_t iterationOf(mlir::Value ring, uint64_t named) {
    return named + tileNumber * stepsOf(ring);
  }
  /// The slot of an iteration; a fault where the role has not claimed it.
  uint64_t claimedSlot(mlir::Operation *op, mlir::Value ring,
                       uint64_t iteration, bool writes);
  bool isWriteBefore(const Cell &cell, int thread) const;
  bool areReadsBefore(const Cell &cell, int thread) const;

  // Arithmetic (CtaArithmetic.cpp).
  Status executeArith(mlir::Operation &op);
  void executeFloat(mlir::Operation &op);
  Status executeInteger(mlir::Operation &op);
  Status executeSelect(mlir::Operation &op);

  // Memory (CtaMemory.cpp).
  void executeAccess(cta::GlobalAccess op);
  void executeLoad(cta::GlobalAccess op, mlir::Value result, int64_t bytes);
  void executeStore(cta::StoreOp op);
  void executeStoreShared(cta::StageAccess op, mlir::Value value);
  void executeCopy(cta::GlobalAccess op);
  void executeBox(cta::CopyBoxOp op);
  void copyBox(cta::CopyBoxOp op, int thread);
  void executeAtoms(cta::CopyScaleAtomsOp op);
  void copyAtoms(cta::CopyScaleAtomsOp op, int thread);
  template <typename Op>
  void copyByOne(Op op, llvm::function_ref<void(int thread)> copy);
  /// True where the thread has a stage to write, at an aligned offset.
  bool writesStage(cta::StageAccess op, int thread);
  /// False, with a fault, where its numbers were loaded.
  bool isStageComputed(cta::StageAccess op);
  /// Ends all groups but the last `pending`, then all threads meet.
  void executeWait(cta::RingWaitOp op);
  void executeLdMatrix(cta::LdMatrixOp op);
  /// Of one word or several, one after the other.
  void executeLoadScaleWords(cta::StageAccess op);
  void write(cta::StageAccess op, uint64_t offset, int thread,
             const Origin &origin, int group = -1);
  Origin read(cta::StageAccess op, uint64_t offset, int thread);
  /// The byte at an offset of the slot that an access names; null, with a
  /// fault, past its end.
  Cell *cellAt(cta::StageAccess op, uint64_t offset, int thread);

  // What leaves by TMA (CtaOutput.cpp).
  void executeStorePair(cta::StorePairOp op);
  void writePair(cta::StorePairOp op, int thread);
  void executeStoreBox(cta::StoreBoxOp op);
  void storeBox(cta::StoreBoxOp op, int thread);
  void storeByte(cta::StoreBoxOp op, int thread, OutputCell &cell, uint64_t to);
  void executeOutputStep(mlir::Operation &op);
  OutputCell *outputCellAt(mlir::Operation *op, mlir::Value stage,
                           uint64_t offset);
  void checkDrained();

  // Elements of block-scaled tensors (CtaElements.cpp).
  void executeDequantize(cta::DequantizeOp op);
  void executeStoreElements(cta::StoreElementsOp op);

  // Multiply (CtaMultiply.cpp).
  void executeMma(cta::MmaOp op);
  void executeTensorMma(cta::TensorMmaOp op);
  void multiplyInto(cta::TensorMmaOp op, int ofRank);
  /// Row `row` of data in one CTA, row `scaledRow` of scale factors in another.
  Slots tensorSlots(cta::TensorMmaOp op, mlir::Value data, int64_t row,
                    int dataRank, mlir::Value scales, int64_t scaledRow,
                    int scaleRank);

  // What one thread asks for in tensor memory (CtaTensor.cpp).
  /// True if one thread does, of the warp that asked before.
  bool isAsked(mlir::Operation *op, mlir::Value mine);
  void executeTensorCopy(cta::TensorCopyOp op);
  void executeTensorLoad(cta::TensorLoadOp op);
  void copyScales(cta::TensorCopyOp op, uint64_t slot, int ofRank);
  Origin readByTensor(mlir::Operation *op, mlir::Value stage, uint64_t slot,
                      uint64_t offset, int ofRank);
  Origin tensorScale(cta::TensorMmaOp op, mlir::Value scales, int64_t column,
                     int64_t lane, int64_t byte, int ofRank);
  /// Accumulators of an iteration, 128 for each column.
  TensorCell<Sum> *tensorSums(mlir::Operation *op, mlir::Value columns,
                              mlir::Value iteration, int ofRank);
  void writeSum(cta::TensorMmaOp op, TensorCell<Sum> &cell);
  template <typename Content>
  bool isWriteOver(const TensorCell<Content> &cell) const;
  bool areOver(const std::array<int, Cell::clocks> &reads) const;
  int tensorClock() const { return Cell::maxRoles + role; }
  /// After the last tile.
  void checkAskedIsOver(mlir::Operation *op);

  Registers &registersOf(mlir::Value value);
  std::vector<uint64_t> &numbers(mlir::Value value) {
    auto &list = registersOf(value).numbers;
    list.resize(threads);
    return list;
  }
  std::vector<Bytes> &bytes(mlir::Value value) {
    auto &list = registersOf(value).bytes;
    list.resize(threads);
    return list;
  }
  std::vector<Sum> &sums(mlir::Value value) {
    auto &list = registersOf(value).sums;
    list.resize(threads);
    return list;
  }
  /// False, with a fault, where a value was loaded and not computed.
  bool isComputed(mlir::Operation *op, mlir::Value value);
  /// The number all threads hold; a fault where they differ.
  uint64_t uniform(mlir::Operation *op, mlir::Value value);
  const Operand &operandOf(mlir::Value base);

  cta::KernelOp kernel;
  const Launch &launch;
  Observer &observer;
  int threads;
  int64_t cta = 0;
  int epoch = 0;
  int group = 0;  ///< of copies, that is open
  int waited = 0; ///< groups before this one are over
  llvm::DenseMap<mlir::Value, unsigned> indices;
  std::deque<Registers> registers; ///< those handed out stay where they are
  using Shared = llvm::DenseMap<mlir::Value, std::vector<Cell>>;
  std::shared_ptr<Shared> shared = std::make_shared<Shared>();
  std::shared_ptr<OutputStages> outputs = std::make_shared<OutputStages>();
  std::shared_ptr<TensorMemory> tensor = std::make_shared<TensorMemory>();
  // Of both CTAs of a pair, of which this is one.
  int rank = 0;
  std::array<std::shared_ptr<Shared>, 2> sharedOf = {
      shared, std::make_shared<Shared>()};
  std::array<std::shared_ptr<TensorMemory>, 2> tensorOf = {
      tensor, std::make_shared<TensorMemory>()};
  using Workspace = std::map<uint64_t, TileSums>;
  std::shared_ptr<Workspace> workspace = std::make_shared<Workspace>();
  std::vector<Operand> operands; ///< one for each argument of the kernel
  // Of the machine of a role: `seen` is how far it knows each role to have
  // been, itself by way of others; `now` is how far it is.
  std::shared_ptr<RoleTeam> team;
  int role = -1, firstThread = 0, now = 1;
  int64_t tileNumber = 0; ///< of the CTA's tiles
  bool hasTurn = false;
  Clock seen;
  // What it asks for in tensor memory goes on by itself, with a clock of its
  // own.
  int asked = 1, lastAsked = 0, asker = -1;
  /// Iterations of a ring, to be written or to be read.
  using Claim = std::pair<const void *, bool>;
  std::map<Claim, int64_t> claimed;
  std::set<std::pair<Claim, int64_t>> held; ///< and not given back yet
  bool isFenced = false; ///< since it waited: what threads have written
};

/// 8 bytes of data as one block.
Origin blockOf(llvm::ArrayRef<Origin> data);

/// The refusal of an op, by its name.
Status unknownOp(mlir::Operation &op);

} // namespace nybl::enumeration

#endif // NYBL_TESTS_CTAINTERPRETER_CTAMACHINE_H
