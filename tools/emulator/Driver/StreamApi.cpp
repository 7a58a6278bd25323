// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Streams.

#include "tools/emulator/Driver/Capture.h"

#include <algorithm>

using namespace nybl::emu;

CUresult CUDAAPI cuStreamCreateWithPriority(CUstream *stream,
                                            unsigned int flags, int priority) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!stream || (flags & ~unsigned(CU_STREAM_NON_BLOCKING)))
    return reject(CUDA_ERROR_INVALID_VALUE);
  // As with a real driver, a priority outside of the range becomes its nearest.
  int least = 0, greatest = 0;
  cuCtxGetStreamPriorityRange(&least, &greatest);
  *stream = entry.state->streams.add(
      entry.context->newStream(flags, std::clamp(priority, greatest, least)));
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
  dropCapture(*entry.state, *stream);
  if (auto owner = stream->context.lock())
    owner->dropStream(stream);
  return answerOf(*entry.context);
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
  if (CUresult status = checkNotCaptured(*entry.state, *use.stream))
    return status;
  // The legacy stream stands for the blocking ones too: it waits for them.
  if (use.stream == use.context->legacyStream())
    return enqueue(entry, handle, EmptyWork{}, Mode::Wait);
  if (CompletionRef end = use.stream->queue.last())
    end->wait();
  return answerOf(*use.context);
}

CUresult CUDAAPI cuStreamQuery(CUstream handle) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (CUresult status = checkNotCaptured(*entry.state, *use.stream))
    return status;
  if (!use.stream->queue.isIdle())
    return CUDA_ERROR_NOT_READY;
  return answerOf(*use.context);
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
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (auto status = captureWait(*entry.state, use, event,
                                flags == CU_EVENT_WAIT_EXTERNAL))
    return *status;
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
    return reject(CUDA_ERROR_INVALID_VALUE);
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
    return reject(CUDA_ERROR_INVALID_VALUE);
  *flags = use.stream->flags;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamGetPriority(CUstream handle, int *priority) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!priority)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *priority = use.stream->priority;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamGetId(CUstream handle, unsigned long long *id) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!id)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *id = use.stream->id;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamGetDevice(CUstream handle, CUdevice *device) {
  Entry entry = enterContext();
  findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!device)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *device = 0;
  return CUDA_SUCCESS;
}

/// What a stream has before somebody sets it; nothing for what streams do not
/// have.
static std::optional<CUstreamAttrValue>
initialAttribute(CUstreamAttrID which, const StreamObject &s) {
  CUstreamAttrValue value = {};
  switch (which) {
  case CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW:
  case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN:
    return value;
  case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
    value.syncPolicy = CU_SYNC_POLICY_AUTO;
    return value;
  case CU_LAUNCH_ATTRIBUTE_PRIORITY:
    value.priority = s.priority;
    return value;
  case CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP:
    value.memSyncDomainMap.remote = 1;
    return value;
  default:
    return std::nullopt;
  }
}

CUresult CUDAAPI cuStreamGetAttribute(CUstream handle, CUstreamAttrID which,
                                      CUstreamAttrValue *value) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto initial = initialAttribute(which, *use.stream);
  if (!value || !initial)
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(use.stream->attributeMutex);
  auto set = use.stream->attributes.find(which);
  *value = set == use.stream->attributes.end() ? *initial : set->second;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamSetAttribute(CUstream handle, CUstreamAttrID which,
                                      const CUstreamAttrValue *value) {
  Entry entry = enterContext();
  StreamUse use = findStream(entry, handle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!value || !initialAttribute(which, *use.stream))
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(use.stream->attributeMutex);
  use.stream->attributes[which] = *value;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuStreamCopyAttributes(CUstream toHandle,
                                        CUstream fromHandle) {
  Entry entry = enterContext();
  StreamUse to = findStream(entry, toHandle);
  StreamUse from = findStream(entry, fromHandle);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  std::map<int, CUstreamAttrValue> attributes;
  {
    std::lock_guard lock(from.stream->attributeMutex);
    attributes = from.stream->attributes;
  }
  std::lock_guard lock(to.stream->attributeMutex);
  to.stream->attributes = std::move(attributes);
  return CUDA_SUCCESS;
}
