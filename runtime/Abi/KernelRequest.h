// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel is asked for by: all that decides its bytes, and can be said
// before anything is compiled. Cache entries and bundles carry it whole.
#ifndef NYBL_RUNTIME_ABI_KERNELREQUEST_H
#define NYBL_RUNTIME_ABI_KERNELREQUEST_H

#include "runtime/Abi/Status.h"
#include <compare>
#include <string>

namespace nybl {

struct KernelRequest {
  std::string problem;        ///< the problem class, canonical line
  std::string chip;           ///< full name with suffix
  std::string schedule;       ///< as it was asked for; empty: Select's choice
  std::string templateDigest; ///< SHA-256 of the template; empty: built in
  std::string compiler;       ///< fingerprint (KernelProvider.h)
  std::string ptxas;          ///< version

  /// Whether it asks for the same kernel, whoever compiles it.
  bool asksFor(const KernelRequest &other) const {
    return problem == other.problem && chip == other.chip &&
           schedule == other.schedule && templateDigest == other.templateDigest;
  }
  friend auto operator<=>(const KernelRequest &,
                          const KernelRequest &) = default;
};

/// "nybl request 1" and one line "name value" for each field, in order. Two
/// requests that differ have texts that differ. Errors: Invalid where a value
/// is no single line of text.
Expected<std::string> print(const KernelRequest &request);

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_KERNELREQUEST_H
