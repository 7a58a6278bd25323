// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A state is how many iterations each has behind it, of those who make slots
// ready twice as many, and one more while they have one. States are reached
// from the first, breadth first.

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
      : protocol(protocol), stages(protocol.stages),
        last(4 * protocol.stages + 2) {}

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
  bool isReady(const State &s, unsigned owner, int64_t iteration) const {
    return s[owner] / 2 > iteration;
  }
  bool mayMove(const State &s, unsigned who) const;
  std::optional<std::string> wrongMove(const State &s, unsigned who) const;
  State first() const;
  bool isDone(const State &s) const;
  static uint64_t pack(const State &s) {
    uint64_t packed = 0;
    for (int64_t value : s)
      packed = packed << 10 | uint64_t(value);
    return packed;
  }

  PairProtocol protocol;
  int64_t stages, last; ///< last: iterations that are gone through
};

bool PairExplorer::mayMove(const State &s, unsigned who) const {
  switch (who) {
  case Owner0:
  case Owner1: {
    if (s[who] == 2 * last)
      return false;
    int64_t back = s[who == Owner0 ? Back0 : Back1];
    return s[who] % 2 == 1 || passes(back, s[who] / 2, 1);
  }
  case HandsOver:
    return s[who] < last &&
           (!protocol.handsOverReady || passes(s[Owner1] / 2, s[HandsOver], 0));
  case Begins:
    return s[who] < last &&
           (!protocol.waitsForOwn || passes(s[Owner0] / 2, s[Begins], 0)) &&
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
      if (!isReady(s, owner, iteration))
        return "iteration " + std::to_string(iteration) +
               " is multiplied before the CTA of rank " +
               std::to_string(owner) + " has its slot ready";
  }
  if ((who == Owner0 || who == Owner1) && s[who] % 2 == 1) {
    int64_t iteration = s[who] / 2;
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
    s[Owner0] = s[Owner1] = 2 * stages;
  return s;
}

bool PairExplorer::isDone(const State &s) const {
  return s[Owner0] == 2 * last && s[Owner1] == 2 * last;
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
      if (seen.insert(pack(next)).second)
        pending.push_back(next);
    }
    if (!moved && !isDone(state))
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
