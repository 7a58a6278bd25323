// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The fragment maps of mma.sync m16n8k64 and ldmatrix (cta.mma, cta.ldmatrix)
// applied to what the stages hold. They are an axiom (docs/trust.md).

#include "compiler/Legality/Slots.h"
#include "compiler/Legality/Prove.h"
#include "runtime/Abi/Problem.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

namespace {

/// Rows of an 8 x 16-byte matrix, and lanes of a warp.
constexpr int64_t matrixRows = 8, lanes = 32;
/// Bytes of data that one scale factor scales.
constexpr int64_t blockBytes = kBlock / 2;

/// One register of a side: 8 rows of an operand, 16 bytes of each.
struct Register {
  const StageRead *read;
  int64_t matrix; ///< which of ldmatrix' four

  int64_t thread(int64_t warp, int64_t row) const {
    return warp * lanes + matrix * matrixRows + row;
  }
  int64_t rowAt(int64_t warp, int64_t row) const {
    return read->rows[thread(warp, row)];
  }
  int64_t columnAt(int64_t warp, int64_t row) const {
    return read->columns[thread(warp, row)];
  }
};

class MultiplyProver {
public:
  MultiplyProver(cta::MmaOp mma, Proof &proof) : mma(mma), proof(proof) {}
  FailureOr<Slots> run();

private:
  FailureOr<Register> registerOf(Value value);
  /// Rows of one side: registers[0] and, of A, [1] are rows; the second half of
  /// the registers are the same rows 16 bytes on.
  FailureOr<SlotRows> sideOf(OperandRange values);
  LogicalResult checkColumns(const Register &reg, int64_t shift);
  LogicalResult checkScales(Value word, int64_t selector, const SlotRows &side);
  InFlightDiagnostic refute(int64_t warp, int64_t lane);

  cta::MmaOp mma;
  Proof &proof;
  AffineExpr columnBase;
  std::optional<int64_t> column;
};

InFlightDiagnostic MultiplyProver::refute(int64_t warp, int64_t lane) {
  Counterexample example;
  example.lemma = "L2";
  example.tile = example.step = 0;
  example.thread = warp * lanes + lane;
  InFlightDiagnostic error =
      mma.emitError("refuted: with tile = 0, K step = 0, thread = ");
  markRefuted(error, example);
  error << example.thread << " ";
  return error;
}

FailureOr<Register> MultiplyProver::registerOf(Value value) {
  auto load = value.getDefiningOp<cta::LdMatrixOp>();
  auto read = load ? proof.reads.find(load) : proof.reads.end();
  if (read == proof.reads.end() || load->getBlock() != mma->getBlock())
    return mma.emitError("not proven: expected what cta.ldmatrix gave in the "
                         "same K step as data");
  return Register{&read->second, cast<OpResult>(value).getResultNumber()};
}

/// All rows of a multiply take the same bytes of K.
LogicalResult MultiplyProver::checkColumns(const Register &reg, int64_t shift) {
  if (!columnBase)
    columnBase = reg.read->columnBase;
  if (!isSame(proof.slicer, columnBase, reg.read->columnBase))
    return mma.emitError("not proven: expected A and B to walk over K alike");
  for (int64_t warp = 0; warp < threadsAt(mma) / lanes; ++warp)
    for (int64_t row = 0; row < matrixRows; ++row) {
      int64_t at = reg.columnAt(warp, row) - shift;
      if (!column)
        column = at;
      if (at != *column)
        return refute(warp, row)
               << "multiplies byte " << at + shift << " of a row where byte "
               << *column + shift << " of K belongs";
    }
  return success();
}

FailureOr<SlotRows> MultiplyProver::sideOf(OperandRange values) {
  size_t half = values.size() / 2;
  SmallVector<Register> registers;
  for (auto [i, value] : llvm::enumerate(values)) {
    FailureOr<Register> reg = registerOf(value);
    if (failed(reg) ||
        failed(checkColumns(*reg, i < half ? 0 : multiplyBytes / 2)))
      return failure();
    registers.push_back(*reg);
  }
  SlotRows side{registers[0].read->operand, registers[0].read->rowBase, {}};
  for (const Register &reg : registers)
    if (reg.read->operand != side.operand ||
        !isSame(proof.slicer, reg.read->rowBase, side.base))
      return mma.emitError("not proven: expected one operand in all registers "
                           "of a side");
  for (int64_t warp = 0; warp < threadsAt(mma) / lanes; ++warp)
    for (size_t i = 0; i < half; ++i)
      for (int64_t row = 0; row < matrixRows; ++row) {
        int64_t at = registers[i].rowAt(warp, row);
        side.rows.push_back(at);
        if (registers[i + half].rowAt(warp, row) != at)
          return refute(warp, row)
                 << "multiplies bytes of row " << at << " and of row "
                 << registers[i + half].rowAt(warp, row) << " of '"
                 << proof.kernel.sourceOf(side.operand) << "' as one";
      }
  return side;
}

/// Row r < 8 has its factors in lane 4r + the first that the selector names,
/// row r + 8 of A in the lane after it: four K blocks, from that of the first
/// byte on.
LogicalResult MultiplyProver::checkScales(Value word, int64_t selector,
                                          const SlotRows &side) {
  Operation *load = word.getDefiningOp();
  auto found =
      isa_and_present<cta::LoadScaleWordOp, cta::LoadScaleWordsOp>(load)
          ? proof.reads.find(load)
          : proof.reads.end();
  if (found == proof.reads.end() || load->getBlock() != mma->getBlock())
    return mma.emitError(
        "not proven: expected what cta.load_scale_word or "
        "cta.load_scale_words gave in the same K step as scale factors");
  const StageRead &read = found->second;
  StringRef data = proof.kernel.sourceOf(side.operand);
  StringRef scales = proof.kernel.sourceOf(read.operand);
  if (scales != ("sf" + data).str())
    return refute(0, 0) << "scales '" << data << "' by '" << scales << "'";
  if (!isSame(proof.slicer, read.rowBase, side.base) ||
      !isSame(proof.slicer, read.columnBase * blockBytes, columnBase))
    return mma.emitError("not proven: expected data and scale factors of '")
           << data << "' to walk over rows and K alike";
  int64_t perWarp = side.rows.size() * lanes / threadsAt(mma);
  int64_t named = selector * (perWarp / matrixRows);
  int64_t piece = cast<OpResult>(word).getResultNumber() * threadsAt(mma);
  for (auto [i, row] : llvm::enumerate(side.rows)) {
    int64_t warp = i / perWarp, r = i % perWarp;
    int64_t lane = r % matrixRows * 4 + r / matrixRows + named;
    int64_t at = piece + warp * lanes + lane;
    if (read.rows[at] != row)
      return refute(warp, lane) << "scales row " << row << " of '" << data
                                << "' by factors of row " << read.rows[at];
    if (read.columns[at] * blockBytes != *column)
      return refute(warp, lane)
             << "scales K block " << *column / blockBytes << " of '" << data
             << "' by the factor of K block " << read.columns[at];
  }
  return success();
}

FailureOr<Slots> MultiplyProver::run() {
  FailureOr<SlotRows> a = sideOf(mma.getA());
  if (failed(a))
    return failure();
  FailureOr<SlotRows> b = sideOf(mma.getB());
  if (failed(b) || failed(checkScales(mma.getSa(), mma.getSaSelector(), *a)) ||
      failed(checkScales(mma.getSb(), mma.getSbSelector(), *b)))
    return failure();
  return Slots{std::move(*a), std::move(*b), columnBase, *column, {}};
}

} // namespace

int64_t Slots::rowOf(int64_t thread, unsigned element) const {
  if (tensor)
    return a.rows[thread];
  return a.rows[thread / lanes * 16 + thread % lanes / 4 + element / 2 * 8];
}

int64_t Slots::columnOf(int64_t thread, unsigned element) const {
  if (tensor)
    return b.rows[element];
  return b.rows[thread / lanes * 8 + thread % 4 * 2 + element % 2];
}

FailureOr<Slots> nybl::compiler::slotsOf(cta::MmaOp mma, Proof &proof) {
  return MultiplyProver(mma, proof).run();
}
