// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A state is how many iterations each has behind it. Who makes slots ready
// takes one back and makes it ready in one step: nobody sees when it was taken,
// and it is never wrong later that was not wrong sooner. States are reached
// from the first, breadth first; slots and parities repeat after two rounds,
// and so do states.

#include "compiler/Legality/PairModel.h"
#include "llvm/ADT/DenseSet.h"
#include <algorithm>
#include <array>
#include <vector>

using namespace nybl::compiler;

namespace {

/// Who makes slots ready in either CTA; who hands over, of rank 1; who has
/// multiplies begin, of rank 0; what has come back to either CTA.
enum Who : unsigned { Owner0, Owner1, HandsOver, Begins, Back0, Back1, All };

class PairExplorer {
public:
  explicit PairExplorer(const PairProtocol &protocol)
      : protocol(protocol), stages(protocol.stages) {}

  std::optional<std::string> run();

private:
  using State = std::array<int64_t, All>;

  /// Phases of an mbarrier of `iteration`'s slot that `arrived` iterations have
  /// completed, one each.
  int64_t phases(int64_t arrived, int64_t iteration) const {
    int64_t slot = iteration % stages;
    return (arrived - slot + stages - 1) / stages;
  }
  /// A wait passes once the phase of its parity is over (PTX ISA,
  /// mbarrier.test_wait): the barrier is in a phase of the other parity.
  bool passes(int64_t arrived, int64_t iteration, int64_t shift) const {
    int64_t round = iteration / stages;
    return phases(arrived, iteration) % 2 != (round + shift) % 2;
  }
  bool mayMove(const State &s, unsigned who) const;
  std::optional<std::string> wrongMove(const State &s, unsigned who) const;
  State first() const;
  /// What two rounds earlier is the same.
  State earlier(State s) const {
    while (*std::min_element(s.begin(), s.end()) >= 2 * stages)
      for (int64_t &value : s)
        value -= 2 * stages;
    return s;
  }
  static uint64_t pack(const State &s) {
    uint64_t packed = 0;
    for (int64_t value : s)
      packed = packed << 10 | uint64_t(value);
    return packed;
  }

  PairProtocol protocol;
  int64_t stages;
};

bool PairExplorer::mayMove(const State &s, unsigned who) const {
  switch (who) {
  case Owner0:
    return passes(s[Back0], s[who], 1);
  case Owner1:
    return passes(s[Back1], s[who], 1);
  case HandsOver:
    return !protocol.handsOverReady || passes(s[Owner1], s[HandsOver], 0);
  case Begins:
    return (!protocol.waitsForOwn || passes(s[Owner0], s[Begins], 0)) &&
           (!protocol.waitsForPair ||
            passes(s[HandsOver], s[Begins], protocol.pairParity));
  case Back1:
    return protocol.releasesBoth && s[who] < s[Begins];
  default:
    return s[who] < s[Begins];
  }
}

/// `who` has just moved.
std::optional<std::string> PairExplorer::wrongMove(const State &s,
                                                   unsigned who) const {
  if (who == Begins) {
    int64_t iteration = s[Begins] - 1;
    for (unsigned owner : {Owner0, Owner1})
      if (s[owner] <= iteration)
        return "iteration " + std::to_string(iteration) +
               " is multiplied before the CTA of rank " +
               std::to_string(owner) + " has its slot ready";
  }
  if (who == Owner0 || who == Owner1) {
    int64_t iteration = s[who] - 1;
    int64_t over = std::max(s[Back0], s[Back1]);
    if (over <= iteration - stages)
      return "the CTA of rank " + std::to_string(who) +
             " takes back the slot of iteration " +
             std::to_string(iteration - stages) +
             " while multiplies may still use it";
  }
  return std::nullopt;
}

PairExplorer::State PairExplorer::first() const {
  State s{};
  if (protocol.beginsReady)
    s[Owner0] = s[Owner1] = stages;
  return s;
}

std::optional<std::string> PairExplorer::run() {
  llvm::DenseSet<uint64_t> seen{pack(first())};
  std::vector<State> pending{first()};
  for (size_t at = 0; at < pending.size(); ++at) {
    State state = pending[at];
    bool moved = false;
    for (unsigned who = 0; who < All; ++who) {
      if (!mayMove(state, who))
        continue;
      moved = true;
      State next = state;
      ++next[who];
      if (std::optional<std::string> wrong = wrongMove(next, who))
        return wrong;
      next = earlier(next);
      if (seen.insert(pack(next)).second)
        pending.push_back(next);
    }
    if (!moved)
      return "both CTAs wait, for iteration " + std::to_string(state[Begins]) +
             " to be multiplied";
  }
  return std::nullopt;
}

} // namespace

std::optional<std::string>
nybl::compiler::explorePair(const PairProtocol &protocol) {
  return PairExplorer(protocol).run();
}
