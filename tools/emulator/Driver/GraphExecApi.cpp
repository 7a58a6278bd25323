// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Graphs that can be launched: making, changing, launching.

#include "tools/emulator/Driver/GraphAccess.h"

using namespace nybl::emu;

static CUresult instantiate(CUgraphExec *handle, CUgraph graph,
                            cuuint64_t flags) {
  constexpr cuuint64_t known = CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH |
                               CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD |
                               CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY;
  GraphAccess access = accessGraph(graph);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  if (!handle || (flags & ~known))
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "instantiate: launches from the device are not supported by "
                  "this emulated driver");
  std::optional<GraphSteps> steps = flatten(*access.graph);
  if (!steps)
    return refuse(CUDA_ERROR_INVALID_VALUE, "the graph has a circle");
  auto exec = std::make_shared<GraphExec>();
  exec->context = access.entry.context;
  exec->flags = flags;
  exec->steps = std::make_shared<GraphSteps>(std::move(*steps));
  *handle = access.entry.state->graphExecs.add(std::move(exec));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph,
                                             unsigned long long flags) {
  return instantiate(exec, graph, flags);
}

CUresult CUDAAPI cuGraphInstantiate_v2(CUgraphExec *exec, CUgraph graph,
                                       CUgraphNode *errorNode, char *log,
                                       size_t logBytes) {
  if (errorNode)
    *errorNode = nullptr;
  if (log && logBytes > 0)
    *log = 0;
  return instantiate(exec, graph, 0);
}

CUresult CUDAAPI cuGraphInstantiate(CUgraphExec *exec, CUgraph graph,
                                    CUgraphNode *errorNode, char *log,
                                    size_t logBytes) {
  return cuGraphInstantiate_v2(exec, graph, errorNode, log, logBytes);
}

CUresult CUDAAPI
cuGraphInstantiateWithParams(CUgraphExec *exec, CUgraph graph,
                             CUDA_GRAPH_INSTANTIATE_PARAMS *parameters) {
  if (!parameters)
    return reject(CUDA_ERROR_INVALID_VALUE);
  CUresult status = instantiate(exec, graph, parameters->flags);
  parameters->hErrNode_out = nullptr;
  parameters->result_out = status == CUDA_SUCCESS
                               ? CUDA_GRAPH_INSTANTIATE_SUCCESS
                               : CUDA_GRAPH_INSTANTIATE_ERROR;
  return status;
}

namespace {
struct ExecAccess {
  Entry entry;
  CUresult status = CUDA_SUCCESS;
  std::shared_ptr<GraphExec> exec;
};
} // namespace

static ExecAccess access(CUgraphExec handle) {
  ExecAccess found;
  found.entry = enterContext();
  found.status = found.entry.status;
  if (found.status != CUDA_SUCCESS)
    return found;
  found.exec = found.entry.state->graphExecs.find(handle);
  if (!found.exec)
    found.status =
        refuse(CUDA_ERROR_INVALID_VALUE, "expected a live executable graph");
  return found;
}

CUresult CUDAAPI cuGraphExecDestroy(CUgraphExec handle) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  // A launch that is queued holds what it needs.
  return entry.state->graphExecs.remove(handle)
             ? CUDA_SUCCESS
             : refuse(CUDA_ERROR_INVALID_VALUE,
                      "expected a live executable graph");
}

CUresult CUDAAPI cuGraphExecGetFlags(CUgraphExec handle, cuuint64_t *flags) {
  ExecAccess found = access(handle);
  if (found.status != CUDA_SUCCESS)
    return found.status;
  if (!flags)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *flags = found.exec->flags;
  return CUDA_SUCCESS;
}

/// Nothing has to be brought to a device.
CUresult CUDAAPI cuGraphUpload(CUgraphExec handle, CUstream stream) {
  ExecAccess found = access(handle);
  if (found.status != CUDA_SUCCESS)
    return found.status;
  return useStream(found.entry, stream).context
             ? CUDA_SUCCESS
             : reject(CUDA_ERROR_INVALID_HANDLE);
}

/// A graph of what a launch would do now.
static std::shared_ptr<Graph> graphOf(State &s, GraphExec &exec) {
  auto graph = std::make_shared<Graph>();
  graph->handle = s.graphTable.add(graph);
  std::lock_guard lock(exec.mutex);
  for (const GraphStep &step : *exec.steps) {
    std::vector<GraphNode *> earlier;
    for (size_t index : step.after)
      earlier.push_back(graph->nodes[index].get());
    graph->add(s, step.enabled ? step.work : Work(EmptyWork{}), earlier);
  }
  return graph;
}

/// In a captured stream the launch becomes a child graph.
CUresult CUDAAPI cuGraphLaunch(CUgraphExec handle, CUstream stream) {
  ExecAccess found = access(handle);
  if (found.status != CUDA_SUCCESS)
    return found.status;
  StreamUse use = useStream(found.entry, stream);
  if (!use.context)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live stream");
  State &s = *found.entry.state;
  if (isCaptured(s, *use.stream)) {
    std::shared_ptr<Graph> child = graphOf(s, *found.exec);
    std::optional<CUresult> status = captureWork(s, use, ChildWork{child});
    if (status == CUDA_SUCCESS)
      return CUDA_SUCCESS;
    std::lock_guard lock(s.graphs);
    child->dissolve(s);
    return status.value_or(CUDA_ERROR_ILLEGAL_STATE);
  }
  if (CUresult status = checkLegacyUse(s, use))
    return status;
  return launchGraph(s, *found.exec, use);
}

/// What differs between a step and the one that would take its place.
static CUgraphExecUpdateResult compare(const GraphStep &now,
                                       const GraphStep &next) {
  if (now.work.index() != next.work.index())
    return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
  if (now.after != next.after)
    return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

CUresult CUDAAPI cuGraphExecUpdate_v2(CUgraphExec handle, CUgraph graphHandle,
                                      CUgraphExecUpdateResultInfo *info) {
  ExecAccess found = access(handle);
  if (found.status != CUDA_SUCCESS)
    return found.status;
  GraphAccess graph = accessGraph(graphHandle);
  if (graph.status != CUDA_SUCCESS)
    return graph.status;
  if (!info)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *info = {};
  std::optional<GraphSteps> next = flatten(*graph.graph);
  std::lock_guard lock(found.exec->mutex);
  const GraphSteps &now = *found.exec->steps;
  if (!next || next->size() != now.size())
    info->result = CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  for (size_t i = 0;
       info->result == CU_GRAPH_EXEC_UPDATE_SUCCESS && i < now.size(); ++i) {
    info->result = compare(now[i], (*next)[i]);
    if (info->result != CU_GRAPH_EXEC_UPDATE_SUCCESS)
      info->errorNode = (*next)[i].node;
  }
  if (info->result != CU_GRAPH_EXEC_UPDATE_SUCCESS)
    return refuse(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE,
                  "update: the graph differs in its nodes or edges");
  // Steps stay known by the nodes they were first made of.
  for (size_t i = 0; i < now.size(); ++i) {
    (*next)[i].node = now[i].node;
    (*next)[i].enabled = now[i].enabled;
  }
  found.exec->steps = std::make_shared<GraphSteps>(std::move(*next));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphExecUpdate(CUgraphExec exec, CUgraph graph,
                                   CUgraphNode *errorNode,
                                   CUgraphExecUpdateResult *result) {
  CUgraphExecUpdateResultInfo info = {};
  CUresult status = cuGraphExecUpdate_v2(exec, graph, &info);
  if (errorNode)
    *errorNode = info.errorNode;
  if (result)
    *result = info.result;
  return status;
}

static CUresult change(CUgraphExec handle, CUgraphNode node,
                       const std::function<CUresult(GraphStep &)> &edit) {
  ExecAccess found = access(handle);
  return found.status == CUDA_SUCCESS ? found.exec->change(node, edit)
                                      : found.status;
}

static CUresult refuseKind() {
  return refuse(CUDA_ERROR_INVALID_VALUE, "the node is of another type");
}

/// New parameters for the step of a node; `Kind` is the work it must have.
template <typename Kind, typename Parameters>
static CUresult changeOf(CUgraphExec handle, CUgraphNode node,
                         const Parameters *parameters) {
  ExecAccess found = access(handle);
  if (found.status != CUDA_SUCCESS)
    return found.status;
  if (!parameters)
    return reject(CUDA_ERROR_INVALID_VALUE);
  return found.exec->change(node, [&](GraphStep &step) {
    return std::holds_alternative<Kind>(step.work)
               ? workOf(found.entry, *parameters, step.work)
               : refuseKind();
  });
}

CUresult CUDAAPI cuGraphExecKernelNodeSetParams_v2(
    CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *p) {
  return changeOf<KernelWork>(exec, node, p);
}

CUresult CUDAAPI cuGraphExecKernelNodeSetParams(
    CUgraphExec exec, CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1 *p) {
  if (!p)
    return reject(CUDA_ERROR_INVALID_VALUE);
  CUDA_KERNEL_NODE_PARAMS all = widened(*p);
  return changeOf<KernelWork>(exec, node, &all);
}

CUresult CUDAAPI cuGraphExecMemcpyNodeSetParams(CUgraphExec exec,
                                                CUgraphNode node,
                                                const CUDA_MEMCPY3D *p,
                                                CUcontext) {
  return changeOf<CopyWork>(exec, node, p);
}

CUresult CUDAAPI
cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                               const CUDA_MEMSET_NODE_PARAMS *p, CUcontext) {
  return changeOf<FillWork>(exec, node, p);
}

CUresult CUDAAPI cuGraphExecHostNodeSetParams(CUgraphExec exec,
                                              CUgraphNode node,
                                              const CUDA_HOST_NODE_PARAMS *p) {
  return changeOf<HostWork>(exec, node, p);
}

template <typename Kind>
static CUresult changeEvent(CUgraphExec exec, CUgraphNode node,
                            CUevent handle) {
  ExecAccess found = access(exec);
  if (found.status != CUDA_SUCCESS)
    return found.status;
  auto event = found.entry.state->events.find(handle);
  if (!event)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a live event");
  return change(exec, node, [&](GraphStep &step) {
    auto *work = std::get_if<Kind>(&step.work);
    if (!work)
      return refuseKind();
    work->event = event;
    return CUDA_SUCCESS;
  });
}

CUresult CUDAAPI cuGraphExecEventRecordNodeSetEvent(CUgraphExec exec,
                                                    CUgraphNode node,
                                                    CUevent event) {
  return changeEvent<RecordWork>(exec, node, event);
}

CUresult CUDAAPI cuGraphExecEventWaitNodeSetEvent(CUgraphExec exec,
                                                  CUgraphNode node,
                                                  CUevent event) {
  return changeEvent<WaitWork>(exec, node, event);
}

/// The steps of `child`, which the node stands for, do what those of `next` do.
static CUresult replaceChild(GraphExec &exec, const Graph &child,
                             const Graph &next) {
  std::optional<GraphSteps> now = flatten(child), then = flatten(next);
  bool alike = now && then && now->size() == then->size();
  for (size_t i = 0; alike && i < now->size(); ++i)
    alike = compare((*now)[i], (*then)[i]) == CU_GRAPH_EXEC_UPDATE_SUCCESS;
  if (!alike)
    return refuse(CUDA_ERROR_INVALID_VALUE,
                  "child graph: expected the nodes and edges of the one that "
                  "was instantiated");
  for (size_t i = 0; i < now->size(); ++i)
    if (CUresult status = exec.change((*now)[i].node, [&](GraphStep &step) {
          step.work = (*then)[i].work;
          return CUDA_SUCCESS;
        }))
      return status;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphExecChildGraphNodeSetParams(CUgraphExec handle,
                                                    CUgraphNode nodeHandle,
                                                    CUgraph graph) {
  ExecAccess found = access(handle);
  if (found.status != CUDA_SUCCESS)
    return found.status;
  GraphAccess node = accessNode(nodeHandle);
  if (node.status != CUDA_SUCCESS)
    return node.status;
  auto *child = std::get_if<ChildWork>(&node.node->work);
  auto next = found.entry.state->graphTable.find(graph);
  if (!child || !next)
    return child ? reject(CUDA_ERROR_INVALID_VALUE) : refuseKind();
  return replaceChild(*found.exec, *child->graph, *next);
}

CUresult CUDAAPI cuGraphExecNodeSetParams(CUgraphExec handle, CUgraphNode node,
                                          CUgraphNodeParams *p) {
  if (!p)
    return reject(CUDA_ERROR_INVALID_VALUE);
  if (p->type == CU_GRAPH_NODE_TYPE_GRAPH)
    return cuGraphExecChildGraphNodeSetParams(handle, node, p->graph.graph);
  ExecAccess found = access(handle);
  if (found.status != CUDA_SUCCESS)
    return found.status;
  return found.exec->change(node, [&](GraphStep &step) {
    Work work = step.work;
    CUresult status = workOf(found.entry, *p, work);
    if (status != CUDA_SUCCESS || work.index() != step.work.index())
      return status ? status : refuseKind();
    step.work = std::move(work);
    return CUDA_SUCCESS;
  });
}

CUresult CUDAAPI cuGraphNodeSetEnabled(CUgraphExec exec, CUgraphNode node,
                                       unsigned int enabled) {
  return change(exec, node, [&](GraphStep &step) {
    bool can = std::holds_alternative<KernelWork>(step.work) ||
               std::holds_alternative<CopyWork>(step.work) ||
               std::holds_alternative<FillWork>(step.work);
    step.enabled = enabled != 0;
    return can ? CUDA_SUCCESS : refuseKind();
  });
}

CUresult CUDAAPI cuGraphNodeGetEnabled(CUgraphExec handle, CUgraphNode node,
                                       unsigned int *enabled) {
  ExecAccess found = access(handle);
  if (found.status != CUDA_SUCCESS)
    return found.status;
  std::lock_guard lock(found.exec->mutex);
  for (const GraphStep &step : *found.exec->steps)
    if (step.node == node && enabled) {
      *enabled = step.enabled;
      return CUDA_SUCCESS;
    }
  return reject(CUDA_ERROR_INVALID_VALUE);
}
