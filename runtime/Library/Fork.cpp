// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A handler in the child, since asking for the process's id is a system call.

#include "runtime/Library/Fork.h"
#include <atomic>
#include <pthread.h>

using namespace nybl;

static std::atomic<bool> forked = false;

void library::watchForks() {
  static const int once =
      pthread_atfork(nullptr, nullptr, [] { forked = true; });
  (void)once; // without memory for the handler calls end as the driver's do
}

bool library::isForked() { return forked.load(std::memory_order_relaxed); }

Status library::checkNotForked() {
  if (!isForked())
    return Status::ok();
  return Status::environment(
      "expected a process that opened its devices itself, but this one was "
      "forked off one that had opened a device, and CUDA does not go on in "
      "such a child: fork before nybl_device_open, or call exec");
}
