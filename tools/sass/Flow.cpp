// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dominators by the iteration of Cooper, Harvey and Kennedy ("A Simple, Fast
// Dominance Algorithm", 2001).

#include "tools/sass/Flow.h"
#include <algorithm>
#include <utility>

using namespace nybl::sass;

Flow::Flow(std::vector<std::vector<size_t>> successors)
    : next(std::move(successors)), previous(next.size()),
      number(next.size(), none), dominator(next.size(), none) {
  if (next.empty())
    return;
  numberNodes();
  for (size_t from : order)
    for (size_t to : next[from])
      previous[to].push_back(from);
  findDominators();
  findLoops();
}

void Flow::numberNodes() {
  // Depth first, with a stack of its own: code is long and mostly straight.
  std::vector<bool> seen(next.size());
  std::vector<std::pair<size_t, size_t>> path{{0, 0}};
  seen[0] = true;
  while (!path.empty()) {
    auto &[node, edge] = path.back();
    if (edge == next[node].size()) {
      order.push_back(node);
      path.pop_back();
      continue;
    }
    size_t to = next[node][edge++];
    if (!seen[to]) {
      seen[to] = true;
      path.push_back({to, 0});
    }
  }
  std::reverse(order.begin(), order.end());
  for (size_t i = 0; i < order.size(); ++i)
    number[order[i]] = i;
}

size_t Flow::meet(size_t a, size_t b) const {
  while (a != b) {
    while (number[a] > number[b])
      a = dominator[a];
    while (number[b] > number[a])
      b = dominator[b];
  }
  return a;
}

void Flow::findDominators() {
  dominator[0] = 0;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t node : order) {
      if (node == 0)
        continue;
      size_t found = none;
      for (size_t from : previous[node])
        if (dominator[from] != none)
          found = found == none ? from : meet(from, found);
      changed |= dominator[node] != found;
      dominator[node] = found;
    }
  }
}

bool Flow::dominates(size_t a, size_t b) const {
  while (number[b] > number[a])
    b = dominator[b];
  return a == b;
}

void Flow::grow(Loop &loop, size_t latch) const {
  std::vector<size_t> left{latch};
  while (!left.empty()) {
    size_t node = left.back();
    left.pop_back();
    if (loop.holds[node])
      continue;
    loop.holds[node] = true;
    ++loop.size;
    left.insert(left.end(), previous[node].begin(), previous[node].end());
  }
}

void Flow::findLoops() {
  for (size_t head : order) {
    Loop loop{head, std::vector<bool>(next.size()), 1};
    loop.holds[head] = true;
    bool isLoop = false;
    for (size_t from : previous[head]) {
      if (number[from] < number[head])
        continue;
      if (!dominates(head, from)) {
        otherCycles = true;
        continue;
      }
      isLoop = true;
      grow(loop, from);
    }
    if (isLoop)
      natural.push_back(std::move(loop));
  }
  std::sort(natural.begin(), natural.end(), [](auto &a, auto &b) {
    return std::pair(a.size, a.head) < std::pair(b.size, b.head);
  });
}

const Loop *Flow::innermost(size_t node) const {
  for (const Loop &loop : natural)
    if (loop.holds[node])
      return &loop;
  return nullptr;
}

std::vector<bool> Flow::reach(std::vector<size_t> from) const {
  std::vector<bool> seen(next.size());
  while (!from.empty()) {
    size_t node = from.back();
    from.pop_back();
    if (seen[node])
      continue;
    seen[node] = true;
    from.insert(from.end(), next[node].begin(), next[node].end());
  }
  return seen;
}
