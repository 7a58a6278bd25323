// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Problem class x chip -> template and schedule. Pure and deterministic: the
// only place that chooses.
#ifndef NYBL_COMPILER_SELECT_SELECT_H
#define NYBL_COMPILER_SELECT_SELECT_H

#include "compiler/Select/Schedule.h"
#include "runtime/Abi/Problem.h"

namespace nybl::compiler {

struct Selection {
  std::string_view templateText; ///< a module in the Tile dialect
  Schedule schedule;
};

/// Refused when the chip cannot run the problem's multiply: the message names
/// the chip and the feature.
Expected<Selection> select(const GemmProblem &problemClass, const Chip &chip);

/// The built-in template of an operation, templates/gemm.mlir.
std::string_view gemmTemplate();

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_SELECT_H
