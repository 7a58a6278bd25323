// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Harm that shows in addresses alone, found by going through all threads, tiles
// and steps: nothing is lowered, nothing is proven.
#ifndef NYBL_TESTS_MUTATION_ENUMERATE_H
#define NYBL_TESTS_MUTATION_ENUMERATE_H

#include "dialects/Cta/CtaOps.h"
#include <optional>
#include <string>

namespace nybl::mutation {

/// For each M of `rows`: an access outside of its operand's real bytes or
/// before griddepcontrol.wait, a misaligned one, an element of the output that
/// is stored never or twice. The first, in words. `padsRows`: a quantisation
/// clears padding rows.
std::optional<std::string> harmOfAddresses(cta::KernelOp kernel,
                                           llvm::ArrayRef<int64_t> rows,
                                           bool padsRows = false);

/// A ring whose protocol is not kept. Its claims (acquire, release) are no
/// instructions, so that no run shows them missing.
std::optional<std::string> harmOfRings(cta::KernelOp kernel);

/// For M near 2^24 and near the powers of two where 8, 16 and 32 bits end, and
/// for the longest rows: an access whose address is not that of the original,
/// or which only one of both does. Both have the same accesses in the same
/// order.
std::optional<std::string> harmOfWrapping(cta::KernelOp original,
                                          cta::KernelOp mutant);

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_ENUMERATE_H
