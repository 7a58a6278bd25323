// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What D must be, from something that is not the kernel in question.
#ifndef NYBL_TOOLS_NYBL_REFERENCE_H
#define NYBL_TOOLS_NYBL_REFERENCE_H

#include "tools/nybl/Workbench.h"

namespace nybl::cli {

/// D of one product, or some elements of it.
class Reference {
public:
  static constexpr const char *hostName = "exact sums on the host";

  Reference(const GemmProblem &problem, std::string name)
      : problem(problem), text(std::move(name)) {}

  /// In exact integers by the host, from data and scale factors that no layout
  /// has touched: every element, or `most` of them, first and last among them.
  static Reference onHost(const Product &product, size_t most);

  /// The next element of D: its value, and the sum of the absolute values of
  /// what was added up to it, which bounds what rounding on the way may do.
  void add(double value, double magnitude);
  /// The same of element `index`; all elements or none have one.
  void addAt(size_t index, double value, double magnitude);

  /// "naive kernel (NVRTC 13.0)", or hostName
  const std::string &name() const { return text; }
  size_t size() const { return expected.size(); }

  /// Refused with the first element that is too far off. `d`: rows back to
  /// back.
  Status check(const std::string &d) const;

private:
  GemmProblem problem;
  std::string text;
  std::vector<size_t> places; ///< none: all elements, in order
  std::vector<float> expected, allowed;
};

/// The value of element `index` of a row of D.
float elementOf(const std::string &d, size_t index, OutputType type);

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_REFERENCE_H
