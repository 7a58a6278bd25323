// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The order among streams, and the sticky error.

#include "tools/emulator/Driver/Context.h"

#include "tools/emulator/Driver/Handles.h"
#include <algorithm>

using namespace nybl::emu;

static thread_local bool inHostFunction = false;
bool nybl::emu::insideHostFunction() { return inHostFunction; }
void nybl::emu::setInsideHostFunction(bool inside) { inHostFunction = inside; }

void Event::set(CompletionRef newEnd) {
  std::lock_guard lock(mutex);
  end = std::move(newEnd);
}

CompletionRef Event::recorded() const {
  std::lock_guard lock(mutex);
  return end;
}

Context::Context(unsigned flags, GlobalMemory &memory)
    : flags(flags), memory(memory) {}

std::shared_ptr<Context> Context::create(unsigned flags, GlobalMemory &memory) {
  std::shared_ptr<Context> context(new Context(flags, memory));
  context->legacy = context->makeStream(CU_STREAM_DEFAULT, 0);
  return context;
}

StreamRef Context::makeStream(unsigned flags, int priority) {
  auto stream = std::make_shared<StreamObject>();
  stream->context = weak_from_this();
  stream->flags = flags;
  stream->priority = priority;
  stream->id = nextHandle();
  return stream;
}

StreamRef Context::newStream(unsigned flags, int priority) {
  StreamRef stream = makeStream(flags, priority);
  std::lock_guard lock(order);
  streams.push_back(stream);
  return stream;
}

StreamRef Context::perThreadStream() {
  std::lock_guard lock(order);
  StreamRef &stream = perThread[std::this_thread::get_id()];
  if (!stream) {
    stream = makeStream(CU_STREAM_DEFAULT, 0);
    streams.push_back(stream);
  }
  return stream;
}

void Context::dropStream(const StreamRef &stream) {
  std::lock_guard lock(order);
  std::erase(streams, stream);
  std::erase_if(orphans, [](auto &end) { return end->isFinished(); });
  if (!stream->queue.isIdle())
    orphans.push_back(stream->queue.last());
}

std::vector<CompletionRef> Context::ordering(const StreamObject &stream) {
  std::vector<CompletionRef> after;
  auto add = [&](CompletionRef end) {
    if (end && !end->isFinished())
      after.push_back(std::move(end));
  };
  if (&stream == legacy.get()) {
    for (const StreamRef &other : streams)
      if (other->isBlocking())
        add(other->queue.last());
    for (const CompletionRef &orphan : orphans)
      add(orphan);
  } else if (stream.isBlocking()) {
    add(legacy->queue.last());
  }
  return after;
}

void Context::perform(const std::function<CUresult()> &work, Access access) {
  if (sticky != CUDA_SUCCESS)
    return;
  GlobalMemory::Use use;
  if (access == Access::Memory)
    use = memory.use();
  fail(work());
}

CompletionRef Context::submit(StreamObject &stream,
                              std::function<CUresult()> work, Access access,
                              CompletionRef after) {
  auto run = [self = shared_from_this(), work = std::move(work), access] {
    self->perform(work, access);
  };
  std::lock_guard lock(order);
  std::vector<CompletionRef> earlier = ordering(stream);
  if (after)
    earlier.push_back(std::move(after));
  return stream.queue.append(std::move(run), std::move(earlier));
}

CompletionRef Context::submit(StreamObject &stream,
                              std::shared_ptr<LaunchWork> launch) {
  std::lock_guard lock(order);
  return stream.queue.append(std::move(launch), ordering(stream));
}

void Context::submitAlways(StreamObject &stream,
                           std::function<void(CUresult)> work) {
  auto run = [self = shared_from_this(), work = std::move(work)] {
    work(self->sticky);
  };
  std::lock_guard lock(order);
  stream.queue.append(std::move(run), ordering(stream));
}

std::vector<CompletionRef> Context::pending() {
  std::lock_guard lock(order);
  std::vector<CompletionRef> ends = orphans;
  for (const StreamRef &stream : streams)
    ends.push_back(stream->queue.last());
  ends.push_back(legacy->queue.last());
  return ends;
}

void Context::synchronize() {
  for (const CompletionRef &end : pending())
    if (end)
      end->wait();
}

void Context::fail(CUresult error) {
  CUresult none = CUDA_SUCCESS;
  if (error != CUDA_SUCCESS)
    sticky.compare_exchange_strong(none, error);
}
