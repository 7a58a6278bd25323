// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Initialisation, the entry checks common to all calls, and taking down.

#include "tools/emulator/Driver/State.h"

#include "tools/emulator/Driver/Capture.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

using namespace nybl::emu;

static std::atomic<State *> theState{nullptr};

State *nybl::emu::state() { return theState; }

CUresult nybl::emu::initialise() {
  static const std::string problem = [] {
    Expected<Settings> settings = settingsFromEnvironment();
    if (settings) {
      theState = new State(*settings);
      return std::string();
    }
    const char *quiet = std::getenv("NYBL_EMU_REPORT");
    if (!quiet || std::strcmp(quiet, "off") != 0)
      std::fprintf(stderr, "nybl emulated driver: %s\n",
                   settings.message().c_str());
    return settings.message();
  }();
  lastMessage().clear();
  return problem.empty() ? CUDA_SUCCESS
                         : refuse(CUDA_ERROR_INVALID_VALUE, problem);
}

namespace {

/// Of the calling thread.
struct ThreadState {
  std::vector<CUcontext> contexts;
  std::string message;
};

/// A program's static objects may call the driver when those of its threads are
/// gone; a pointer is never gone.
thread_local ThreadState *threadState = nullptr;

struct Reaper {
  ~Reaper() { delete std::exchange(threadState, nullptr); }
};

ThreadState &currentThread() {
  if (!threadState) {
    threadState = new ThreadState();
    static thread_local Reaper reaper;
  }
  return *threadState;
}

} // namespace

std::vector<CUcontext> &nybl::emu::contextStack() {
  return currentThread().contexts;
}

std::string &nybl::emu::lastMessage() { return currentThread().message; }

CUresult nybl::emu::refuse(CUresult code, std::string message) {
  lastMessage() = std::move(message);
  return code;
}

CUresult nybl::emu::reject(CUresult code, const char *caller) {
  bool isCall = std::strncmp(caller, "cu", 2) == 0 ||
                std::strncmp(caller, "nybl", 4) == 0;
  return refuse(code, (isCall ? std::string(caller) + ": " : std::string()) +
                          describe(code));
}

CUresult nybl::emu::answerOf(const Context &context) {
  CUresult error = context.stickyError();
  return error ? refuse(error,
                        "an earlier launch left an error in the context: " +
                            state()->findings.newest())
               : CUDA_SUCCESS;
}

std::string nybl::emu::hex(uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

Entry nybl::emu::enterDriver() {
  lastMessage().clear();
  Entry entry;
  entry.state = state();
  if (!entry.state)
    entry.status = refuse(CUDA_ERROR_NOT_INITIALIZED,
                          "expected cuInit before any other call");
  else if (insideHostFunction())
    entry.status = refuse(CUDA_ERROR_NOT_PERMITTED,
                          "a host function may not call the driver");
  return entry;
}

Entry nybl::emu::enterAnyContext() {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry;
  if (contextStack().empty() || !contextStack().back()) {
    entry.status = refuse(CUDA_ERROR_INVALID_CONTEXT,
                          "expected a current context in this thread; make one "
                          "current with cuCtxSetCurrent");
    return entry;
  }
  entry.handle = contextStack().back();
  entry.context = entry.state->contexts.find(entry.handle);
  if (!entry.context)
    entry.status = refuse(CUDA_ERROR_CONTEXT_IS_DESTROYED,
                          "this thread's current context was destroyed");
  return entry;
}

Entry nybl::emu::enterContext() {
  Entry entry = enterAnyContext();
  if (entry.status == CUDA_SUCCESS)
    entry.status = answerOf(*entry.context);
  return entry;
}

StreamUse nybl::emu::useStream(const Entry &entry, CUstream handle) {
  if (!handle || handle == CU_STREAM_LEGACY)
    return {entry.context->legacyStream(), entry.context};
  if (handle == CU_STREAM_PER_THREAD)
    return {entry.context->perThreadStream(), entry.context};
  StreamRef stream = entry.state->streams.find(handle);
  if (!stream)
    return {};
  return {stream, stream->context.lock()};
}

bool State::isPinned(const void *from, size_t bytes) {
  auto address = reinterpret_cast<uintptr_t>(from);
  std::lock_guard lock(mutex);
  auto next = pinned.upper_bound(address);
  if (next == pinned.begin())
    return false;
  auto &[base, range] = *std::prev(next);
  return address - base <= range.bytes &&
         bytes <= range.bytes - (address - base);
}

void State::destroyContext(CUcontext handle) {
  std::shared_ptr<Context> context = contexts.remove(handle);
  if (!context)
    return;
  dropCaptures(*this, *context);
  context->synchronize();
  auto isOwned = [&](const auto &object) {
    return object.context.lock() == context;
  };
  functions.removeIf([&](const Function &f) { return isOwned(*f.module); });
  modules.removeIf(isOwned);
  libraries.removeIf(isOwned);
  streams.removeIf(isOwned);
  events.removeIf(isOwned);
  graphExecs.removeIf(isOwned);
  std::lock_guard lock(mutex);
  std::erase_if(owners, [&](auto &owner) {
    return owner.second == handle && memory.release(owner.first);
  });
}

void Findings::add(const Report &report, bool print) {
  std::string line = report.text();
  if (print)
    std::fprintf(stderr, "nybl emulated driver: %s\n", line.c_str());
  std::lock_guard lock(mutex);
  if (lines.size() < mostKept)
    lines.push_back(std::move(line));
  else
    ++dropped;
}

size_t Findings::count() const {
  std::lock_guard lock(mutex);
  return lines.size() + dropped;
}

bool Findings::text(size_t index, std::string &to) const {
  std::lock_guard lock(mutex);
  if (index >= lines.size() + dropped)
    return false;
  to = index < lines.size() ? lines[index]
                            : "one of " + std::to_string(dropped) +
                                  " findings that were not kept";
  return true;
}

std::string Findings::newest() const {
  std::lock_guard lock(mutex);
  return lines.empty() ? "no finding is kept" : lines.back();
}

void Findings::clear() {
  std::lock_guard lock(mutex);
  lines.clear();
  dropped = 0;
}
