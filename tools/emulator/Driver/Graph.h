// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Graphs of work, and what they are made into to be launched again and again.
#ifndef NYBL_EMULATOR_DRIVER_GRAPH_H
#define NYBL_EMULATOR_DRIVER_GRAPH_H

#include "tools/emulator/Driver/Work.h"

namespace nybl::emu {

/// What a CUgraphNode stands for.
struct GraphNode {
  CUgraphNode handle = nullptr;
  Graph *graph = nullptr; ///< that holds it
  Work work;
  std::vector<GraphNode *> dependencies; ///< of the same graph, none twice
  /// Where the parameters of a kernel node lie, for those who ask.
  std::vector<void *> parameterPlaces;
  GraphNode *clonedFrom = nullptr; ///< compared only: it may be gone
};
using NodeRef = std::shared_ptr<GraphNode>;

/// What a CUgraph stands for. State::graphs guards all of them.
struct Graph {
  CUgraph handle = nullptr;
  std::vector<NodeRef> nodes; ///< in the order they were added

  /// Null unless all of `dependencies` are nodes of this graph.
  NodeRef add(State &s, Work work,
              const std::vector<GraphNode *> &dependencies);
  bool holds(const GraphNode *node) const;
  /// Copies nodes, and graphs in nodes, under new handles.
  std::shared_ptr<Graph> clone(State &s) const;
  /// Takes the nodes' handles back.
  void dissolve(State &s);
};

/// One step of a graph that can be launched.
struct GraphStep {
  Work work; ///< no ChildWork: its steps are in its place
  std::vector<size_t> after;
  CUgraphNode node = nullptr; ///< that it was made of
  bool enabled = true;
};
using GraphSteps = std::vector<GraphStep>;

/// What a CUgraphExec stands for.
struct GraphExec {
  std::weak_ptr<Context> context;
  uint64_t flags = 0;

  std::mutex mutex; ///< guards the rest
  std::shared_ptr<const GraphSteps> steps;
  CompletionRef last; ///< launches run one after the other

  /// Changes the step made of `node`; nothing is changed where there is none,
  /// or `edit` refuses.
  CUresult change(CUgraphNode node,
                  const std::function<CUresult(GraphStep &)> &edit);
};

/// The steps in an order in which each follows what it waits for; nothing if
/// there is a circle.
std::optional<GraphSteps> flatten(const Graph &graph);

/// Queues one launch in a stream.
CUresult launchGraph(State &s, GraphExec &exec, const StreamUse &use);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_GRAPH_H
