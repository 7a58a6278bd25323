// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The queue and its worker. The worker is a detached thread that ends when the
// queue has been empty for a while, so that idle streams cost no thread and
// nothing need be joined when a program ends.

#include "tools/emulator/Driver/Stream.h"

#include <deque>
#include <optional>
#include <pthread.h>

using namespace nybl::emu;

void Completion::finish() {
  std::lock_guard lock(mutex);
  at = Clock::now();
  finished = true;
  changed.notify_all();
}

void Completion::wait() const {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return finished; });
}

bool Completion::isFinished() const {
  std::lock_guard lock(mutex);
  return finished;
}

Completion::Clock::time_point Completion::time() const {
  std::lock_guard lock(mutex);
  return at;
}

/// Holds either `work` or `launch`.
struct Stream::Task {
  std::function<void()> work;
  std::shared_ptr<LaunchWork> launch;
  std::vector<CompletionRef> after;
  std::shared_ptr<Completion> end;
};

struct Stream::Queue {
  std::mutex mutex;
  std::condition_variable filled;
  std::deque<Task> tasks;
  std::shared_ptr<Completion> last;
  bool hasWorker = false;

  /// The next task, if it may begin beside the launch that runs now.
  std::optional<Task> takeEarly() {
    std::lock_guard lock(mutex);
    if (tasks.empty() || !tasks.front().launch ||
        !tasks.front().launch->mayBeginEarly())
      return std::nullopt;
    for (const CompletionRef &earlier : tasks.front().after)
      if (!earlier->isFinished())
        return std::nullopt;
    Task task = std::move(tasks.front());
    tasks.pop_front();
    return task;
  }

  void run(Task task);
};

/// A launch and those behind it that begin before it has ended.
struct Stream::Overlap {
  Queue &queue;
  std::deque<Task> begun; ///< in the stream's order

  void begin(Task task, bool early) {
    begun.push_back(std::move(task));
    // Another may be added meanwhile.
    std::shared_ptr<LaunchWork> launch = begun.back().launch;
    launch->begin(early, [this] {
      if (std::optional<Task> next = queue.takeEarly())
        begin(std::move(*next), /*early=*/true);
    });
  }

  void run(Task first) {
    std::vector<std::shared_ptr<LaunchWork>> ended;
    GlobalMemory::Use memory = first.launch->useMemory();
    begin(std::move(first), /*early=*/false);
    while (!begun.empty()) {
      Task task = std::move(begun.front());
      begun.pop_front();
      task.launch->finish();
      ended.push_back(std::move(task.launch));
      if (begun.empty()) {
        // What was freed meanwhile, or goes with a module, goes before waiters
        // go on.
        ended.clear();
        memory.end();
      }
      task.end->finish();
    }
  }
};

void Stream::Queue::run(Task task) {
  for (const CompletionRef &earlier : task.after)
    earlier->wait();
  if (task.launch) {
    Overlap{*this, {}}.run(std::move(task));
    return;
  }
  task.work();
  // What the work holds (a module, staged bytes) goes before waiters go on.
  task.work = nullptr;
  task.end->finish();
}

Stream::Stream() : queue(std::make_shared<Queue>()) {}

CompletionRef Stream::append(std::function<void()> work,
                             std::vector<CompletionRef> after) {
  return append({std::move(work), nullptr, std::move(after), nullptr});
}

CompletionRef Stream::append(std::shared_ptr<LaunchWork> launch,
                             std::vector<CompletionRef> after) {
  return append({nullptr, std::move(launch), std::move(after), nullptr});
}

CompletionRef Stream::append(Task task) {
  auto end = std::make_shared<Completion>();
  task.end = end;
  bool needsWorker = false;
  {
    std::lock_guard lock(queue->mutex);
    queue->tasks.push_back(std::move(task));
    queue->last = end;
    needsWorker = !queue->hasWorker;
    queue->hasWorker = true;
    queue->filled.notify_one();
  }
  if (needsWorker)
    startWorker(queue);
  return end;
}

CompletionRef Stream::last() const {
  std::lock_guard lock(queue->mutex);
  return queue->last;
}

bool Stream::isIdle() const {
  CompletionRef end = last();
  return !end || end->isFinished();
}

void Stream::startWorker(const std::shared_ptr<Queue> &queue) {
  auto *held = new std::shared_ptr<Queue>(queue);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t thread;
  // Without a thread to be had, the caller does the work itself.
  if (pthread_create(&thread, &attributes, runQueue, held) != 0)
    runQueue(held);
  pthread_attr_destroy(&attributes);
}

void *Stream::runQueue(void *heldQueue) {
  auto *held = static_cast<std::shared_ptr<Queue> *>(heldQueue);
  std::shared_ptr<Queue> queue = std::move(*held);
  delete held;
  constexpr auto patience = std::chrono::milliseconds(100);
  std::unique_lock lock(queue->mutex);
  while (queue->filled.wait_for(lock, patience,
                                [&] { return !queue->tasks.empty(); })) {
    Task task = std::move(queue->tasks.front());
    queue->tasks.pop_front();
    lock.unlock();
    queue->run(std::move(task));
    lock.lock();
  }
  queue->hasWorker = false;
  return nullptr;
}
