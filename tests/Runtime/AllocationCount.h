// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How often this thread has asked the C library for memory and for a mutex.
#ifndef NYBL_TESTS_RUNTIME_ALLOCATIONCOUNT_H
#define NYBL_TESTS_RUNTIME_ALLOCATIONCOUNT_H

#include <cstdint>

namespace nybl::tests {

/// False under a sanitizer, which has functions of its own for both.
bool allocationsAreCounted();
uint64_t allocationCount();
uint64_t lockCount();

} // namespace nybl::tests

#endif // NYBL_TESTS_RUNTIME_ALLOCATIONCOUNT_H
