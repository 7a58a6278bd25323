// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// N and K of a kernel that is made for any: what a manifest asks of them, and
// what it is passed of them. A plan has both as numbers, so all of this is done
// once, when it is made.
#ifndef NYBL_RUNTIME_ABI_FREESIZES_H
#define NYBL_RUNTIME_ABI_FREESIZES_H

#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Problem.h"
#include <optional>

namespace nybl {

/// Whether the kernel serves the problem's N and K. Ok of one that is made for
/// its own. Errors: Refused; Invalid where the manifest leaves a bound out.
Status checkSizes(const Manifest &manifest, const GemmProblem &problem);

/// A precondition for the problem's N and K; none where it is about these alone
/// (checkSizes).
std::optional<Precondition> bindSizes(const Precondition &precondition,
                                      const GemmProblem &problem);

/// What a parameter of this source is filled with, if it follows from N and K.
std::optional<int64_t> sizeFrom(std::string_view source,
                                const GemmProblem &problem);

/// How far N and K go, in words to follow those about M: ", N up to 262144, K
/// up to 1048576"; empty of a kernel that is made for its own.
std::string boundsText(const Manifest &manifest);

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_FREESIZES_H
