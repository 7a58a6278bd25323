// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A process that was forked off one with a device: no driver of CUDA goes on
// there, threads are missing, and locks may be held by nobody.
#ifndef NYBL_RUNTIME_LIBRARY_FORK_H
#define NYBL_RUNTIME_LIBRARY_FORK_H

#include "runtime/Abi/Status.h"

namespace nybl::library {

/// From now on children of this process count as forked. Before the first
/// device is opened.
void watchForks();

/// One load: every launch asks.
bool isForked();

/// Errors: Environment, in such a child.
Status checkNotForked();

} // namespace nybl::library

#endif // NYBL_RUNTIME_LIBRARY_FORK_H
