// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Streams: queues of tasks in order, each with a thread of its own while it has
// work. A task starts when its stream's earlier tasks and all it waits for are
// finished. Whoever appends may only name tasks appended before, so no circle
// of waiting can arise.
#ifndef NYBL_EMULATOR_DRIVER_STREAM_H
#define NYBL_EMULATOR_DRIVER_STREAM_H

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

namespace nybl::emu {

/// The end of one task, to wait for. Thread safe.
class Completion {
public:
  using Clock = std::chrono::steady_clock;

  void finish();
  void wait() const;
  bool isFinished() const;
  /// When it finished, by the host's clock; call it on a finished one only.
  Clock::time_point time() const;

private:
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  bool finished = false;
  Clock::time_point at;
};

using CompletionRef = std::shared_ptr<const Completion>;

/// Thread safe. Destruction does not wait: what is queued still runs.
class Stream {
public:
  Stream();

  CompletionRef append(std::function<void()> work,
                       std::vector<CompletionRef> after);
  /// The end of what was appended last; null if nothing was.
  CompletionRef last() const;
  bool isIdle() const;

private:
  struct Queue;
  static void *runQueue(void *heldQueue);
  static void startWorker(const std::shared_ptr<Queue> &queue);

  std::shared_ptr<Queue> queue;
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_STREAM_H
