// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text of a request.

#include "runtime/Abi/KernelRequest.h"
#include <algorithm>
#include <fmt/format.h>

using namespace nybl;

Expected<std::string> nybl::print(const KernelRequest &request) {
  std::string text = "nybl request 1\n";
  for (auto [name, value] : {std::pair("problem", &request.problem),
                             std::pair("chip", &request.chip),
                             std::pair("schedule", &request.schedule),
                             std::pair("template", &request.templateDigest),
                             std::pair("compiler", &request.compiler),
                             std::pair("ptxas", &request.ptxas)}) {
    if (std::any_of(value->begin(), value->end(),
                    [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
      return Status::invalid(
          fmt::format("the {} of a kernel: expected one line of text, got '{}'",
                      name, *value));
    text += fmt::format("{} {}\n", name, *value);
  }
  return text;
}
