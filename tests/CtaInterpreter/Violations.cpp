// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An observer that compares each event with what a gemm does.

#include "tests/CtaInterpreter/Violations.h"
#include "tests/CtaInterpreter/Operands.h"

#include <fmt/format.h>

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

namespace {

class Checker : public Observer {
public:
  Checker(cta::KernelOp kernel, const Launch &launch, bool untilFirst)
      : untilFirst(untilFirst) {
    for (BlockArgument argument : kernel.getBody().getArguments()) {
      operands.emplace_back(argument, kernel.sourceOf(argument), launch);
      names.push_back(kernel.sourceOf(argument).str());
      bool counts = launch.isWhole() &&
                    isa<cta::MatrixType, cta::ScalesType>(argument.getType());
      touched.emplace_back(
          counts ? operands.back().rows() * operands.back().width() : 0);
      if (names.back() == "sfa")
        blocks = operands.back().width();
    }
  }

  void access(const Access &access) override;
  void slot(const Slot &slot) override;
  void stored(const Stored &stored) override;
  void fault(Operation *op, const char *lemma, std::string what) override {
    add(lemma, op->getName().getStringRef().str() + " " + what);
  }
  bool isEnough() const override { return untilFirst && !violations.empty(); }
  /// After the last event of a launch that did anything.
  void finish();

  std::vector<Violation> violations;

private:
  void add(const char *lemma, std::string text) {
    if (!known(lemma))
      violations.push_back({lemma, std::move(text)});
  }
  bool known(const char *lemma) const {
    return llvm::any_of(violations, [&](const Violation &violation) {
      return violation.lemma == lemma;
    });
  }
  std::string text(const Origin &origin) const {
    return describe(origin, names[origin.operand]);
  }
  Sum byOperand(Sum sum) const;
  bool isOutput(size_t operand) const {
    return names[operand] == "d" || names[operand] == "y";
  }
  void storedElement(const Stored &stored, int32_t column);
  bool isScaleOf(const Origin &scale, const Origin &data) const {
    return scale.kind == Origin::Real && scale.row == data.row &&
           scale.at == data.at &&
           names[scale.operand] == "sf" + names[data.operand];
  }

  bool untilFirst;
  std::vector<Operand> operands;
  std::vector<std::string> names;
  std::vector<std::vector<uint8_t>> touched; ///< how often each real byte was
  int64_t blocks = 0;                        ///< of K
};

void Checker::access(const Access &access) {
  if (!access.guard)
    return;
  const std::string &name = names[access.operand];
  if (access.first.kind != Origin::Real || access.last.kind != Origin::Real ||
      access.first.row != access.last.row) {
    if (!known("L1"))
      add("L1", fmt::format("thread {} reaches {} .. {}", access.thread,
                            text(access.first), text(access.last)));
    return;
  }
  if (access.offset % access.bytes != 0)
    add("L1",
        fmt::format("offset {} of '{}' is not aligned", access.offset, name));
  if (access.isWrite != isOutput(access.operand))
    add("L1",
        fmt::format("'{}' is {}", name, access.isWrite ? "written" : "read"));
  std::vector<uint8_t> &bytes = touched[access.operand];
  int64_t width = operands[access.operand].width();
  for (int64_t i = 0; i < access.bytes && !bytes.empty(); ++i) {
    uint8_t &count = bytes[access.first.row * width + access.first.at + i];
    count += count < 255;
  }
}

void Checker::slot(const Slot &slot) {
  const Origin &data = slot.data, &scale = slot.scale;
  bool zeros = data.kind == Origin::Zero && scale.kind == Origin::Zero;
  if (zeros || (data.kind == Origin::Real && isScaleOf(scale, data)))
    return;
  if (!known("L2"))
    add("L2",
        "a scale slot holds " + text(scale) + " beside the data " + text(data));
}

/// Multiplies may take rows of B as their rows, and rows of A as their columns.
Sum Checker::byOperand(Sum sum) const {
  if ((sum.row >= 0 && names[sum.rowOperand] == "b") ||
      (sum.column >= 0 && names[sum.columnOperand] == "a")) {
    std::swap(sum.row, sum.column);
    std::swap(sum.rowOperand, sum.columnOperand);
    std::swap(sum.rowBlocks, sum.columnBlocks);
  }
  return sum;
}

/// What is stored of y is the element of q in its row and column.
void Checker::storedElement(const Stored &stored, int32_t column) {
  const Sum &element = stored.value;
  if (!stored.guard || known("L2") ||
      (element.row == stored.first.row && element.rowFirst == column &&
       !element.mixed))
    return;
  add("L2", fmt::format("row {}, column {} of y is made of row {}, column {} "
                        "of q{}",
                        stored.first.row, column, element.row, element.rowFirst,
                        element.mixed ? ", and of others" : ""));
}

/// An element inside D is the whole sum of its row and its column; of a row or
/// column past the end of D there is nothing, whether it is stored or not.
void Checker::stored(const Stored &stored) {
  auto column = static_cast<int32_t>(stored.first.at / stored.bytes);
  if (names[stored.first.operand] == "y")
    return storedElement(stored, column);
  const Sum sum = byOperand(stored.value);
  const Operand &d = operands[stored.first.operand];
  int32_t row = stored.first.row;
  bool hasRow = row < d.rows(), hasColumn = column < d.width() / stored.bytes;
  bool fits = sum.row == (hasRow ? row : -1) &&
              sum.column == (hasColumn ? column : -1) && sum.rowFirst == 0 &&
              sum.columnFirst == 0 && sum.rowBlocks == (hasRow ? blocks : 0) &&
              sum.columnBlocks == (hasColumn ? blocks : 0) &&
              (!hasRow || names[sum.rowOperand] == "a") &&
              (!hasColumn || names[sum.columnOperand] == "b");
  if ((fits && !sum.mixed) || known("gemm"))
    return;
  add("gemm",
      fmt::format("row {}, column {} of d is made of {} K blocks of row {} of "
                  "'{}' and {} of row {} of '{}'{}",
                  row, column, sum.rowBlocks, sum.row, names[sum.rowOperand],
                  sum.columnBlocks, sum.column, names[sum.columnOperand],
                  sum.mixed ? ", mixed" : ""));
}

void Checker::finish() {
  for (auto [number, bytes] : llvm::enumerate(touched)) {
    bool isWritten = isOutput(number);
    for (auto [i, count] : llvm::enumerate(bytes)) {
      int64_t width = operands[number].width();
      if (isWritten ? count == 1 : count > 0)
        continue;
      add(isWritten ? "L4" : "gemm",
          fmt::format("{}[{}, {}] is {} {} times", names[number], i / width,
                      i % width, isWritten ? "stored" : "read", count));
      break;
    }
  }
}

} // namespace

Expected<std::vector<Violation>>
nybl::enumeration::findViolations(cta::KernelOp kernel, const Launch &launch,
                                  bool untilFirst) {
  std::vector<Violation> found;
  // Who writes rings as far ahead as can be, and as late as can be.
  for (bool lastFirst : {false, true}) {
    if (lastFirst && (!kernel.hasRoles() || (untilFirst && !found.empty())))
      break;
    Launch ordered = launch;
    ordered.lastRoleFirst = lastFirst;
    Checker checker(kernel, ordered, untilFirst);
    if (Status status = interpretCta(kernel, ordered, checker); !status)
      return status;
    if (launch.m > 0 && !checker.isEnough())
      checker.finish();
    llvm::append_range(found, checker.violations);
  }
  return found;
}
