// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multiplies with block scales, by what meets in them: mma.sync m16n8k64 (PTX
// ISA 9.7.14.5.11 and 9.7.14.3; the same map as cta.mma states), and
// tcgen05.mma, as cta.tensor_mma states it.

#include "tests/CtaInterpreter/CtaMachine.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

Origin nybl::enumeration::blockOf(llvm::ArrayRef<Origin> data) {
  Origin first = data[0];
  if (first.kind == Origin::Real && first.at % 8 != 0)
    first.kind = Origin::Mixed;
  for (int i = 0; i < 8; ++i) {
    Origin expected = data[0];
    expected.at += first.kind == Origin::Zero ? 0 : i;
    if (data[i].kind == Origin::Outside || data[i].kind == Origin::Never)
      return data[i];
    if (data[i] != expected)
      first.kind = Origin::Mixed;
  }
  first.at /= 8;
  return first;
}

namespace {

/// `registers` of K elements 0..31 and 32..63, in lanes `lane` .. + 3, 4 bytes
/// each; the scales' word is `word`.
Slots slotsOf(Operation *op, const std::vector<Bytes> *const registers[2],
              int lane, const Bytes &word) {
  Slots slots;
  for (int block = 0; block < 4; ++block) {
    std::array<Origin, 8> data;
    for (int i = 0; i < 8; ++i)
      data[i] = (*registers[block / 2])[lane + block % 2 * 2 + i / 4][i % 4];
    slots[block] = {op, blockOf(data), word[block]};
  }
  return slots;
}

/// One of the two factors of a term: which row it belongs to. True if it
/// fits what came before.
bool take(const Origin &factor, int32_t &row, uint8_t &operand, int32_t &first,
          int32_t &blocks) {
  if (factor.kind == Origin::Zero)
    return true;
  if (blocks == 0)
    first = factor.at;
  bool fits = factor.kind == Origin::Real && factor.at == first + blocks &&
              (row < 0 || (row == factor.row && operand == factor.operand));
  row = factor.row;
  operand = factor.operand;
  ++blocks;
  return fits;
}

Sum addTerms(Sum sum, const Slots &a, const Slots &b) {
  for (int block = 0; block < 4; ++block) {
    const Origin &x = a[block].data, &y = b[block].data;
    bool met = x.kind == Origin::Zero || y.kind == Origin::Zero || x.at == y.at;
    bool fits = take(x, sum.row, sum.rowOperand, sum.rowFirst, sum.rowBlocks);
    fits &= take(y, sum.column, sum.columnOperand, sum.columnFirst,
                 sum.columnBlocks);
    sum.mixed |= !met || !fits;
  }
  return sum;
}

} // namespace

void CtaMachine::executeMma(cta::MmaOp op) {
  const std::vector<Bytes> *a[4], *b[2];
  for (int i = 0; i < 4; ++i)
    a[i] = &bytes(op.getA()[i]);
  for (int i = 0; i < 2; ++i)
    b[i] = &bytes(op.getB()[i]);
  // Which of the four lanes of a quad have the scales.
  const int ofRows[2][2] = {{0, 1}, {2, 3}};
  const int (&quad)[2] = ofRows[op.getSaSelector()];
  int ofColumns = static_cast<int>(op.getSbSelector());
  for (int warp = 0; warp < threads; warp += 32) {
    std::array<Slots, 16> rows;
    std::array<Slots, 8> columns;
    for (int row = 0; row < 16; ++row) {
      int lane = warp + row % 8 * 4;
      const std::vector<Bytes> *registers[2] = {a[row / 8], a[2 + row / 8]};
      rows[row] =
          slotsOf(op, registers, lane, bytes(op.getSa())[lane + quad[row / 8]]);
    }
    for (int column = 0; column < 8; ++column) {
      int lane = warp + column * 4;
      columns[column] =
          slotsOf(op, b, lane, bytes(op.getSb())[lane + ofColumns]);
    }
    for (const Slots &slots : rows)
      for (const Slot &slot : slots)
        observer.slot(slot);
    for (const Slots &slots : columns)
      for (const Slot &slot : slots)
        observer.slot(slot);
    for (int lane = 0; lane < 32; ++lane)
      for (int part = 0; part < 4; ++part)
        sums(op->getResult(part))[warp + lane] = addTerms(
            sums(op.getAcc()[part])[warp + lane], rows[lane / 4 + part / 2 * 8],
            columns[lane % 4 * 2 + part % 2]);
  }
}

//===----------------------------------------------------------------------===//
// tcgen05.mma
//===----------------------------------------------------------------------===//

/// Rows are swizzled in 16 bytes: as many rows as make 128 bytes have the same
/// order.
static int64_t swizzledPlace(int64_t row, int64_t byte, int64_t rowBytes) {
  int64_t chunk = byte / 16 ^ row / (128 / rowBytes) % (rowBytes / 16);
  return row * rowBytes + chunk * 16 + byte % 16;
}

Slots CtaMachine::tensorSlots(cta::TensorMmaOp op, Value data, int64_t row,
                              int dataRank, Value scales, int64_t scaledRow,
                              int scaleRank) {
  constexpr int64_t blockBytes = 8, blocks = 4, lanes = 32;
  auto type = cast<cta::DescriptorType>(data.getType());
  Value stage = data.getDefiningOp<cta::SmemDescOp>().getStage();
  uint64_t slot = claimedSlot(op, stage.getDefiningOp<cta::AllocOp>().getRing(),
                              numbers(data)[asker], /*writes=*/false);
  int64_t step = op.getStep();
  int64_t copied = scales.getDefiningOp<cta::TensorCopyOp>().getStageBytes();
  int64_t perStep = copied / 128 / (type.getBytes() / 32);
  int64_t column = step * perStep + scaledRow / lanes;
  Slots slots;
  for (int64_t block = 0; block < blocks; ++block) {
    std::array<Origin, blockBytes> bytes;
    for (int64_t i = 0; i < blockBytes; ++i) {
      int64_t at = (step * blocks + block) * blockBytes + i;
      bytes[i] = readByTensor(
          op, stage, slot, swizzledPlace(row, at, type.getBytes()), dataRank);
    }
    Origin scale =
        tensorScale(op, scales, column, scaledRow % lanes, block, scaleRank);
    slots[block] = {op, blockOf(bytes), scale};
    observer.slot(slots[block]);
  }
  return slots;
}

void CtaMachine::executeTensorMma(cta::TensorMmaOp op) {
  if (!isAsked(op, op.getMine()))
    return;
  if (rank == 0)
    for (int ofRank = 0; ofRank < ctas(); ++ofRank)
      multiplyInto(op, ofRank);
  numbers(op).assign(threads, 1);
}

/// The accumulators of one CTA, of its own rows of a and of all rows of b.
void CtaMachine::multiplyInto(cta::TensorMmaOp op, int ofRank) {
  lastAsked = asked;
  std::vector<Slots> rows, columns;
  for (int64_t row = 0; row < op.getA().getType().getRows(); ++row)
    rows.push_back(
        tensorSlots(op, op.getA(), row, ofRank, op.getSa(), row, ofRank));
  int64_t each = op.getB().getType().getRows();
  for (int64_t row = 0; row < each * ctas(); ++row)
    columns.push_back(tensorSlots(op, op.getB(), row % each,
                                  static_cast<int>(row / each), op.getSb(), row,
                                  ofRank));
  TensorCell<Sum> *cells =
      tensorSums(op, op.getColumns(), op.getIteration(), ofRank);
  for (auto [column, ofColumn] : llvm::enumerate(columns))
    for (auto [row, ofRow] : llvm::enumerate(rows)) {
      TensorCell<Sum> &cell = cells[column * 128 + row];
      writeSum(op, cell);
      cell.content = addTerms(cell.content, ofRow, ofColumn);
    }
}
