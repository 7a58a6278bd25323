// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Nodes of graphs: adding them, and their parameters.

#include "tools/emulator/Driver/GraphAccess.h"
#include "tools/emulator/Driver/Launch.h"
#include "tools/emulator/Driver/Transfer.h"
#include <cstring>

using namespace nybl::emu;

CUDA_KERNEL_NODE_PARAMS
nybl::emu::widened(const CUDA_KERNEL_NODE_PARAMS_v1 &p) {
  CUDA_KERNEL_NODE_PARAMS all = {};
  all.func = p.func;
  all.gridDimX = p.gridDimX;
  all.gridDimY = p.gridDimY;
  all.gridDimZ = p.gridDimZ;
  all.blockDimX = p.blockDimX;
  all.blockDimY = p.blockDimY;
  all.blockDimZ = p.blockDimZ;
  all.sharedMemBytes = p.sharedMemBytes;
  all.kernelParams = p.kernelParams;
  all.extra = p.extra;
  return all;
}

CUresult nybl::emu::workOf(const Entry &entry, const CUDA_KERNEL_NODE_PARAMS &p,
                           Work &work) {
  KernelWork made;
  if (auto *before = std::get_if<KernelWork>(&work)) {
    // Attributes stay when parameters change.
    made.config.cluster = before->config.cluster;
    made.config.explicitCluster = before->config.explicitCluster;
    made.cooperative = before->cooperative;
  }
  CUfunction handle = p.func ? p.func : reinterpret_cast<CUfunction>(p.kern);
  made.function = entry.state->functions.find(handle);
  if (!made.function)
    return refuse(CUDA_ERROR_INVALID_HANDLE,
                  "kernel node: expected a function of a loaded module");
  made.config.grid = {p.gridDimX, p.gridDimY, p.gridDimZ};
  made.config.block = {p.blockDimX, p.blockDimY, p.blockDimZ};
  made.config.dynamicShared = p.sharedMemBytes;
  if (CUresult status =
          prepareLaunch(*entry.state, made, p.kernelParams, p.extra))
    return status;
  work = std::move(made);
  return CUDA_SUCCESS;
}

CUresult nybl::emu::workOf(const Entry &entry, const CUDA_MEMCPY3D &p,
                           Work &work) {
  CopyWork made;
  if (CUresult status = copyOf(entry, p, made))
    return status;
  if (CUresult status = checkCopy(entry, made))
    return status;
  work = std::move(made);
  return CUDA_SUCCESS;
}

CUresult nybl::emu::workOf(const Entry &entry, const CUDA_MEMSET_NODE_PARAMS &p,
                           Work &work) {
  bool sized = p.elementSize == 1 || p.elementSize == 2 || p.elementSize == 4;
  if (!sized || p.width == 0 || p.height == 0)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "fill node: expected elements of 1, 2 or 4 bytes, and at "
                  "least one of them");
  FillWork made = {p.dst, p.pitch, p.value, p.elementSize, p.width, p.height};
  if (CUresult status = checkFill(entry, made))
    return status;
  work = made;
  return CUDA_SUCCESS;
}

CUresult nybl::emu::workOf(const Entry &, const CUDA_HOST_NODE_PARAMS &p,
                           Work &work) {
  if (!p.fn)
    return reject(CUDA_ERROR_INVALID_VALUE);
  work = HostWork{p.fn, p.userData};
  return CUDA_SUCCESS;
}

namespace {
/// Where a new node goes.
struct Target {
  CUgraphNode *node;
  CUgraph graph;
  const CUgraphNode *dependencies;
  size_t count;
};
} // namespace

static CUresult add(GraphAccess &access, const Target &target, Work work) {
  if (!target.node || (target.count > 0 && !target.dependencies))
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::vector<GraphNode *> earlier;
  for (size_t i = 0; i < target.count; ++i) {
    NodeRef node = access.entry.state->graphNodes.find(target.dependencies[i]);
    if (!access.graph->holds(node.get()))
      return refuse(CUDA_ERROR_INVALID_VALUE,
                    "node: expected dependencies of the same graph");
    earlier.push_back(node.get());
  }
  *target.node =
      access.graph->add(*access.entry.state, std::move(work), earlier)->handle;
  return CUDA_SUCCESS;
}

/// `parameters` are those of a workOf().
template <typename Parameters>
static CUresult addOf(const Target &target, const Parameters *parameters) {
  GraphAccess access = accessGraph(target.graph);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  Work work;
  if (!parameters)
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (CUresult status = workOf(access.entry, *parameters, work))
    return status;
  return add(access, target, std::move(work));
}

CUresult CUDAAPI cuGraphAddKernelNode_v2(CUgraphNode *node, CUgraph graph,
                                         const CUgraphNode *dependencies,
                                         size_t count,
                                         const CUDA_KERNEL_NODE_PARAMS *p) {
  return addOf({node, graph, dependencies, count}, p);
}

CUresult CUDAAPI cuGraphAddKernelNode(CUgraphNode *node, CUgraph graph,
                                      const CUgraphNode *dependencies,
                                      size_t count,
                                      const CUDA_KERNEL_NODE_PARAMS_v1 *p) {
  if (!p)
    return reject(CUDA_ERROR_INVALID_VALUE);
  CUDA_KERNEL_NODE_PARAMS all = widened(*p);
  return addOf({node, graph, dependencies, count}, &all);
}

CUresult CUDAAPI cuGraphAddMemcpyNode(CUgraphNode *node, CUgraph graph,
                                      const CUgraphNode *dependencies,
                                      size_t count, const CUDA_MEMCPY3D *p,
                                      CUcontext) {
  return addOf({node, graph, dependencies, count}, p);
}

CUresult CUDAAPI cuGraphAddMemsetNode(CUgraphNode *node, CUgraph graph,
                                      const CUgraphNode *dependencies,
                                      size_t count,
                                      const CUDA_MEMSET_NODE_PARAMS *p,
                                      CUcontext) {
  return addOf({node, graph, dependencies, count}, p);
}

CUresult CUDAAPI cuGraphAddHostNode(CUgraphNode *node, CUgraph graph,
                                    const CUgraphNode *dependencies,
                                    size_t count,
                                    const CUDA_HOST_NODE_PARAMS *p) {
  return addOf({node, graph, dependencies, count}, p);
}

CUresult CUDAAPI cuGraphAddEmptyNode(CUgraphNode *node, CUgraph graph,
                                     const CUgraphNode *dependencies,
                                     size_t count) {
  GraphAccess access = accessGraph(graph);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  return add(access, {node, graph, dependencies, count}, EmptyWork{});
}

template <typename EventWork>
static CUresult addEvent(const Target &target, CUevent handle) {
  GraphAccess access = accessGraph(target.graph);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  auto event = access.entry.state->events.find(handle);
  if (!event)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live event");
  return add(access, target, EventWork{std::move(event)});
}

CUresult CUDAAPI cuGraphAddEventRecordNode(CUgraphNode *node, CUgraph graph,
                                           const CUgraphNode *dependencies,
                                           size_t count, CUevent event) {
  return addEvent<RecordWork>({node, graph, dependencies, count}, event);
}

CUresult CUDAAPI cuGraphAddEventWaitNode(CUgraphNode *node, CUgraph graph,
                                         const CUgraphNode *dependencies,
                                         size_t count, CUevent event) {
  return addEvent<WaitWork>({node, graph, dependencies, count}, event);
}

CUresult CUDAAPI cuGraphAddChildGraphNode(CUgraphNode *node, CUgraph graph,
                                          const CUgraphNode *dependencies,
                                          size_t count, CUgraph child) {
  GraphAccess access = accessGraph(graph);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  auto inner = access.entry.state->graphTable.find(child);
  if (!inner || inner == access.graph)
    return refuse(CUDA_ERROR_INVALID_VALUE, "expected another live graph");
  std::shared_ptr<Graph> own = inner->clone(*access.entry.state);
  CUresult status =
      add(access, {node, graph, dependencies, count}, ChildWork{own});
  if (status != CUDA_SUCCESS)
    own->dissolve(*access.entry.state);
  return status;
}

CUresult CUDAAPI cuGraphChildGraphNodeGetGraph(CUgraphNode handle,
                                               CUgraph *graph) {
  GraphAccess access = accessNode(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  auto *child = std::get_if<ChildWork>(&access.node->work);
  if (!child || !graph)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *graph = child->graph->handle;
  return CUDA_SUCCESS;
}

template <typename EventWork>
static CUresult eventWork(const Entry &entry, CUevent handle, Work &work) {
  auto event = entry.state->events.find(handle);
  if (!event)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live event");
  work = EventWork{std::move(event)};
  return CUDA_SUCCESS;
}

CUresult nybl::emu::workOf(const Entry &entry, const CUgraphNodeParams &p,
                           Work &work) {
  switch (p.type) {
  case CU_GRAPH_NODE_TYPE_KERNEL: {
    CUDA_KERNEL_NODE_PARAMS kernel;
    static_assert(sizeof kernel == sizeof p.kernel);
    std::memcpy(&kernel, &p.kernel, sizeof kernel);
    return workOf(entry, kernel, work);
  }
  case CU_GRAPH_NODE_TYPE_MEMCPY:
    return workOf(entry, p.memcpy.copyParams, work);
  case CU_GRAPH_NODE_TYPE_MEMSET: {
    const CUDA_MEMSET_NODE_PARAMS_v2 &m = p.memset;
    CUDA_MEMSET_NODE_PARAMS fill = {m.dst,         m.pitch, m.value,
                                    m.elementSize, m.width, m.height};
    return workOf(entry, fill, work);
  }
  case CU_GRAPH_NODE_TYPE_HOST:
    return workOf(entry, CUDA_HOST_NODE_PARAMS{p.host.fn, p.host.userData},
                  work);
  case CU_GRAPH_NODE_TYPE_EMPTY:
    work = EmptyWork{};
    return CUDA_SUCCESS;
  case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
    return eventWork<WaitWork>(entry, p.eventWait.event, work);
  case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
    return eventWork<RecordWork>(entry, p.eventRecord.event, work);
  default:
    return refuse(CUDA_ERROR_NOT_SUPPORTED,
                  "graph nodes of type " + std::to_string(p.type) +
                      " are not supported by this emulated driver");
  }
}

CUresult CUDAAPI cuGraphAddNode_v2(CUgraphNode *node, CUgraph graph,
                                   const CUgraphNode *dependencies,
                                   const CUgraphEdgeData *, size_t count,
                                   CUgraphNodeParams *p) {
  if (!p)
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (p->type == CU_GRAPH_NODE_TYPE_GRAPH)
    return cuGraphAddChildGraphNode(node, graph, dependencies, count,
                                    p->graph.graph);
  return addOf({node, graph, dependencies, count}, p);
}

CUresult CUDAAPI cuGraphAddNode(CUgraphNode *node, CUgraph graph,
                                const CUgraphNode *dependencies, size_t count,
                                CUgraphNodeParams *parameters) {
  return cuGraphAddNode_v2(node, graph, dependencies, nullptr, count,
                           parameters);
}

CUresult CUDAAPI cuGraphNodeGetType(CUgraphNode handle, CUgraphNodeType *type) {
  static constexpr CUgraphNodeType types[] = {
      CU_GRAPH_NODE_TYPE_EMPTY,      CU_GRAPH_NODE_TYPE_KERNEL,
      CU_GRAPH_NODE_TYPE_MEMCPY,     CU_GRAPH_NODE_TYPE_MEMSET,
      CU_GRAPH_NODE_TYPE_HOST,       CU_GRAPH_NODE_TYPE_EVENT_RECORD,
      CU_GRAPH_NODE_TYPE_WAIT_EVENT, CU_GRAPH_NODE_TYPE_GRAPH};
  static_assert(std::size(types) == std::variant_size_v<Work>);
  GraphAccess access = accessNode(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  if (!type)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *type = types[access.node->work.index()];
  return CUDA_SUCCESS;
}
