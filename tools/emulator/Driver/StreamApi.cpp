// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Streams and events.

#include "tools/emulator/Driver/State.h"

using namespace nybl::emu;

CUresult CUDAAPI cuStreamCreateWithPriority(CUstream *stream,
                                            unsigned int flags, int priority) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!stream || (flags & ~unsigned(CU_STREAM_NON_BLOCKING)))
    return CUDA_ERROR_INVALID_VALUE;
  *stream = entry.state->streams.add(entry.context->newStream(flags, priority));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamCreate(CUstream *stream, unsigned int flags) {
  return cuStreamCreateWithPriority(stream, flags, 0);
}

CUresult CUDAAPI cuStreamDestroy_v2(CUstream handle) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  StreamRef stream = entry.state->streams.remove(handle);
  if (!stream)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live stream");
  if (auto owner = stream->context.lock())
    owner->dropStream(stream);
  return entry.context->stickyError();
}

/// The stream, or a status in `entry`.
static StreamUse findStream(Entry &entry, CUstream handle) {
  if (entry.status != CUDA_SUCCESS)
    return {};
  StreamUse use = useStream(entry, handle);
  if (!use.context)
    entry.status = refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live stream");
  return use;
}

CUresult CUDAAPI cuStreamSynchronize(CUstream handle) {
  Entry entry = enterAnyContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  // The legacy stream stands for the blocking ones too: it waits for them.
  CompletionRef end =
      use.stream == use.context->legacyStream()
          ? use.context->submit(
                *use.stream, [] { return CUDA_SUCCESS; }, Access::None)
          : use.stream->queue.last();
  if (end)
    end->wait();
  return use.context->stickyError();
}

CUresult CUDAAPI cuStreamQuery(CUstream handle) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!use.stream->queue.isIdle())
    return CUDA_ERROR_NOT_READY;
  return use.context->stickyError();
}

CUresult CUDAAPI cuStreamWaitEvent(CUstream handle, CUevent eventHandle,
                                   unsigned int flags) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto event = entry.state->events.find(eventHandle);
  if (!event)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live event");
  if (flags & ~unsigned(CU_EVENT_WAIT_EXTERNAL))
    return CUDA_ERROR_INVALID_VALUE;
  if (CompletionRef end = event->recorded())
    use.context->submit(
        *use.stream, [] { return CUDA_SUCCESS; }, Access::None, end);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamGetCtx(CUstream handle, CUcontext *context) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!context)
    return CUDA_ERROR_INVALID_VALUE;
  *context = entry.state->contexts.handleOf(use.context);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamGetCtx_v2(CUstream handle, CUcontext *context,
                                   CUgreenCtx *greenContext) {
  if (greenContext)
    *greenContext = nullptr;
  return cuStreamGetCtx(handle, context);
}

CUresult CUDAAPI cuStreamGetFlags(CUstream handle, unsigned int *flags) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!flags)
    return CUDA_ERROR_INVALID_VALUE;
  *flags = use.stream->flags;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamGetPriority(CUstream handle, int *priority) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!priority)
    return CUDA_ERROR_INVALID_VALUE;
  *priority = use.stream->priority;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamGetId(CUstream handle, unsigned long long *id) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!id)
    return CUDA_ERROR_INVALID_VALUE;
  *id = use.stream->id;
  return CUDA_SUCCESS;
}

/// Nothing is ever captured: there are no graphs here.
CUresult CUDAAPI cuStreamIsCapturing(CUstream handle,
                                     CUstreamCaptureStatus *status) {
  Entry entry = enterContext();
  findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!status)
    return CUDA_ERROR_INVALID_VALUE;
  *status = CU_STREAM_CAPTURE_STATUS_NONE;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamBeginCapture_v2(CUstream, CUstreamCaptureMode) {
  return refuse(CUDA_ERROR_NOT_SUPPORTED,
                "stream capture is not supported by this emulated driver");
}

CUresult CUDAAPI cuEventCreate(CUevent *event, unsigned int flags) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!event ||
      (flags & ~unsigned(CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING)))
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "cuEventCreate: expected flags of blocking sync and disable "
                  "timing only (events are not shared between processes here)");
  auto made = std::make_shared<Event>();
  made->context = entry.context;
  made->flags = flags;
  *event = entry.state->events.add(std::move(made));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventDestroy_v2(CUevent handle) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!entry.state->events.remove(handle))
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live event");
  return entry.context->stickyError();
}

static std::shared_ptr<Event> findEvent(Entry &entry, CUevent handle) {
  if (entry.status != CUDA_SUCCESS)
    return nullptr;
  auto event = entry.state->events.find(handle);
  if (!event)
    entry.status = refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live event");
  return event;
}

CUresult CUDAAPI cuEventRecord(CUevent handle, CUstream streamHandle) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, streamHandle);
  auto event = findEvent(entry, handle);
  if (!event)
    return entry.status;
  if (event->context.lock() != use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE,
                  "expected an event and a stream of one context");
  event->set(use.context->submit(
      *use.stream, [] { return CUDA_SUCCESS; }, Access::None));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventRecordWithFlags(CUevent event, CUstream stream,
                                        unsigned int flags) {
  if (flags != CU_EVENT_RECORD_DEFAULT)
    return refuse(
        CUDA_ERROR_NOT_SUPPORTED,
        "external event records belong to graphs, which this emulated "
        "driver does not have");
  return cuEventRecord(event, stream);
}

CUresult CUDAAPI cuEventQuery(CUevent handle) {
  Entry entry = enterContext();
  auto event = findEvent(entry, handle);
  if (!event)
    return entry.status;
  CompletionRef end = event->recorded();
  return !end || end->isFinished() ? entry.context->stickyError()
                                   : CUDA_ERROR_NOT_READY;
}

CUresult CUDAAPI cuEventSynchronize(CUevent handle) {
  Entry entry = enterAnyContext();
  auto event = findEvent(entry, handle);
  if (!event)
    return entry.status;
  if (CompletionRef end = event->recorded())
    end->wait();
  return entry.context->stickyError();
}

/// The emulation's own time on the host; it says nothing about any GPU.
static CUresult elapsed(float *milliseconds, CUevent startHandle,
                        CUevent stopHandle) {
  Entry entry = enterContext();
  auto start = findEvent(entry, startHandle);
  auto stop = findEvent(entry, stopHandle);
  if (!start || !stop)
    return entry.status;
  if (!milliseconds)
    return CUDA_ERROR_INVALID_VALUE;
  CompletionRef first = start->recorded(), second = stop->recorded();
  if (!first || !second ||
      ((start->flags | stop->flags) & CU_EVENT_DISABLE_TIMING))
    return refuse(CUDA_ERROR_INVALID_HANDLE,
                  "expected two recorded events with timing");
  if (!first->isFinished() || !second->isFinished())
    return CUDA_ERROR_NOT_READY;
  *milliseconds =
      std::chrono::duration<float, std::milli>(second->time() - first->time())
          .count();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventElapsedTime(float *milliseconds, CUevent start,
                                    CUevent stop) {
  return elapsed(milliseconds, start, stop);
}

CUresult CUDAAPI cuEventElapsedTime_v2(float *milliseconds, CUevent start,
                                       CUevent stop) {
  return elapsed(milliseconds, start, stop);
}
