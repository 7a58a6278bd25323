// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Who is told what each check of a launch found.
#ifndef NYBL_RUNTIME_LAUNCH_REPORT_H
#define NYBL_RUNTIME_LAUNCH_REPORT_H

#include "runtime/Abi/Status.h"
#include <utility>
#include <vector>

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

/// The first failure that `checks` tells of, and it is told to stop; ok if
/// there is none. `checks` is called once with a Report.
template <typename Checks>
Status firstFailure(const Checks &checks) {
  Status first;
  checks([&](Status status) {
    first = std::move(status);
    return false;
  });
  return first;
}

/// All failures that `checks` tells of.
template <typename Checks>
std::vector<Status> allFailures(const Checks &checks) {
  std::vector<Status> all;
  checks([&](Status status) {
    all.push_back(std::move(status));
    return true;
  });
  return all;
}

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_REPORT_H
