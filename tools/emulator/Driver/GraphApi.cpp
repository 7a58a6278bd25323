// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Graphs and the edges in them. Edges carry no data: all are full dependencies.

#include "tools/emulator/Driver/GraphAccess.h"

#include <algorithm>
#include <cstdio>

using namespace nybl::emu;

GraphAccess nybl::emu::accessGraph(CUgraph handle) {
  GraphAccess access;
  access.entry = enterContext();
  access.status = access.entry.status;
  if (access.status != CUDA_SUCCESS)
    return access;
  access.lock = std::unique_lock(access.entry.state->graphs);
  access.graph = access.entry.state->graphTable.find(handle);
  if (!access.graph)
    access.status = refuse(CUDA_ERROR_INVALID_VALUE, "expected a live graph");
  return access;
}

GraphAccess nybl::emu::accessNode(CUgraphNode handle) {
  GraphAccess access;
  access.entry = enterContext();
  access.status = access.entry.status;
  if (access.status != CUDA_SUCCESS)
    return access;
  access.lock = std::unique_lock(access.entry.state->graphs);
  access.node = access.entry.state->graphNodes.find(handle);
  if (!access.node)
    access.status =
        refuse(CUDA_ERROR_INVALID_VALUE, "expected a node of a live graph");
  return access;
}

static bool isBeingCaptured(const State &s, const Graph &graph) {
  return std::any_of(s.captures.begin(), s.captures.end(),
                     [&](auto &c) { return c->graph.get() == &graph; });
}

CUresult CUDAAPI cuGraphCreate(CUgraph *handle, unsigned int flags) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!handle || flags != 0)
    return reject(CUDA_ERROR_INVALID_VALUE);
  auto graph = std::make_shared<Graph>();
  graph->handle = entry.state->graphTable.add(graph);
  *handle = graph->handle;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphDestroy(CUgraph handle) {
  GraphAccess access = accessGraph(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  if (isBeingCaptured(*access.entry.state, *access.graph))
    return refuse(CUDA_ERROR_ILLEGAL_STATE, "the graph is being captured");
  access.graph->dissolve(*access.entry.state);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphClone(CUgraph *copy, CUgraph handle) {
  GraphAccess access = accessGraph(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  if (!copy)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *copy = access.graph->clone(*access.entry.state)->handle;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphNodeFindInClone(CUgraphNode *found,
                                        CUgraphNode original, CUgraph handle) {
  GraphAccess access = accessGraph(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  NodeRef node = access.entry.state->graphNodes.find(original);
  for (const NodeRef &twin : access.graph->nodes)
    if (node && found && twin->clonedFrom == node.get()) {
      *found = twin->handle;
      return CUDA_SUCCESS;
    }
  return refuse(CUDA_ERROR_INVALID_VALUE,
                "expected a node of the graph that was cloned");
}

CUresult CUDAAPI cuGraphDestroyNode(CUgraphNode handle) {
  GraphAccess access = accessNode(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  State &s = *access.entry.state;
  Graph &graph = *access.node->graph;
  if (isBeingCaptured(s, graph))
    return refuse(CUDA_ERROR_ILLEGAL_STATE, "the graph is being captured");
  for (const NodeRef &other : graph.nodes)
    std::erase(other->dependencies, access.node.get());
  if (auto *child = std::get_if<ChildWork>(&access.node->work))
    child->graph->dissolve(s);
  access.node->graph = nullptr;
  s.graphNodes.remove(handle);
  std::erase(graph.nodes, access.node);
  return CUDA_SUCCESS;
}

/// Writes as many handles as there is room for, or only the count.
static CUresult give(const std::vector<CUgraphNode> &handles, CUgraphNode *to,
                     size_t *count) {
  if (!count)
    return reject(CUDA_ERROR_INVALID_VALUE);
  for (size_t i = 0; to && i < *count; ++i)
    to[i] = i < handles.size() ? handles[i] : nullptr;
  *count = to ? std::min(*count, handles.size()) : handles.size();
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphGetNodes(CUgraph handle, CUgraphNode *nodes,
                                 size_t *count) {
  GraphAccess access = accessGraph(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  std::vector<CUgraphNode> handles;
  for (const NodeRef &node : access.graph->nodes)
    handles.push_back(node->handle);
  return give(handles, nodes, count);
}

CUresult CUDAAPI cuGraphGetRootNodes(CUgraph handle, CUgraphNode *nodes,
                                     size_t *count) {
  GraphAccess access = accessGraph(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  std::vector<CUgraphNode> handles;
  for (const NodeRef &node : access.graph->nodes)
    if (node->dependencies.empty())
      handles.push_back(node->handle);
  return give(handles, nodes, count);
}

CUresult CUDAAPI cuGraphGetEdges(CUgraph handle, CUgraphNode *from,
                                 CUgraphNode *to, size_t *count) {
  GraphAccess access = accessGraph(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  std::vector<CUgraphNode> first, second;
  for (const NodeRef &node : access.graph->nodes)
    for (const GraphNode *dependency : node->dependencies) {
      first.push_back(dependency->handle);
      second.push_back(node->handle);
    }
  if (!count || !from != !to)
    return reject(CUDA_ERROR_INVALID_VALUE);
  size_t room = *count;
  if (CUresult status = give(first, from, count))
    return status;
  return give(second, to, from ? &room : count);
}

static void clearEdgeData(CUgraphEdgeData *data, const size_t *count) {
  for (size_t i = 0; data && count && i < *count; ++i)
    data[i] = {};
}

CUresult CUDAAPI cuGraphGetEdges_v2(CUgraph graph, CUgraphNode *from,
                                    CUgraphNode *to, CUgraphEdgeData *data,
                                    size_t *count) {
  clearEdgeData(data, count);
  return cuGraphGetEdges(graph, from, to, count);
}

CUresult CUDAAPI cuGraphNodeGetDependencies(CUgraphNode handle,
                                            CUgraphNode *nodes, size_t *count) {
  GraphAccess access = accessNode(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  std::vector<CUgraphNode> handles;
  for (const GraphNode *dependency : access.node->dependencies)
    handles.push_back(dependency->handle);
  return give(handles, nodes, count);
}

CUresult CUDAAPI cuGraphNodeGetDependencies_v2(CUgraphNode node,
                                               CUgraphNode *nodes,
                                               CUgraphEdgeData *data,
                                               size_t *count) {
  clearEdgeData(data, count);
  return cuGraphNodeGetDependencies(node, nodes, count);
}

CUresult CUDAAPI cuGraphNodeGetDependentNodes(CUgraphNode handle,
                                              CUgraphNode *nodes,
                                              size_t *count) {
  GraphAccess access = accessNode(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  std::vector<CUgraphNode> handles;
  for (const NodeRef &other : access.node->graph->nodes)
    for (const GraphNode *dependency : other->dependencies)
      if (dependency == access.node.get())
        handles.push_back(other->handle);
  return give(handles, nodes, count);
}

CUresult CUDAAPI cuGraphNodeGetDependentNodes_v2(CUgraphNode node,
                                                 CUgraphNode *nodes,
                                                 CUgraphEdgeData *data,
                                                 size_t *count) {
  clearEdgeData(data, count);
  return cuGraphNodeGetDependentNodes(node, nodes, count);
}

/// Adds or takes away edges; all or none.
static CUresult changeEdges(CUgraph handle, const CUgraphNode *from,
                            const CUgraphNode *to, size_t count, bool adds) {
  GraphAccess access = accessGraph(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  if (count > 0 && (!from || !to))
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::vector<std::pair<GraphNode *, GraphNode *>> edges;
  for (size_t i = 0; i < count; ++i) {
    NodeRef first = access.entry.state->graphNodes.find(from[i]);
    NodeRef second = access.entry.state->graphNodes.find(to[i]);
    bool known = access.graph->holds(first.get()) &&
                 access.graph->holds(second.get()) && first != second;
    if (!known)
      return refuse(CUDA_ERROR_INVALID_VALUE,
                    "edge: expected two nodes of the graph");
    auto &earlier = second->dependencies;
    bool exists =
        std::find(earlier.begin(), earlier.end(), first.get()) != earlier.end();
    if (exists == adds)
      return refuse(CUDA_ERROR_INVALID_VALUE,
                    adds ? "edge: it exists" : "edge: it does not exist");
    edges.emplace_back(first.get(), second.get());
  }
  for (auto &[first, second] : edges)
    if (adds)
      second->dependencies.push_back(first);
    else
      std::erase(second->dependencies, first);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuGraphAddDependencies(CUgraph graph, const CUgraphNode *from,
                                        const CUgraphNode *to, size_t count) {
  return changeEdges(graph, from, to, count, /*adds=*/true);
}

CUresult CUDAAPI cuGraphAddDependencies_v2(CUgraph graph,
                                           const CUgraphNode *from,
                                           const CUgraphNode *to,
                                           const CUgraphEdgeData *,
                                           size_t count) {
  return changeEdges(graph, from, to, count, /*adds=*/true);
}

CUresult CUDAAPI cuGraphRemoveDependencies(CUgraph graph,
                                           const CUgraphNode *from,
                                           const CUgraphNode *to,
                                           size_t count) {
  return changeEdges(graph, from, to, count, /*adds=*/false);
}

CUresult CUDAAPI cuGraphRemoveDependencies_v2(CUgraph graph,
                                              const CUgraphNode *from,
                                              const CUgraphNode *to,
                                              const CUgraphEdgeData *,
                                              size_t count) {
  return changeEdges(graph, from, to, count, /*adds=*/false);
}

/// The kernel's name, or the kind of the node.
static std::string labelOf(const GraphNode &node) {
  static constexpr const char *names[] = {"empty", "",       "memcpy", "memset",
                                          "host",  "record", "wait",   "graph"};
  if (auto *kernel = std::get_if<KernelWork>(&node.work))
    return kernel->function->kernel->name;
  return names[node.work.index()];
}

CUresult CUDAAPI cuGraphDebugDotPrint(CUgraph handle, const char *path,
                                      unsigned int) {
  GraphAccess access = accessGraph(handle);
  if (access.status != CUDA_SUCCESS)
    return access.status;
  std::FILE *file = path ? std::fopen(path, "w") : nullptr;
  if (!file)
    return refuse(CUDA_ERROR_OPERATING_SYSTEM, "cannot write the file");
  std::fputs("digraph {\n", file);
  for (const NodeRef &node : access.graph->nodes) {
    std::fprintf(file, "  \"%p\" [label=\"%s\"];\n",
                 static_cast<void *>(node->handle), labelOf(*node).c_str());
    for (const GraphNode *dependency : node->dependencies)
      std::fprintf(file, "  \"%p\" -> \"%p\";\n",
                   static_cast<void *>(dependency->handle),
                   static_cast<void *>(node->handle));
  }
  std::fputs("}\n", file);
  bool written = std::ferror(file) == 0;
  return std::fclose(file) == 0 && written
             ? CUDA_SUCCESS
             : reject(CUDA_ERROR_OPERATING_SYSTEM);
}
