// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What D must be, from a kernel that is not the one in question.
#ifndef NYBL_TOOLS_NYBL_REFERENCE_H
#define NYBL_TOOLS_NYBL_REFERENCE_H

#include "tools/nybl/Nvrtc.h"
#include "tools/nybl/Workbench.h"

namespace nybl::cli {

/// D of one product.
class Reference {
public:
  /// By a naive kernel that `nvrtc` compiles, in exact integers; where it is
  /// null, by our own plain schedule.
  static Expected<Reference> make(Workbench &bench, const Product &product,
                                  const Nvrtc *nvrtc);

  /// "naive kernel (NVRTC 13.0)" or "our plain schedule"
  const std::string &name() const { return text; }

  /// Refused with the first element that is too far off. `d`: rows back to
  /// back.
  Status check(const std::string &d) const;

private:
  GemmProblem problem;
  std::string text;
  std::vector<float> expected, allowed;
};

/// The value of element `index` of a row of D.
float elementOf(const std::string &d, size_t index, OutputType type);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_REFERENCE_H
