// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who is told what each check of a launch found.
#ifndef NYBL_RUNTIME_LAUNCH_REPORT_H
#define NYBL_RUNTIME_LAUNCH_REPORT_H

#include "runtime/Abi/Status.h"
#include <utility>

namespace nybl::launch {

/// Refers to a function of a Status that says whether to go on; as a parameter
/// only. Allocates nothing: every launch comes this way. What is well is not
/// told, and goes on.
class Report {
public:
  template <typename Function>
  Report(const Function &function)
      : object(&function), call([](const void *to, Status status) -> bool {
          return (*static_cast<const Function *>(to))(std::move(status));
        }) {}
  bool operator()(Status status) const {
    return status.isOk() || call(object, std::move(status));
  }

private:
  const void *object;
  bool (*call)(const void *, Status);
};

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_REPORT_H
