// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Contexts: the primary one, others, and each thread's stack of current ones.

#include "tools/emulator/Driver/Capture.h"

using namespace nybl::emu;

static Entry enterDevice(CUdevice device) {
  Entry entry = enterDriver();
  if (entry.status == CUDA_SUCCESS && device != 0)
    entry.status = refuse(CUDA_ERROR_INVALID_DEVICE,
                          "expected device 0, the only one, got " +
                              std::to_string(device));
  return entry;
}

CUresult CUDAAPI cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  Entry entry = enterDevice(device);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!context)
    return reject(CUDA_ERROR_INVALID_VALUE);
  State &s = *entry.state;
  std::lock_guard lock(s.mutex);
  if (!s.primary) {
    auto made = Context::create(s.primaryFlags, s.memory);
    made->setPrimary();
    s.primary = s.contexts.add(made);
  }
  ++s.primaryUsers;
  *context = s.primary;
  return CUDA_SUCCESS;
}

/// Takes the primary context down with its last user, or at once.
static CUresult releasePrimary(CUdevice device, bool reset) {
  Entry entry = enterDevice(device);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  State &s = *entry.state;
  CUcontext doomed = nullptr;
  {
    std::lock_guard lock(s.mutex);
    if (!reset && s.primaryUsers == 0)
      return refuse(
          CUDA_ERROR_INVALID_CONTEXT,
          "the primary context was released more often than retained");
    if (!reset && --s.primaryUsers > 0)
      return CUDA_SUCCESS;
    doomed = s.primary;
    s.primary = nullptr;
    s.primaryUsers = 0;
  }
  if (doomed)
    s.destroyContext(doomed);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuDevicePrimaryCtxRelease_v2(CUdevice device) {
  return releasePrimary(device, /*reset=*/false);
}

CUresult CUDAAPI cuDevicePrimaryCtxReset_v2(CUdevice device) {
  return releasePrimary(device, /*reset=*/true);
}

CUresult CUDAAPI cuDevicePrimaryCtxGetState(CUdevice device,
                                            unsigned int *flags, int *active) {
  Entry entry = enterDevice(device);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!flags || !active)
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(entry.state->mutex);
  *flags = entry.state->primaryFlags;
  *active = entry.state->primary != nullptr;
  return CUDA_SUCCESS;
}

static bool areContextFlags(unsigned flags) {
  return (flags & ~static_cast<unsigned>(CU_CTX_FLAGS_MASK)) == 0;
}

CUresult CUDAAPI cuDevicePrimaryCtxSetFlags_v2(CUdevice device,
                                               unsigned int flags) {
  Entry entry = enterDevice(device);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!areContextFlags(flags))
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::lock_guard lock(entry.state->mutex);
  entry.state->primaryFlags = flags;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxCreate_v2(CUcontext *context, unsigned int flags,
                                CUdevice device) {
  Entry entry = enterDevice(device);
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!context || !areContextFlags(flags))
    return reject(CUDA_ERROR_INVALID_VALUE);
  *context =
      entry.state->contexts.add(Context::create(flags, entry.state->memory));
  contextStack().push_back(*context);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxCreate_v4(CUcontext *context,
                                CUctxCreateParams *parameters,
                                unsigned int flags, CUdevice device) {
  bool plain = !parameters || (parameters->numExecAffinityParams == 0 &&
                               !parameters->cigParams);
  if (!plain)
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "cuCtxCreate: execution affinity and graphics interop are "
                  "not supported; pass no parameters");
  return cuCtxCreate_v2(context, flags, device);
}

CUresult CUDAAPI cuCtxDestroy_v2(CUcontext context) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto object = entry.state->contexts.find(context);
  if (!object || object->isPrimary())
    return refuse(CUDA_ERROR_INVALID_CONTEXT,
                  object ? "the primary context is released, not destroyed"
                         : "expected a context made by cuCtxCreate");
  auto &stack = contextStack();
  if (!stack.empty() && stack.back() == context)
    stack.pop_back();
  entry.state->destroyContext(context);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetCurrent(CUcontext *context) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!context)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *context = contextStack().empty() ? nullptr : contextStack().back();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxSetCurrent(CUcontext context) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (context && !entry.state->contexts.find(context))
    return refuse(CUDA_ERROR_INVALID_CONTEXT, "expected a live context");
  auto &stack = contextStack();
  if (!stack.empty())
    stack.pop_back();
  if (context)
    stack.push_back(context);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxPushCurrent_v2(CUcontext context) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!entry.state->contexts.find(context))
    return refuse(CUDA_ERROR_INVALID_CONTEXT, "expected a live context");
  contextStack().push_back(context);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxPopCurrent_v2(CUcontext *context) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto &stack = contextStack();
  if (stack.empty())
    return refuse(CUDA_ERROR_INVALID_CONTEXT,
                  "this thread has no current context to pop");
  if (context)
    *context = stack.back();
  stack.pop_back();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxSynchronize(void) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (CUresult status = checkNoCapture(*entry.state, *entry.context))
    return status;
  entry.context->synchronize();
  return answerOf(*entry.context);
}

CUresult CUDAAPI cuCtxSynchronize_v2(CUcontext handle) {
  if (!handle)
    return cuCtxSynchronize();
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto context = entry.state->contexts.find(handle);
  if (!context)
    return refuse(CUDA_ERROR_INVALID_CONTEXT, "expected a live context");
  if (CUresult status = checkNoCapture(*entry.state, *context))
    return status;
  context->synchronize();
  return answerOf(*context);
}

CUresult CUDAAPI cuCtxGetId(CUcontext handle, unsigned long long *id) {
  Entry entry = handle ? enterDriver() : enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto context = handle ? entry.state->contexts.find(handle) : entry.context;
  if (!context || !id)
    return context ? reject(CUDA_ERROR_INVALID_VALUE)
                   : reject(CUDA_ERROR_CONTEXT_IS_DESTROYED);
  *id = context->legacyStream()->id;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxResetPersistingL2Cache(void) {
  return enterContext().status;
}

CUresult CUDAAPI cuCtxGetDevice_v2(CUdevice *device, CUcontext handle) {
  if (!handle)
    return cuCtxGetDevice(device);
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!device || !entry.state->contexts.find(handle))
    return device ? reject(CUDA_ERROR_INVALID_CONTEXT)
                  : reject(CUDA_ERROR_INVALID_VALUE);
  *device = 0;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetDevice(CUdevice *device) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!device)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *device = 0;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetFlags(unsigned int *flags) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!flags)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *flags = entry.context->flags;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxSetFlags(unsigned int flags) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!areContextFlags(flags))
    return reject(CUDA_ERROR_INVALID_VALUE);
  entry.context->flags = flags;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetApiVersion(CUcontext context, unsigned int *version) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!version || (context && !entry.state->contexts.find(context)))
    return reject(CUDA_ERROR_INVALID_CONTEXT);
  *version = 3020;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetStreamPriorityRange(int *least, int *greatest) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (least)
    *least = 0;
  if (greatest)
    *greatest = 0;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxSetCacheConfig(CUfunc_cache config) {
  Entry entry = enterContext();
  if (entry.status == CUDA_SUCCESS)
    entry.context->cacheConfig = config;
  return entry.status;
}

CUresult CUDAAPI cuCtxGetCacheConfig(CUfunc_cache *config) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!config)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *config = entry.context->cacheConfig;
  return CUDA_SUCCESS;
}

/// Kept and given back; of them only the stack size has a meaning to kernels,
/// and they get what they declare.
static bool isKnownLimit(CUlimit limit) {
  return limit == CU_LIMIT_STACK_SIZE || limit == CU_LIMIT_PRINTF_FIFO_SIZE ||
         limit == CU_LIMIT_MALLOC_HEAP_SIZE;
}

CUresult CUDAAPI cuCtxSetLimit(CUlimit limit, size_t value) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!isKnownLimit(limit))
    return reject(CUDA_ERROR_UNSUPPORTED_LIMIT);
  entry.context->limits[limit] = value;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuCtxGetLimit(size_t *value, CUlimit limit) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!value)
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (!isKnownLimit(limit))
    return reject(CUDA_ERROR_UNSUPPORTED_LIMIT);
  *value = entry.context->limits[limit];
  return CUDA_SUCCESS;
}
