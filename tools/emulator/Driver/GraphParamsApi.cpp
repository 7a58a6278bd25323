// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Parameters and attributes of the nodes of a graph, asked for and changed.

#include "tools/emulator/Driver/GraphAccess.h"
#include "tools/emulator/Driver/Launch.h"

using namespace nybl::emu;

/// The node's work of that kind, or a refusal.
template <typename Kind>
static Kind *find(GraphAccess &access) {
  if (access.status != CUDA_SUCCESS)
    return nullptr;
  auto *work = std::get_if<Kind>(&access.node->work);
  if (!work)
    access.status =
        refuse(CUDA_ERROR_INVALID_VALUE, "the node is of another type");
  return work;
}

template <typename Kind, typename Parameters>
static CUresult change(CUgraphNode handle, const Parameters *parameters) {
  GraphAccess access = accessNode(handle);
  if (!find<Kind>(access))
    return access.status;
  return parameters ? workOf(access.entry, *parameters, access.node->work)
                    : reject(CUDA_ERROR_INVALID_VALUE);
}

/// What both forms of the structure have.
template <typename Parameters>
static CUresult kernelParameters(CUgraphNode handle, Parameters *p) {
  GraphAccess access = accessNode(handle);
  auto *work = find<KernelWork>(access);
  if (!work)
    return access.status;
  if (!p)
    return reject(CUDA_ERROR_INVALID_VALUE);
  access.node->parameterPlaces.clear();
  for (const ParameterInfo &info : work->function->kernel->parameters)
    access.node->parameterPlaces.push_back(work->parameters.data() +
                                           info.offset);
  *p = {};
  p->func = access.entry.state->functions.handleOf(work->function);
  p->gridDimX = work->askedGrid.x;
  p->gridDimY = work->askedGrid.y;
  p->gridDimZ = work->askedGrid.z;
  p->blockDimX = work->config.block.x;
  p->blockDimY = work->config.block.y;
  p->blockDimZ = work->config.block.z;
  p->sharedMemBytes = work->config.dynamicShared;
  p->kernelParams = access.node->parameterPlaces.data();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphKernelNodeGetParams_v2(CUgraphNode node,
                                               CUDA_KERNEL_NODE_PARAMS *p) {
  return kernelParameters(node, p);
}

CUresult CUDAAPI cuGraphKernelNodeGetParams(CUgraphNode node,
                                            CUDA_KERNEL_NODE_PARAMS_v1 *p) {
  return kernelParameters(node, p);
}

CUresult CUDAAPI cuGraphKernelNodeSetParams_v2(
    CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *p) {
  return change<KernelWork>(node, p);
}

CUresult CUDAAPI cuGraphKernelNodeSetParams(
    CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1 *p) {
  if (!p)
    return reject(CUDA_ERROR_INVALID_VALUE);
  CUDA_KERNEL_NODE_PARAMS all = widened(*p);
  return change<KernelWork>(node, &all);
}

CUresult CUDAAPI cuGraphMemcpyNodeSetParams(CUgraphNode node,
                                            const CUDA_MEMCPY3D *p) {
  return change<CopyWork>(node, p);
}

CUresult CUDAAPI cuGraphMemcpyNodeGetParams(CUgraphNode handle,
                                            CUDA_MEMCPY3D *p) {
  GraphAccess access = accessNode(handle);
  auto *work = find<CopyWork>(access);
  if (!work)
    return access.status;
  if (!p)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *p = {};
  auto rows = [](const CopyEnd &end) {
    return end.pitch ? end.slice / end.pitch : 0;
  };
  p->srcMemoryType =
      work->from.isDevice ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
  p->srcDevice = work->from.isDevice ? work->from.address : 0;
  p->srcHost = work->from.isDevice ? nullptr : work->from.host();
  p->srcPitch = work->from.pitch;
  p->srcHeight = rows(work->from);
  p->dstMemoryType =
      work->to.isDevice ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_HOST;
  p->dstDevice = work->to.isDevice ? work->to.address : 0;
  p->dstHost = work->to.isDevice ? nullptr : work->to.host();
  p->dstPitch = work->to.pitch;
  p->dstHeight = rows(work->to);
  p->WidthInBytes = work->width;
  p->Height = work->height;
  p->Depth = work->depth;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphMemsetNodeSetParams(CUgraphNode node,
                                            const CUDA_MEMSET_NODE_PARAMS *p) {
  return change<FillWork>(node, p);
}

CUresult CUDAAPI cuGraphMemsetNodeGetParams(CUgraphNode handle,
                                            CUDA_MEMSET_NODE_PARAMS *p) {
  GraphAccess access = accessNode(handle);
  auto *work = find<FillWork>(access);
  if (!work)
    return access.status;
  if (!p)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *p = {work->to,           work->pitch, work->value,
        work->elementBytes, work->width, work->height};
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphHostNodeSetParams(CUgraphNode node,
                                          const CUDA_HOST_NODE_PARAMS *p) {
  return change<HostWork>(node, p);
}

CUresult CUDAAPI cuGraphHostNodeGetParams(CUgraphNode handle,
                                          CUDA_HOST_NODE_PARAMS *p) {
  GraphAccess access = accessNode(handle);
  auto *work = find<HostWork>(access);
  if (!work)
    return access.status;
  if (!p)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *p = {work->function, work->data};
  return CUDA_SUCCESS;
}

/// A child graph's nodes have handles that programs may hold: it stays.
CUresult CUDAAPI cuGraphNodeSetParams(CUgraphNode handle,
                                      CUgraphNodeParams *p) {
  GraphAccess access = accessNode(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  if (!p)
    return reject(CUDA_ERROR_INVALID_VALUE);
  Work work = access.node->work;
  if (CUresult status = workOf(access.entry, *p, work))
    return status;
  if (work.index() != access.node->work.index())
    return refuse(CUDA_ERROR_INVALID_VALUE, "the node is of another type");
  access.node->work = std::move(work);
  return CUDA_SUCCESS;
}

template <typename Kind>
static CUresult getEvent(CUgraphNode handle, CUevent *event) {
  GraphAccess access = accessNode(handle);
  auto *work = find<Kind>(access);
  if (!work)
    return access.status;
  if (!event)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *event = access.entry.state->events.handleOf(work->event);
  return CUDA_SUCCESS;
}

template <typename Kind>
static CUresult setEvent(CUgraphNode handle, CUevent eventHandle) {
  GraphAccess access = accessNode(handle);
  auto *work = find<Kind>(access);
  if (!work)
    return access.status;
  auto event = access.entry.state->events.find(eventHandle);
  if (!event)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live event");
  work->event = std::move(event);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphEventRecordNodeGetEvent(CUgraphNode node,
                                                CUevent *event) {
  return getEvent<RecordWork>(node, event);
}

CUresult CUDAAPI cuGraphEventRecordNodeSetEvent(CUgraphNode node,
                                                CUevent event) {
  return setEvent<RecordWork>(node, event);
}

CUresult CUDAAPI cuGraphEventWaitNodeGetEvent(CUgraphNode node,
                                              CUevent *event) {
  return getEvent<WaitWork>(node, event);
}

CUresult CUDAAPI cuGraphEventWaitNodeSetEvent(CUgraphNode node, CUevent event) {
  return setEvent<WaitWork>(node, event);
}

CUresult CUDAAPI
cuGraphKernelNodeSetAttribute(CUgraphNode handle, CUkernelNodeAttrID id,
                              const CUkernelNodeAttrValue *value) {
  GraphAccess access = accessNode(handle);
  auto *work = find<KernelWork>(access);
  if (!work)
    return access.status;
  if (!value)
    return reject(CUDA_ERROR_INVALID_VALUE);
  CUlaunchAttribute attribute = {};
  attribute.id = id;
  attribute.value = *value;
  KernelWork changed = *work;
  if (CUresult status = takeAttribute(*access.entry.state, attribute, changed))
    return status;
  if (CUresult status = checkShape(*access.entry.state, changed))
    return status;
  *work = std::move(changed);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphKernelNodeGetAttribute(CUgraphNode handle,
                                               CUkernelNodeAttrID id,
                                               CUkernelNodeAttrValue *value) {
  GraphAccess access = accessNode(handle);
  auto *work = find<KernelWork>(access);
  if (!work)
    return access.status;
  if (!value)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *value = {};
  if (id == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
    value->clusterDim.x = work->config.cluster.x;
    value->clusterDim.y = work->config.cluster.y;
    value->clusterDim.z = work->config.cluster.z;
  } else if (id == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) {
    value->cooperative = work->cooperative;
  }
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphKernelNodeCopyAttributes(CUgraphNode to,
                                                 CUgraphNode from) {
  KernelWork source;
  {
    GraphAccess access = accessNode(from);
    auto *work = find<KernelWork>(access);
    if (!work)
      return access.status;
    source = *work;
  }
  GraphAccess access = accessNode(to);
  auto *work = find<KernelWork>(access);
  if (!work)
    return access.status;
  KernelWork changed = *work;
  changed.config.cluster = source.config.cluster;
  changed.config.explicitCluster = source.config.explicitCluster;
  changed.cooperative = source.cooperative;
  if (CUresult status = checkShape(*access.entry.state, changed))
    return status;
  *work = std::move(changed);
  return CUDA_SUCCESS;
}
