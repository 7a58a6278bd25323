// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One tcgen05.mma from its operands in memory to its accumulators.
#ifndef NYBL_EMULATOR_EXEC_TCGEN05PRODUCT_H
#define NYBL_EMULATOR_EXEC_TCGEN05PRODUCT_H

#include "tools/emulator/Exec/MatrixDescriptor.h"
#include "tools/emulator/Exec/Tcgen05Form.h"
#include "tools/emulator/Exec/TensorMemory.h"
#include <array>

namespace nybl::emu {

/// A run of one row's accumulators: cells of one lane.
struct AccumulatorRun {
  uint32_t lane, column; ///< from the address on
  unsigned firstN, count;
};

struct TensorProduct {
  MmaForm form;
  std::vector<Cta *> ctas; ///< one or both of a pair, the even one first
  uint32_t d = 0;          ///< addresses of tensor memory
  uint32_t aTensor = 0, scalesA = 0, scalesB = 0;
  bool aInTensor = false, shiftsA = false;
  bool accumulates = true;
  unsigned scaleInput = 0;            ///< D is taken times 2^-scaleInput
  std::array<uint32_t, 8> disabled{}; ///< lanes of D to leave alone
  std::vector<MatrixOperand> a, b;    ///< of each CTA, in shared memory

  /// The lane that holds row r of this CTA's part of A (and of D, but for a
  /// split one), from the address on.
  uint32_t laneOf(unsigned row) const;
  std::vector<AccumulatorRun> runsOf(unsigned row) const;
  /// What of tensor memory it reads besides D, and what D takes.
  std::vector<TensorRange> operandRanges() const;
  std::vector<TensorRange> resultRanges() const;

  /// Findings are the operation's.
  void run(const AsyncOp &self) const;
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_TCGEN05PRODUCT_H
