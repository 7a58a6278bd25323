// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the operands of tcgen05.mma lie in tensor memory (PTX ISA 9.1
// §9.7.16.10.5 and .7; CUTLASS's mma_traits_sm100_frag has the same layouts),
// and the product of one CTA's rows.

#include "tools/emulator/Exec/Tcgen05Product.h"

#include "tools/emulator/Exec/Cluster.h"
#include "tools/emulator/Exec/Labels.h"
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <limits>

using namespace nybl::emu;

static constexpr uint32_t partLanes = 32, cell = CtaTensorMemory::cellBytes;
static constexpr uint32_t operandColumns = mmaRowBytes / cell;

uint32_t TensorProduct::laneOf(unsigned row) const {
  return form.usesHalfOfLanes() ? row % 16 + row / 16 * partLanes : row;
}

std::vector<AccumulatorRun> TensorProduct::runsOf(unsigned row) const {
  if (!form.isSplit())
    return {{laneOf(row), 0, 0, form.n}};
  unsigned half = form.n / 2;
  return {{row, 0, 0, half}, {row + 64, 0, half, half}};
}

/// All lanes that an accumulator or A in tensor memory takes.
static void addLanes(const TensorProduct &p, uint32_t address, uint32_t columns,
                     std::vector<TensorRange> &to) {
  for (Cta *cta : p.ctas) {
    uint32_t lane = tensorLane(address), column = tensorColumn(address);
    if (!p.form.usesHalfOfLanes()) {
      to.push_back({cta, lane, CtaTensorMemory::lanes, column, columns});
      continue;
    }
    for (uint32_t part = 0; part < 4; ++part)
      to.push_back({cta, lane + part * partLanes, 16, column, columns});
  }
}

static uint32_t scaleColumns(unsigned rows) {
  return (rows + partLanes - 1) / partLanes;
}

std::vector<TensorRange> TensorProduct::operandRanges() const {
  std::vector<TensorRange> ranges;
  if (aInTensor)
    addLanes(*this, aTensor, operandColumns, ranges);
  if (!form.scales)
    return ranges;
  uint32_t columnsA = scaleColumns(form.rows());
  uint32_t columnsB = scaleColumns(form.isSplit() ? form.n / 2 : form.n);
  for (Cta *cta : ctas) {
    ranges.push_back(
        {cta, 0, CtaTensorMemory::lanes, tensorColumn(scalesA), columnsA});
    ranges.push_back(
        {cta, 0, CtaTensorMemory::lanes, tensorColumn(scalesB), columnsB});
  }
  return ranges;
}

std::vector<TensorRange> TensorProduct::resultRanges() const {
  std::vector<TensorRange> ranges;
  addLanes(*this, d, form.isSplit() ? form.n / 2 : form.n, ranges);
  return ranges;
}

namespace {

/// Rows of 32 bytes, and which of them have a mark.
struct Rows {
  std::vector<uint8_t> data;
  std::vector<uint8_t> marks;  ///< a shadow byte for each of data
  std::vector<uint8_t> marked; ///< one for each row
  std::vector<uint8_t> scales, scaleMarks;
};

bool anyPoison(const uint8_t *marks, size_t count) {
  uint8_t any = 0;
  for (size_t i = 0; i < count; ++i)
    any |= marks[i];
  return any & shadow::poison;
}

bool allInitialised(const uint8_t *marks, size_t count) {
  uint8_t all = shadow::initialised;
  for (size_t i = 0; i < count; ++i)
    all &= marks[i];
  return all;
}

/// The work on the rows of one CTA.
class CtaProduct {
public:
  CtaProduct(const TensorProduct &product, const AsyncOp &self, size_t index)
      : product(product), form(product.form), self(self), index(index),
        cta(*product.ctas[index]), memory(*cta.tensor) {}

  void run(const Rows &columns) {
    b = columns;
    if (!readA() || !readScales() || !readAccumulators())
      return;
    if (cta.config.recorder)
      record(*cta.config.recorder);
    multiplyTile();
    writeAccumulators();
  }

private:
  bool checks() const { return cta.config.checks; }

  bool uninitialised(uint32_t lane, uint32_t column, const char *what) const {
    self.report(
        FindingKind::UninitialisedRead, lane << 16 | column,
        std::string(what) + " of tcgen05.mma: nobody has written lane " +
            std::to_string(lane) + ", column " + std::to_string(column) +
            " of tensor memory in CTA rank " + std::to_string(cta.rank));
    return false;
  }

  //===--- Operands ------------------------------------------------------===//

  bool readA() {
    unsigned rows = form.rows();
    a.data.resize(size_t(rows) * mmaRowBytes);
    a.marks.resize(a.data.size());
    a.marked.resize(rows);
    if (product.aInTensor)
      return readTensorA();
    product.a[index].read(a.data.data(), a.marks.data());
    finishShared(a, form.a, form.isPacked());
    return true;
  }

  /// With M = 128 of two CTAs, the other 64 lanes hold the same again.
  bool readTensorA() {
    uint32_t first = tensorLane(product.aTensor);
    uint32_t column = tensorColumn(product.aTensor);
    for (unsigned row = 0; row < form.rows(); ++row) {
      bool isLast = row + 1 == form.rows();
      unsigned from = product.shiftsA && !isLast ? row + 1 : row;
      uint32_t lane = first + product.laneOf(from);
      const uint8_t *marks = memory.marks(lane, column);
      if (checks() && !allInitialised(marks, mmaRowBytes))
        return uninitialised(lane, column, "A");
      std::memcpy(&a.data[row * mmaRowBytes], memory.cell(lane, column),
                  mmaRowBytes);
      std::memcpy(&a.marks[row * mmaRowBytes], marks, mmaRowBytes);
      a.marked[row] = anyPoison(marks, mmaRowBytes);
      if (!form.isSplit())
        continue;
      const uint8_t *other = memory.marks(lane + 64, column);
      if (checks() && !allInitialised(other, mmaRowBytes))
        return uninitialised(lane + 64, column, "the copy of A");
      a.marked[row] |= anyPoison(other, mmaRowBytes);
      if (std::memcmp(memory.cell(lane, column), memory.cell(lane + 64, column),
                      mmaRowBytes) != 0) {
        self.report(FindingKind::TensorMemoryMisuse, lane << 16 | column,
                    "lanes " + std::to_string(lane) + " and " +
                        std::to_string(lane + 64) +
                        " hold different rows of A: tcgen05.mma with M = 128 "
                        "of a pair needs it in both halves");
        return false;
      }
    }
    return true;
  }

  bool readScales() {
    if (!form.scales)
      return true;
    return readScalesOf(a, form.rows(), tensorColumn(product.scalesA),
                        form.scaleIdA, false, "A") &&
           readScalesOf(b, form.n, tensorColumn(product.scalesB), form.scaleIdB,
                        form.isSplit(), "B");
  }

  /// Row r: lane r % 32 of each part of 32 lanes, column r / 32. Of a split B,
  /// each half of N in its half of the lanes. Which copy the hardware reads is
  /// not documented: they must agree.
  bool readScalesOf(Rows &rows, unsigned count, uint32_t column, unsigned id,
                    bool split, const char *name) {
    rows.scales.resize(size_t(count) * form.scales);
    rows.scaleMarks.resize(rows.scales.size());
    for (unsigned r = 0; r < count; ++r) {
      unsigned half = split && r >= count / 2 ? 1 : 0;
      unsigned in = r - half * count / 2;
      uint32_t first = in % partLanes + half * 64, at = column + in / partLanes;
      uint32_t end = split ? half * 64 + 64 : CtaTensorMemory::lanes;
      const uint8_t *data = memory.cell(first, at) + id;
      for (uint32_t lane = first; lane < end; lane += partLanes) {
        const uint8_t *marks = memory.marks(lane, at) + id;
        if (checks() && !allInitialised(marks, form.scales))
          return uninitialised(lane, at, "a scale factor");
        if (std::memcmp(data, memory.cell(lane, at) + id, form.scales) != 0)
          return differs(first, lane, at, r, name);
        rows.marked[r] |= anyPoison(marks, form.scales);
        for (unsigned i = 0; i < form.scales; ++i) // of all copies
          rows.scaleMarks[r * form.scales + i] |= marks[i];
      }
      std::memcpy(&rows.scales[size_t(r) * form.scales], data, form.scales);
    }
    return true;
  }

  bool differs(uint32_t lane, uint32_t other, uint32_t column, unsigned row,
               const char *name) const {
    self.report(FindingKind::TensorMemoryMisuse, other << 16 | column,
                std::string("the copies of the scale factors of ") + name +
                    ", row " + std::to_string(row) + ", differ: lanes " +
                    std::to_string(lane) + " and " + std::to_string(other) +
                    ", column " + std::to_string(column) + ", CTA rank " +
                    std::to_string(cta.rank));
    return false;
  }

  //===--- Accumulators --------------------------------------------------===//

  template <typename F>
  bool eachRun(F f) {
    for (unsigned row = 0; row < form.rows(); ++row)
      for (const AccumulatorRun &run : product.runsOf(row)) {
        uint32_t lane = tensorLane(product.d) + run.lane;
        if (!f(row, run, lane, tensorColumn(product.d) + run.column))
          return false;
      }
    return true;
  }

  bool readAccumulators() {
    d.resize(size_t(form.rows()) * form.n);
    marked.resize(d.size());
    if (!product.accumulates)
      return true;
    return eachRun([&](unsigned row, const AccumulatorRun &run, uint32_t lane,
                       uint32_t column) {
      const uint8_t *marks = memory.marks(lane, column);
      if (checks() && !allInitialised(marks, run.count * cell))
        return uninitialised(lane, column, "D, which it adds to,");
      size_t at = size_t(row) * form.n + run.firstN;
      std::memcpy(&d[at], memory.cell(lane, column), run.count * cell);
      if (anyPoison(marks, run.count * cell))
        for (unsigned i = 0; i < run.count; ++i)
          marked[at + i] = anyPoison(marks + i * cell, cell);
      return true;
    });
  }

  bool isDisabled(uint32_t lane) const {
    return product.disabled[index * 4 + lane / 32] >> lane % 32 & 1;
  }

  void writeAccumulators() {
    bool anyColumn = std::any_of(b.marked.begin(), b.marked.end(),
                                 [](uint8_t m) { return m != 0; });
    std::vector<uint8_t> marks(form.n * cell);
    eachRun([&](unsigned row, const AccumulatorRun &run, uint32_t lane,
                uint32_t column) {
      if (isDisabled(lane))
        return true;
      size_t at = size_t(row) * form.n + run.firstN, bytes = run.count * cell;
      std::memcpy(memory.cell(lane, column), &d[at], bytes);
      bool plain = !anyColumn && !a.marked[row] && !product.accumulates;
      uint8_t whole = a.marked[row] ? shadow::poison : 0;
      std::memset(marks.data(), shadow::initialised | whole, bytes);
      for (unsigned i = 0; i < run.count && !plain; ++i)
        if (marked[at + i] || b.marked[run.firstN + i])
          std::memset(&marks[i * cell], shadow::initialised | shadow::poison,
                      cell);
      std::memcpy(memory.marks(lane, column), marks.data(), bytes);
      return true;
    });
  }

  //===--- Labels --------------------------------------------------------===//

  void recordRows(LabelRecorder &recorder, LabelOperand operand,
                  LabelOperand scale, const Rows &rows) const {
    for (unsigned row = 0; row < rows.marked.size(); ++row) {
      recorder.seeRow(operand, row, &rows.marks[row * mmaRowBytes],
                      form.depth(), mmaRowBytes * 8 / form.depth());
      for (unsigned i = 0; i < form.scales; ++i)
        recorder.see(scale, row, i,
                     rows.scaleMarks[row * form.scales + i] & shadow::poison);
    }
  }

  /// Tells where the marks of this CTA's operands are.
  void record(LabelRecorder &recorder) const {
    recorder.beginMultiply(cta, self.warp, self.pc);
    recordRows(recorder, LabelOperand::A, LabelOperand::ScaleA, a);
    recordRows(recorder, LabelOperand::B, LabelOperand::ScaleB, b);
    for (unsigned row = 0; row < form.rows(); ++row)
      for (unsigned n = 0; n < form.n; ++n)
        recorder.see(LabelOperand::C, row, n, marked[size_t(row) * form.n + n]);
  }

  //===--- Arithmetic ----------------------------------------------------===//

  void multiplyTile() {
    if (form.kind == MmaKind::I8)
      return multiplyIntegers();
    std::vector<float> values(d.size());
    bool half = form.result == MmaResult::F16;
    for (size_t i = 0; i < d.size(); ++i)
      values[i] = half ? decodeElement(ElementFormat::F16, d[i] & 0xffff)
                       : std::bit_cast<float>(d[i]);
    if (product.scaleInput)
      for (float &value : values)
        value = std::ldexp(value, -static_cast<int>(product.scaleInput));
    form.isPacked() ? multiplyScaled(values) : multiplyFloats(values);
    for (size_t i = 0; i < d.size(); ++i)
      d[i] = half ? roundToF16(values[i]) : std::bit_cast<uint32_t>(values[i]);
  }

  static std::vector<uint32_t> wordsOf(const Rows &rows, bool negate) {
    std::vector<uint32_t> words(rows.data.size() / sizeof(uint32_t));
    std::memcpy(words.data(), rows.data.data(), rows.data.size());
    for (uint32_t &word : words)
      word ^= negate ? 0x88888888 : 0;
    return words;
  }

  /// Four for each row: where one serves 32 elements, it stands twice.
  std::vector<uint8_t> groupScales(const Rows &rows) const {
    std::vector<uint8_t> scales;
    unsigned repeat = ScaledTile::groups / form.scales;
    for (uint8_t scale : rows.scales)
      scales.insert(scales.end(), repeat, scale);
    return scales;
  }

  void multiplyScaled(std::vector<float> &values) const {
    std::vector<uint32_t> wordsA = wordsOf(a, form.negateA),
                          wordsB = wordsOf(b, form.negateB);
    std::vector<uint8_t> scalesA = groupScales(a), scalesB = groupScales(b);
    ScaledTile tile;
    tile.rows = form.rows();
    tile.columns = form.n;
    tile.a = wordsA.data();
    tile.b = wordsB.data();
    tile.scalesA = scalesA.data();
    tile.scalesB = scalesB.data();
    tile.format = form.scaleFormat;
    tile.d = values.data();
    tile.rowStride = form.n;
    multiply(tile, cta.config.numericModel);
  }

  static std::vector<float> decoded(const Rows &rows, ElementFormat format,
                                    bool negate) {
    std::vector<float> values(rows.data.size() / containerBytes(format));
    decodeElements(format, rows.data.data(), values.size(), values.data());
    if (negate)
      for (float &value : values)
        value = -value;
    return values;
  }

  void multiplyFloats(std::vector<float> &values) const {
    std::vector<float> valuesA = decoded(a, form.a, form.negateA),
                       valuesB = decoded(b, form.b, form.negateB);
    FloatTile tile;
    tile.rows = form.rows();
    tile.columns = form.n;
    tile.depth = form.depth();
    tile.a = valuesA.data();
    tile.b = valuesB.data();
    tile.formatA = form.a;
    tile.formatB = form.b;
    if (form.scales) {
      tile.scalesA = a.scales.data();
      tile.scalesB = b.scales.data();
    }
    tile.halfResult = form.result == MmaResult::F16;
    tile.d = values.data();
    tile.rowStride = form.n;
    multiply(tile, cta.config.numericModel);
  }

  static std::vector<int16_t> integers(const Rows &rows, bool isSigned) {
    std::vector<int16_t> values(rows.data.size());
    for (size_t i = 0; i < values.size(); ++i)
      values[i] = isSigned ? static_cast<int8_t>(rows.data[i])
                           : static_cast<int16_t>(rows.data[i]);
    return values;
  }

  void multiplyIntegers() {
    std::vector<int16_t> valuesA = integers(a, form.signedA),
                         valuesB = integers(b, form.signedB);
    for (unsigned row = 0; row < form.rows(); ++row)
      for (unsigned n = 0; n < form.n; ++n) {
        int32_t sum = 0;
        for (unsigned k = 0; k < mmaRowBytes; ++k)
          sum += valuesA[row * mmaRowBytes + k] * valuesB[n * mmaRowBytes + k];
        uint32_t &to = d[size_t(row) * form.n + n];
        int64_t total = int64_t(static_cast<int32_t>(to)) + sum;
        if (form.saturates)
          total =
              std::clamp<int64_t>(total, std::numeric_limits<int32_t>::min(),
                                  std::numeric_limits<int32_t>::max());
        to = static_cast<uint32_t>(total);
      }
  }

public:
  /// What came from shared memory: narrow elements into containers, marks of
  /// bytes into marks of rows.
  static void finishShared(Rows &rows, ElementFormat format, bool packed) {
    std::vector<uint8_t> &marks = rows.marks;
    unsigned bits = elementBits(format);
    if (!packed && bits < 8)
      for (size_t i = 0; i < rows.data.size(); i += 16) {
        expandChunk(&rows.data[i], bits);
        expandMarks(&marks[i], bits);
      }
    for (size_t row = 0; row < rows.marked.size(); ++row)
      rows.marked[row] = anyPoison(&marks[row * mmaRowBytes], mmaRowBytes);
  }

private:
  const TensorProduct &product;
  const MmaForm &form;
  const AsyncOp &self;
  size_t index;
  Cta &cta;
  CtaTensorMemory &memory;
  Rows a, b;
  std::vector<uint32_t> d;     ///< [row][n], as bits
  std::vector<uint8_t> marked; ///< of d
};

} // namespace

void TensorProduct::run(const AsyncOp &self) const {
  // Each CTA of a pair holds half of the rows of B, and all of them are used by
  // both.
  Rows columns;
  columns.data.resize(size_t(form.n) * mmaRowBytes);
  columns.marked.resize(form.n);
  columns.marks.resize(columns.data.size());
  size_t share = columns.data.size() / ctas.size();
  for (size_t i = 0; i < ctas.size(); ++i)
    b[i].read(&columns.data[i * share], &columns.marks[i * share]);
  CtaProduct::finishShared(columns, form.b, form.isPacked());
  for (size_t i = 0; i < ctas.size() && !self.cta->failed(); ++i)
    CtaProduct(*this, self, i).run(columns);
}
