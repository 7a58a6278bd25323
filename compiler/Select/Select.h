// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Problem class x chip -> template and schedule. Pure and deterministic: the
// only place that chooses.
#ifndef NYBL_COMPILER_SELECT_SELECT_H
#define NYBL_COMPILER_SELECT_SELECT_H

#include "compiler/Select/Candidates.h"
#include "runtime/Abi/QuantizeProblem.h"

namespace nybl::compiler {

struct Selection {
  std::string_view templateText; ///< a module in the Tile dialect
  Schedule schedule;
  std::string why; ///< a sentence
  /// What the estimate chose from, the best first; empty where it was not
  /// asked.
  std::vector<Candidate> shortlist;
};

/// Rows that a class is chosen for: the most it may have. One kernel of any M
/// is chosen for many, since few take little time whatever the schedule.
int64_t rowsToChooseFor(const GemmProblem &problemClass);

/// The best by the estimate, on the chip's reference card, of a short list of
/// schedules that are known to be good at something. Where another template
/// than the built-in one is given, what it loads is not known here, so its
/// schedule is one that leaves room. Refused when the chip cannot run the
/// problem's multiply: the message names the chip and the feature.
Expected<Selection> select(const GemmProblem &problemClass, const Chip &chip,
                           std::string_view givenTemplate = {});

Expected<Selection> select(const QuantizeProblem &problemClass,
                           const Chip &chip,
                           std::string_view givenTemplate = {});
Expected<Selection> select(const DequantizeProblem &problemClass,
                           const Chip &chip,
                           std::string_view givenTemplate = {});
Expected<Selection> select(const AnyProblem &problemClass, const Chip &chip,
                           std::string_view givenTemplate = {});

/// Whether a kernel that quantises, or undoes it, can be laid out so: see
/// Schedule.h for those that multiply.
Status validate(const Schedule &schedule, const Chip &chip,
                const QuantizeProblem &problem);
Status validate(const Schedule &schedule, const Chip &chip,
                const DequantizeProblem &problem);

/// The built-in templates, templates/*.mlir.
std::string_view gemmTemplate();
std::string_view quantizeTemplate(QuantizeFuse fuse = QuantizeFuse::None);
std::string_view dequantizeTemplate();
/// That of the problem's operation.
std::string_view templateOf(const AnyProblem &problem);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_SELECT_H
