// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Events.

#include "tools/emulator/Driver/Capture.h"

using namespace nybl::emu;

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
  return answerOf(*entry.context);
}

static std::shared_ptr<Event> findEvent(Entry &entry, CUevent handle) {
  if (entry.status != CUDA_SUCCESS)
    return nullptr;
  auto event = entry.state->events.find(handle);
  if (!event)
    entry.status = refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live event");
  return event;
}

static CUresult record(CUevent handle, CUstream streamHandle, bool external) {
  Entry entry = enterContext();
  auto event = findEvent(entry, handle);
  if (!event)
    return entry.status;
  StreamUse use = useStream(entry, streamHandle);
  if (!use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live stream");
  if (event->context.lock() != use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE,
                  "expected an event and a stream of one context");
  if (auto status = captureRecord(*entry.state, use, event, external))
    return *status;
  event->set(use.context->submit(
      *use.stream, [] { return CUDA_SUCCESS; }, Access::None));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuEventRecord(CUevent event, CUstream stream) {
  return record(event, stream, /*external=*/false);
}

CUresult CUDAAPI cuEventRecordWithFlags(CUevent event, CUstream stream,
                                        unsigned int flags) {
  if (flags & ~unsigned(CU_EVENT_RECORD_EXTERNAL))
    return reject(CUDA_ERROR_INVALID_VALUE);
  return record(event, stream, flags == CU_EVENT_RECORD_EXTERNAL);
}

CUresult CUDAAPI cuEventQuery(CUevent handle) {
  Entry entry = enterContext();
  auto event = findEvent(entry, handle);
  if (!event)
    return entry.status;
  if (CUresult status = checkNotCaptured(*entry.state, *event))
    return status;
  if (CUresult status = checkUnsafeCall(*entry.state))
    return status;
  CompletionRef end = event->recorded();
  return !end || end->isFinished() ? answerOf(*entry.context)
                                   : CUDA_ERROR_NOT_READY;
}

CUresult CUDAAPI cuEventSynchronize(CUevent handle) {
  Entry entry = enterAnyContext();
  auto event = findEvent(entry, handle);
  if (!event)
    return entry.status;
  if (CUresult status = checkNotCaptured(*entry.state, *event))
    return status;
  if (CUresult status = checkUnsafeCall(*entry.state))
    return status;
  if (CompletionRef end = event->recorded())
    end->wait();
  return answerOf(*entry.context);
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
    return reject(CUDA_ERROR_INVALID_VALUE);
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
