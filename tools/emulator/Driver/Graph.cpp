// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Graphs: building, copying, flattening, and running with one thread for each
// branch as long as there are threads.

#include "tools/emulator/Driver/Graph.h"

#include <algorithm>
#include <deque>
#include <thread>

using namespace nybl::emu;

bool Graph::holds(const GraphNode *node) const {
  return node && node->graph == this;
}

NodeRef Graph::add(State &s, Work work,
                   const std::vector<GraphNode *> &dependencies) {
  for (const GraphNode *dependency : dependencies)
    if (!holds(dependency))
      return nullptr;
  auto node = std::make_shared<GraphNode>();
  node->graph = this;
  node->work = std::move(work);
  node->dependencies = dependencies;
  node->handle = s.graphNodes.add(node);
  nodes.push_back(node);
  return node;
}

std::shared_ptr<Graph> Graph::clone(State &s) const {
  auto copy = std::make_shared<Graph>();
  copy->handle = s.graphTable.add(copy);
  std::map<const GraphNode *, GraphNode *> twin;
  for (const NodeRef &node : nodes) {
    Work work = node->work;
    if (auto *child = std::get_if<ChildWork>(&work))
      child->graph = child->graph->clone(s);
    NodeRef made = copy->add(s, std::move(work), {});
    made->clonedFrom = node.get();
    twin[node.get()] = made.get();
  }
  for (const NodeRef &node : nodes)
    for (const GraphNode *dependency : node->dependencies)
      twin[node.get()]->dependencies.push_back(twin[dependency]);
  return copy;
}

void Graph::dissolve(State &s) {
  for (const NodeRef &node : nodes) {
    if (auto *child = std::get_if<ChildWork>(&node->work))
      child->graph->dissolve(s);
    s.graphNodes.remove(node->handle);
    node->graph = nullptr;
  }
  s.graphTable.remove(handle);
}

namespace {

/// Nodes in an order that follows the edges; among those that could come next,
/// the one added first. Empty where there is a circle.
std::vector<GraphNode *> sorted(const Graph &graph) {
  std::vector<GraphNode *> order;
  std::map<const GraphNode *, bool> done;
  bool moved = true;
  while (moved && order.size() < graph.nodes.size()) {
    moved = false;
    for (const NodeRef &node : graph.nodes) {
      auto isDone = [&](const GraphNode *n) { return done[n]; };
      if (done[node.get()] || !std::all_of(node->dependencies.begin(),
                                           node->dependencies.end(), isDone))
        continue;
      done[node.get()] = moved = true;
      order.push_back(node.get());
    }
  }
  if (order.size() < graph.nodes.size())
    order.clear();
  return order;
}

/// Appends the steps of `graph`, whose first ones wait for `before`. `ends`
/// gets those that nothing in the graph waits for, or `before` if it is empty.
bool flattenInto(GraphSteps &steps, const Graph &graph,
                 const std::vector<size_t> &before, std::vector<size_t> &ends) {
  std::vector<GraphNode *> order = sorted(graph);
  if (order.empty() && !graph.nodes.empty())
    return false;
  std::map<const GraphNode *, std::vector<size_t>> endsOf;
  std::map<const GraphNode *, bool> hasFollower;
  for (GraphNode *node : order) {
    std::vector<size_t> after = before;
    if (!node->dependencies.empty())
      after.clear();
    for (GraphNode *dependency : node->dependencies) {
      hasFollower[dependency] = true;
      after.insert(after.end(), endsOf[dependency].begin(),
                   endsOf[dependency].end());
    }
    std::sort(after.begin(), after.end());
    after.erase(std::unique(after.begin(), after.end()), after.end());
    if (auto *child = std::get_if<ChildWork>(&node->work)) {
      if (!flattenInto(steps, *child->graph, after, endsOf[node]))
        return false;
      continue;
    }
    endsOf[node] = {steps.size()};
    steps.push_back({node->work, std::move(after), node->handle, true});
  }
  for (GraphNode *node : order)
    if (!hasFollower[node])
      ends.insert(ends.end(), endsOf[node].begin(), endsOf[node].end());
  if (order.empty())
    ends = before;
  return true;
}

/// One launch of a graph.
class Player {
public:
  /// Events are set here: work queued behind the launch may wait for them. What
  /// wait steps wait for was recorded before.
  Player(State &s, std::shared_ptr<Context> context,
         std::shared_ptr<const GraphSteps> steps)
      : s(s), context(std::move(context)), steps(std::move(steps)),
        events(this->steps->size()), left(this->steps->size()),
        open(this->steps->size()), followers(this->steps->size()) {
    for (const GraphStep &step : *this->steps)
      if (auto *wait = std::get_if<WaitWork>(&step.work))
        waits.push_back(wait->event->recorded());
      else
        waits.push_back(nullptr);
    for (size_t i = 0; i < this->steps->size(); ++i) {
      const GraphStep &step = (*this->steps)[i];
      if (auto *record = std::get_if<RecordWork>(&step.work);
          record && step.enabled) {
        auto end = std::make_shared<Completion>();
        record->event->set(end);
        events[i] = end;
      }
      open[i] = step.after.size();
      for (size_t earlier : step.after)
        followers[earlier].push_back(i);
      if (open[i] == 0)
        ready.push_back(i);
    }
  }

  CUresult run() {
    std::vector<std::thread> helpers;
    for (size_t i = 1, most = branches(); i < most; ++i)
      helpers.emplace_back([this] { work(); });
    work();
    for (std::thread &helper : helpers)
      helper.join();
    return CUDA_SUCCESS;
  }

private:
  /// Threads worth having: no step waits for more than its own branch.
  size_t branches() const {
    size_t most = std::max<size_t>(1, ready.size());
    for (auto &next : followers)
      most = std::max(most, next.size());
    return std::min<size_t>(most, 4);
  }

  void work() {
    std::unique_lock lock(mutex);
    while (true) {
      changed.wait(lock, [&] { return !ready.empty() || left == 0; });
      if (left == 0)
        return;
      size_t index = ready.front();
      ready.pop_front();
      lock.unlock();
      perform(index);
      lock.lock();
      for (size_t next : followers[index])
        if (--open[next] == 0)
          ready.push_back(next);
      --left;
      changed.notify_all();
    }
  }

  void perform(size_t index) {
    const GraphStep &step = (*steps)[index];
    if (!step.enabled)
      return;
    if (waits[index])
      waits[index]->wait();
    context->perform([&] { return performWork(s, step.work); },
                     accessOf(step.work));
    if (events[index])
      events[index]->finish();
  }

  State &s;
  std::shared_ptr<Context> context;
  std::shared_ptr<const GraphSteps> steps;
  std::vector<std::shared_ptr<Completion>> events; ///< of record steps
  std::vector<CompletionRef> waits;                ///< of wait steps
  std::mutex mutex; ///< guards the rest once run() has begun
  std::condition_variable changed;
  size_t left;
  std::vector<size_t> open; ///< how many each step still waits for
  std::vector<std::vector<size_t>> followers;
  std::deque<size_t> ready;
};

} // namespace

std::optional<GraphSteps> nybl::emu::flatten(const Graph &graph) {
  GraphSteps steps;
  std::vector<size_t> ends;
  if (!flattenInto(steps, graph, {}, ends))
    return std::nullopt;
  return steps;
}

CUresult GraphExec::change(CUgraphNode node,
                           const std::function<CUresult(GraphStep &)> &edit) {
  std::lock_guard lock(mutex);
  // A launch may be running over the steps as they are.
  auto changed = std::make_shared<GraphSteps>(*steps);
  for (GraphStep &step : *changed)
    if (step.node == node) {
      if (CUresult status = edit(step))
        return status;
      steps = std::move(changed);
      return CUDA_SUCCESS;
    }
  return refuse(CUDA_ERROR_INVALID_VALUE,
                "expected a node of the graph that was instantiated");
}

CUresult nybl::emu::launchGraph(State &s, GraphExec &exec,
                                const StreamUse &use) {
  std::lock_guard lock(exec.mutex);
  auto player = std::make_shared<Player>(s, use.context, exec.steps);
  exec.last = use.context->submit(
      *use.stream, [player] { return player->run(); }, Access::None, exec.last);
  return CUDA_SUCCESS;
}
