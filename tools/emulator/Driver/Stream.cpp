// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The queue and its worker. The worker is a detached thread that ends when the
// queue has been empty for a while, so that idle streams cost no thread and
// nothing need be joined when a program ends.

#include "tools/emulator/Driver/Stream.h"

#include <deque>
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

namespace {
struct Task {
  std::function<void()> work;
  std::vector<CompletionRef> after;
  std::shared_ptr<Completion> end;

  void run() {
    for (const CompletionRef &earlier : after)
      earlier->wait();
    work();
    // What the work holds (a module, staged bytes) goes before waiters go on.
    work = nullptr;
    end->finish();
  }
};
} // namespace

struct Stream::Queue {
  std::mutex mutex;
  std::condition_variable filled;
  std::deque<Task> tasks;
  std::shared_ptr<Completion> last;
  bool hasWorker = false;
};

Stream::Stream() : queue(std::make_shared<Queue>()) {}

CompletionRef Stream::append(std::function<void()> work,
                             std::vector<CompletionRef> after) {
  auto end = std::make_shared<Completion>();
  bool needsWorker = false;
  {
    std::lock_guard lock(queue->mutex);
    queue->tasks.push_back({std::move(work), std::move(after), end});
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
    task.run();
    lock.lock();
  }
  queue->hasWorker = false;
  return nullptr;
}
