// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rules of captures, as the driver API states them at cuStreamBeginCapture
// and cuThreadExchangeStreamCaptureMode.

#include "tools/emulator/Driver/Capture.h"

#include <algorithm>

using namespace nybl::emu;

CUstreamCaptureMode &nybl::emu::captureModeOfThread() {
  static thread_local CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  return mode;
}

static CUresult refuseInvalidated() {
  return refuse(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
                "the capture of this stream was invalidated by an earlier "
                "call; end it with cuStreamEndCapture");
}

static CUresult invalidate(Capture &capture, CUresult code,
                           std::string message) {
  capture.invalidated = true;
  return refuse(code, std::move(message) + "; the capture is invalidated");
}

/// Appends what is not there yet.
static void unite(std::vector<GraphNode *> &to,
                  const std::vector<GraphNode *> &from) {
  for (GraphNode *node : from)
    if (std::find(to.begin(), to.end(), node) == to.end())
      to.push_back(node);
}

/// The legacy stream waits for blocking streams, which a captured one cannot
/// give it.
static std::optional<CUresult> checkLegacy(State &s, const StreamUse &use) {
  if (use.stream != use.context->legacyStream())
    return std::nullopt;
  for (auto &capture : s.captures)
    for (const StreamRef &stream : capture->streams)
      if (stream->context.lock() == use.context && stream->isBlocking())
        return invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                          "the legacy stream would wait for a blocking stream "
                          "that is being captured");
  return std::nullopt;
}

CUresult nybl::emu::checkLegacyUse(State &s, const StreamUse &use) {
  std::lock_guard lock(s.graphs);
  return checkLegacy(s, use).value_or(CUDA_SUCCESS);
}

std::optional<CUresult> nybl::emu::captureWork(State &s, const StreamUse &use,
                                               const Work &work) {
  if (s.captureCount == 0)
    return std::nullopt;
  std::lock_guard lock(s.graphs);
  StreamObject &stream = *use.stream;
  if (!stream.capture)
    return checkLegacy(s, use);
  if (stream.capture->invalidated)
    return refuseInvalidated();
  NodeRef node = stream.capture->graph->add(s, work, stream.captureEnds);
  if (!node)
    return invalidate(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_INVALIDATED,
                      "a node that captured work waits for was destroyed");
  stream.captureEnds = {node.get()};
  if (auto *kernel = std::get_if<KernelWork>(&node->work)) {
    for (const std::shared_ptr<Event> &event : kernel->events) {
      event->capture = stream.capture;
      event->captureEnds = stream.captureEnds;
    }
    kernel->events.clear();
  }
  return CUDA_SUCCESS;
}

bool nybl::emu::isCaptured(State &s, const StreamObject &stream) {
  if (s.captureCount == 0)
    return false;
  std::lock_guard lock(s.graphs);
  return stream.capture != nullptr;
}

std::optional<CUresult>
nybl::emu::captureRecord(State &s, const StreamUse &use,
                         const std::shared_ptr<Event> &event, bool external) {
  if (external && isCaptured(s, *use.stream))
    return captureWork(s, use, RecordWork{event});
  std::lock_guard lock(s.graphs);
  StreamObject &stream = *use.stream;
  event->capture = nullptr;
  event->captureEnds.clear();
  if (!stream.capture)
    return checkLegacy(s, use);
  if (stream.capture->invalidated)
    return refuseInvalidated();
  event->capture = stream.capture;
  event->captureEnds = stream.captureEnds;
  return CUDA_SUCCESS;
}

std::optional<CUresult>
nybl::emu::captureWait(State &s, const StreamUse &use,
                       const std::shared_ptr<Event> &event, bool external) {
  if (external && isCaptured(s, *use.stream))
    return captureWork(s, use, WaitWork{event});
  std::lock_guard lock(s.graphs);
  StreamObject &stream = *use.stream;
  if (!stream.capture && !event->capture)
    return checkLegacy(s, use);
  if (stream.capture && stream.capture->invalidated)
    return refuseInvalidated();
  if (!event->capture)
    return invalidate(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_ISOLATION,
                      "the event was not recorded in this capture");
  bool running = std::find(s.captures.begin(), s.captures.end(),
                           event->capture) != s.captures.end();
  if (!running)
    return refuse(CUDA_ERROR_CAPTURED_EVENT,
                  "the event was last recorded in a capture that has ended");
  if (event->capture->invalidated)
    return refuseInvalidated();
  if (stream.capture && stream.capture != event->capture) {
    event->capture->invalidated = true;
    return invalidate(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_MERGE,
                      "the event belongs to another capture");
  }
  if (use.stream == use.context->legacyStream())
    return invalidate(*event->capture, CUDA_ERROR_STREAM_CAPTURE_IMPLICIT,
                      "the legacy stream cannot be captured");
  if (!stream.capture) {
    stream.capture = event->capture;
    stream.captureEnds.clear();
    stream.capture->streams.push_back(use.stream);
  }
  unite(stream.captureEnds, event->captureEnds);
  return CUDA_SUCCESS;
}

CUresult nybl::emu::checkUnsafeCall(State &s) {
  if (s.captureCount == 0)
    return CUDA_SUCCESS;
  CUstreamCaptureMode mode = captureModeOfThread();
  if (mode == CU_STREAM_CAPTURE_MODE_RELAXED)
    return CUDA_SUCCESS;
  std::lock_guard lock(s.graphs);
  bool inTheWay = false;
  for (auto &capture : s.captures) {
    bool own = capture->thread == std::this_thread::get_id();
    bool stops = own ? capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED
                     : mode == CU_STREAM_CAPTURE_MODE_GLOBAL &&
                           capture->mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
    capture->invalidated |= stops;
    inTheWay |= stops;
  }
  if (!inTheWay)
    return CUDA_SUCCESS;
  return refuse(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                "this call is unsafe while a stream is being captured; the "
                "capture is invalidated (cuThreadExchangeStreamCaptureMode, or "
                "a relaxed capture, lets it through)");
}

CUresult nybl::emu::checkNotCaptured(State &s, StreamObject &stream) {
  if (s.captureCount == 0)
    return CUDA_SUCCESS;
  std::lock_guard lock(s.graphs);
  if (!stream.capture)
    return CUDA_SUCCESS;
  return invalidate(*stream.capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                    "the stream is being captured: there is nothing to wait "
                    "for or to ask");
}

CUresult nybl::emu::checkNotCaptured(State &s, Event &event) {
  std::lock_guard lock(s.graphs);
  if (!event.capture)
    return CUDA_SUCCESS;
  return invalidate(*event.capture, CUDA_ERROR_CAPTURED_EVENT,
                    "the event was last recorded in a capture");
}

CUresult nybl::emu::checkNoCapture(State &s, const Context &context) {
  if (s.captureCount == 0)
    return CUDA_SUCCESS;
  std::lock_guard lock(s.graphs);
  CUresult status = CUDA_SUCCESS;
  for (auto &capture : s.captures)
    if (capture->origin->context.lock().get() == &context)
      status = invalidate(*capture, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                          "a stream of the context is being captured");
  return status;
}

void nybl::emu::invalidateCapture(State &s, StreamObject &stream) {
  std::lock_guard lock(s.graphs);
  if (stream.capture)
    stream.capture->invalidated = true;
}

/// Ends those captures that nobody can end any more.
static void drop(State &s, const std::function<bool(const Capture &)> &isLost) {
  std::erase_if(s.captures, [&](std::shared_ptr<Capture> capture) {
    if (!isLost(*capture))
      return false;
    for (const StreamRef &stream : capture->streams)
      stream->capture = nullptr;
    capture->invalidated = true;
    if (capture->ownsGraph)
      capture->graph->dissolve(s);
    return true;
  });
  s.captureCount = s.captures.size();
}

void nybl::emu::dropCapture(State &s, StreamObject &stream) {
  std::lock_guard lock(s.graphs);
  if (stream.capture)
    stream.capture->invalidated = true;
  drop(s, [&](const Capture &c) { return c.origin.get() == &stream; });
}

void nybl::emu::dropCaptures(State &s, const Context &context) {
  std::lock_guard lock(s.graphs);
  drop(s, [&](const Capture &capture) {
    return capture.origin->context.lock().get() == &context;
  });
}
