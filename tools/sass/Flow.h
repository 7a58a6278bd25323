// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A control-flow graph whose nodes are instructions (kernels are a few thousand
// of them, so basic blocks would save nothing), its dominators and natural
// loops.
#ifndef NYBL_TOOLS_SASS_FLOW_H
#define NYBL_TOOLS_SASS_FLOW_H

#include <cstddef>
#include <vector>

namespace nybl::sass {

struct Loop {
  size_t head = 0;
  std::vector<bool> holds; ///< by instruction, the head among them
  size_t size = 0;         ///< how many it holds
};

class Flow {
public:
  /// The first node is the entry.
  explicit Flow(std::vector<std::vector<size_t>> successors);

  const std::vector<size_t> &successors(size_t node) const {
    return next[node];
  }
  bool isReachable(size_t node) const { return number[node] != none; }
  /// Every path from the entry to `b` passes `a`. Both reachable.
  bool dominates(size_t a, size_t b) const;
  /// Natural loops, small ones first; loops with one head are one.
  const std::vector<Loop> &loops() const { return natural; }
  /// Null: in no loop.
  const Loop *innermost(size_t node) const;
  /// True where a cycle has two ways in: then it is no natural loop.
  bool hasOtherCycles() const { return otherCycles; }
  /// What can be reached from these nodes, themselves included.
  std::vector<bool> reach(std::vector<size_t> from) const;

private:
  static constexpr size_t none = static_cast<size_t>(-1);
  void numberNodes();
  void findDominators();
  size_t meet(size_t a, size_t b) const;
  void findLoops();
  void grow(Loop &loop, size_t latch) const;

  std::vector<std::vector<size_t>> next, previous;
  std::vector<size_t> order;  ///< reverse postorder
  std::vector<size_t> number; ///< place in `order`; none: unreachable
  std::vector<size_t> dominator;
  std::vector<Loop> natural;
  bool otherCycles = false;
};

} // namespace nybl::sass

#endif // NYBL_TOOLS_SASS_FLOW_H
