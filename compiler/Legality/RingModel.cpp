// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A state is how far each of four warps is: 2 i before it has a claim on
// iteration i, 2 i + 1 while it has. States are reached from the first, breadth
// first. Where one thread reads by what it asks for, that is the last of the
// four: it has a claim once it is asked for.

#include "compiler/Legality/RingModel.h"
#include "llvm/ADT/DenseSet.h"
#include <algorithm>
#include <array>
#include <vector>

using namespace nybl::compiler;

namespace {

class RingExplorer {
public:
  explicit RingExplorer(const RingProtocol &protocol)
      : protocol(protocol), stages(protocol.stages) {}

  std::optional<std::string> run();

private:
  /// Writers 0 and 1, readers 2 and 3; of these one asks and one is asked for.
  using State = std::array<int64_t, 4>;
  static constexpr unsigned warps = 4, asker = 2, asked = 3;
  static bool isWriter(unsigned warp) { return warp < 2; }

  int64_t phases(const State &state, bool full, int64_t slot) const;
  bool mayMove(const State &state, unsigned warp) const;
  std::optional<std::string> wrongClaim(const State &state,
                                        unsigned warp) const;
  /// One number for states that are the same but for which warp is which.
  uint64_t pack(State state) const {
    if (state[0] < state[1])
      std::swap(state[0], state[1]);
    if (state[2] < state[3] && !protocol.isAsked)
      std::swap(state[2], state[3]);
    return uint64_t(state[0]) << 48 | uint64_t(state[1]) << 32 |
           uint64_t(state[2]) << 16 | uint64_t(state[3]);
  }

  RingProtocol protocol;
  int64_t stages;
};

/// Phases that a slot's barrier has completed: a warp has arrived once for each
/// of the slot's iterations that is behind it.
int64_t RingExplorer::phases(const State &state, bool full,
                             int64_t slot) const {
  if (!full && protocol.isAsked) {
    int64_t done = state[protocol.releasesEarly ? asker : asked] / 2;
    return (done - slot + stages - 1) / stages / protocol.releasers;
  }
  std::array<int64_t, 2> arrived;
  for (unsigned i = 0; i < 2; ++i) {
    int64_t done = state[full ? i : 2 + i] / 2; // iterations
    arrived[i] = (done - slot + stages - 1) / stages;
  }
  int64_t sum = arrived[0] + arrived[1];
  int64_t needed = full ? protocol.publishers : protocol.releasers;
  // A warp cannot arrive twice in a phase that needs both: it waits in between.
  return needed == 2 ? std::min(arrived[0], arrived[1]) : sum / needed;
}

/// A wait passes once the phase of its parity is over (PTX ISA,
/// mbarrier.test_wait): the barrier is in a phase of the other parity.
bool RingExplorer::mayMove(const State &state, unsigned warp) const {
  if (state[warp] % 2 == 1)
    return true; // publish and release wait for nobody
  if (protocol.isAsked && warp == asked)
    return state[asked] < state[asker] / 2 * 2;
  int64_t iteration = state[warp] / 2;
  int64_t slot = iteration % stages, round = iteration / stages;
  int64_t shift =
      isWriter(warp) ? protocol.writerParity : protocol.readerParity;
  return phases(state, !isWriter(warp), slot) % 2 != (round + shift) % 2;
}

/// `warp` has just got its claim.
std::optional<std::string> RingExplorer::wrongClaim(const State &state,
                                                    unsigned warp) const {
  int64_t iteration = state[warp] / 2;
  std::string named = "iteration " + std::to_string(iteration);
  for (unsigned other = 0; other < warps; ++other) {
    if (isWriter(other) == isWriter(warp))
      continue;
    int64_t behind = state[other] / 2; // it is done with those before
    if (isWriter(warp) && behind <= iteration - stages)
      return named + " is acquired before the slot's iteration before is "
                     "released by all";
    if (!isWriter(warp) && behind <= iteration)
      return named + " is read before it is published by all";
  }
  return std::nullopt;
}

std::optional<std::string> RingExplorer::run() {
  // Slots and parities repeat after two rounds; two more show what follows.
  const int64_t last = 2 * (4 * stages + 2);
  llvm::DenseSet<uint64_t> seen{pack({})};
  std::vector<State> pending{{}};
  for (size_t at = 0; at < pending.size(); ++at) {
    State state = pending[at];
    bool moved = false;
    for (unsigned warp = 0; warp < warps; ++warp) {
      if (state[warp] == last || !mayMove(state, warp))
        continue;
      moved = true;
      State next = state;
      ++next[warp];
      if (next[warp] % 2 == 1)
        if (std::optional<std::string> wrong = wrongClaim(next, warp))
          return wrong;
      if (seen.insert(pack(next)).second)
        pending.push_back(next);
    }
    if (!moved && state != State{last, last, last, last})
      return "all warps wait, for iterations " + std::to_string(state[0] / 2) +
             " (to write) and " + std::to_string(state[2] / 2) + " (to read)";
  }
  return std::nullopt;
}

} // namespace

std::optional<std::string>
nybl::compiler::exploreRing(const RingProtocol &protocol) {
  return RingExplorer(protocol).run();
}
