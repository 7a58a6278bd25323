// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Streams: queues of tasks in order, each with a thread of its own while it has
// work. A task starts when its stream's earlier tasks and all it waits for are
// finished; only a launch that says so may begin before the launch ahead of it
// has ended. Whoever appends may only name tasks appended before, so no circle
// of waiting can arise.
#ifndef NYBL_EMULATOR_DRIVER_STREAM_H
#define NYBL_EMULATOR_DRIVER_STREAM_H

#include "tools/emulator/Memory/GlobalMemory.h"
#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
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

/// A launch as a stream sees it. begin() is called once, then finish() once,
/// both by the stream's thread or by a thread that it waits for.
class LaunchWork {
public:
  virtual ~LaunchWork() = default;

  /// Runs as far as it can: to its end, or if `early` until it waits for the
  /// launch ahead. Calls `onTrigger` once, when the next launch may begin.
  virtual void begin(bool early, std::function<void()> onTrigger) = 0;
  /// The launch ahead has ended: runs to the end.
  virtual void finish() = 0;
  /// May begin before the launch ahead of it has ended.
  virtual bool mayBeginEarly() const = 0;
  /// Held while it runs.
  virtual GlobalMemory::Use useMemory() = 0;
};

/// Thread safe. Destruction does not wait: what is queued still runs.
class Stream {
public:
  Stream();

  CompletionRef append(std::function<void()> work,
                       std::vector<CompletionRef> after);
  CompletionRef append(std::shared_ptr<LaunchWork> launch,
                       std::vector<CompletionRef> after);
  /// The end of what was appended last; null if nothing was.
  CompletionRef last() const;
  bool isIdle() const;

private:
  struct Task;
  struct Queue;
  struct Overlap;
  CompletionRef append(Task task);
  static void *runQueue(void *heldQueue);
  static void startWorker(const std::shared_ptr<Queue> &queue);

  std::shared_ptr<Queue> queue;
};

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_STREAM_H
