// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where ptxas is, and its version: what the compiler will use, and what a
// kernel is asked for by before there is a compiler.
#ifndef NYBL_RUNTIME_SUPPORT_PTXAS_H
#define NYBL_RUNTIME_SUPPORT_PTXAS_H

#include "runtime/Abi/Status.h"
#include <chrono>
#include <string>
#include <string_view>

namespace nybl {

struct PtxAs {
  std::string path;
  std::string version; ///< "13.0.88"
};

/// ptxas says its version in milliseconds; a disk may have to wake up.
constexpr std::chrono::seconds versionLimit(10);

/// Looks at `given`, NYBL_PTXAS (either of them alone, if there),
/// CUDA_HOME/bin, cuda/bin beside the folder of `compiler` (path of
/// libnybl_jit.so; may be empty), /usr/local/cuda/bin and PATH, in this order.
/// A version is waited for until `limit`, and not asked again in this process
/// once it is known, until the file is replaced. Thread safe. Errors: NotFound
/// where nobody names one and none is there, or "none" is named; else
/// Environment.
Expected<PtxAs> findPtxAs(const std::string &given, const std::string &compiler,
                          std::chrono::seconds limit = versionLimit);

/// "... release 13.0, V13.0.88 ..." -> "13.0.88", which ptxas prints of itself,
/// and writes into cubins; empty where there is nothing like it.
std::string ptxasVersionIn(std::string_view text);
/// Whether it looks like one: "13.0.88".
bool isPtxAsVersion(std::string_view text);

} // namespace nybl

#endif // NYBL_RUNTIME_SUPPORT_PTXAS_H
