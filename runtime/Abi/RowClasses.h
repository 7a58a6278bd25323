// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the classes of M end, within the range of one problem.
#ifndef NYBL_RUNTIME_ABI_ROWCLASSES_H
#define NYBL_RUNTIME_ABI_ROWCLASSES_H

#include "runtime/Abi/QuantizeProblem.h"
#include <vector>

namespace nybl {

/// The problem, its range of M cut where a class ends: few rows first, each
/// part of another class (specialise), all parts together the whole range. A
/// quantisation has one class and is one part, and so is n=? k=?.
std::vector<AnyProblem> partsByClass(const AnyProblem &problem);

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_ROWCLASSES_H
