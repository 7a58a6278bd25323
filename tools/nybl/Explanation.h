// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler's estimates as JSON (KernelProvider.h), and how they are read to
// a person. A field that is not there reads as nothing.
#ifndef NYBL_TOOLS_NYBL_EXPLANATION_H
#define NYBL_TOOLS_NYBL_EXPLANATION_H

#include "runtime/Abi/QuantizeProblem.h"
#include <nlohmann/json.hpp>

namespace nybl::cli::explanation {

using Json = nlohmann::ordered_json;

inline double number(const Json &json, const char *field) {
  auto found = json.find(field);
  return found != json.end() && found->is_number() ? found->get<double>() : 0;
}

inline std::string text(const Json &json, const char *field) {
  auto found = json.find(field);
  return found != json.end() && found->is_string() ? found->get<std::string>()
                                                   : "";
}

inline const Json &part(const Json &json, const char *field) {
  static const Json none = Json::object();
  auto found = json.find(field);
  return found == json.end() ? none : *found;
}

/// "M", or the number that it is.
std::string rowsText(const Extent &m);
/// "; any M", "; M from 1 to 9", or nothing where it is one number.
std::string rangeText(const Extent &m);

/// All that is said of a kernel that quantises, or undoes it.
std::string describeMovement(const Json &explanation,
                             const AnyProblem &problem);

} // namespace nybl::cli::explanation

#endif // NYBL_TOOLS_NYBL_EXPLANATION_H
