// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Problems that threads of their own prepare, one after the other.
#ifndef NYBL_RUNTIME_LIBRARY_PREPARATION_H
#define NYBL_RUNTIME_LIBRARY_PREPARATION_H

#include "runtime/Library/Handles.h"
#include <condition_variable>
#include <pthread.h>
#include <vector>

namespace nybl::library {

/// Thread safe, but for its destruction.
class Preparation {
public:
  /// Copies all that it is given. Errors: Environment (no thread).
  static Expected<std::unique_ptr<Preparation>>
  start(std::shared_ptr<Device> device, std::vector<std::string> problems,
        const nybl_prepare_options &options, uint32_t threads);

  /// Drops what nobody has begun, and waits for the rest.
  ~Preparation();

  /// How many are done when all are, or `milliseconds` (negative: any number)
  /// have passed.
  size_t wait(int64_t milliseconds);

  /// As prepare would have returned it; waits for it. Errors: Invalid where it
  /// was taken before.
  Expected<std::unique_ptr<Plan>> take(size_t index);

private:
  Preparation() = default;
  void keep(const nybl_prepare_options &from);
  Status begin(uint32_t threads);
  void work();

  std::shared_ptr<Device> device;
  std::vector<std::string> problems;
  nybl_prepare_options options = {};
  std::string texts[4]; ///< what the options point to
  std::vector<pthread_t> threads;

  std::mutex mutex; ///< of all below
  std::condition_variable changed;
  std::vector<std::optional<Expected<std::unique_ptr<Plan>>>> outcomes;
  std::vector<bool> taken;
  size_t next = 0, done = 0;
};

} // namespace nybl::library

struct nybl_preparation {
  std::unique_ptr<nybl::library::Preparation> object;
};

#endif // NYBL_RUNTIME_LIBRARY_PREPARATION_H
