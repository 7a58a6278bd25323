// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What StubDriver.cpp exports beside the driver's API, found by dlsym.
#ifndef NYBL_BENCH_STUBDRIVER_H
#define NYBL_BENCH_STUBDRIVER_H

#include <cstdint>

/// extern "C" nyblStubEncodeTakes: how long each cuTensorMapEncodeTiled takes
/// from now on, in all threads; nanoseconds.
using StubEncodeTakes = void(int64_t nanoseconds);

/// extern "C" nyblStubEncodes: maps that this thread had encoded so far.
using StubEncodes = uint64_t();

#endif // NYBL_BENCH_STUBDRIVER_H
