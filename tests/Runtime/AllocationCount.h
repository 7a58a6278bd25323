// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How often this thread has asked the C library for memory.
#ifndef NYBL_TESTS_RUNTIME_ALLOCATIONCOUNT_H
#define NYBL_TESTS_RUNTIME_ALLOCATIONCOUNT_H

#include <cstdint>

namespace nybl::tests {

/// False under a sanitizer, which has an allocator of its own.
bool allocationsAreCounted();
uint64_t allocationCount();

} // namespace nybl::tests

#endif // NYBL_TESTS_RUNTIME_ALLOCATIONCOUNT_H
