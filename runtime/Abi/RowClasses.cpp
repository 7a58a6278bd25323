// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the least M of a range on, class by class.

#include "runtime/Abi/RowClasses.h"
#include <algorithm>

using namespace nybl;

std::vector<AnyProblem> nybl::partsByClass(const AnyProblem &problem) {
  auto *gemm = std::get_if<GemmProblem>(&problem);
  if (!gemm || gemm->isGeneric())
    return {problem};
  std::vector<AnyProblem> parts;
  GemmProblem part = *gemm;
  for (;;) {
    part.m.high = part.m.low;
    part.m.high = std::min(specialise(part).m.high, gemm->m.high);
    parts.emplace_back(part);
    if (part.m.high == gemm->m.high)
      return parts;
    part.m.low = part.m.high + 1;
  }
}
