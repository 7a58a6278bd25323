// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A state is how far each warp is: 2 i before it has the turn of its tile i, 2
// i
// + 1 while it has. States are reached from the first, breadth first.

#include "compiler/Legality/TurnModel.h"
#include <set>
#include <vector>

using namespace nybl::compiler;

namespace {

class TurnExplorer {
public:
  explicit TurnExplorer(const TurnProtocol &protocol) : protocol(protocol) {}

  std::optional<std::string> run();

private:
  using State = std::vector<int64_t>; ///< warps 2 g and 2 g + 1 are group g's

  /// Tiles of its own that a warp has passed.
  static int64_t passed(const State &state, size_t warp) {
    return state[warp] / 2;
  }
  int64_t tileOf(const State &state, size_t warp) const {
    return passed(state, warp) * protocol.groups +
           static_cast<int64_t>(warp / 2);
  }
  bool mayTake(const State &state, size_t warp) const;
  std::optional<std::string> wrongTurn(const State &state, size_t warp) const;

  TurnProtocol protocol;
};

/// A wait passes once the phase of its parity is over (PTX ISA,
/// mbarrier.test_wait). Numbers count on from two rounds, so that the tile
/// before the first has one.
bool TurnExplorer::mayTake(const State &state, size_t warp) const {
  int64_t groups = protocol.groups;
  int64_t before = tileOf(state, warp) + 2 * groups - protocol.behind;
  auto group = static_cast<size_t>(before % groups);
  int64_t arrived = passed(state, 2 * group) + passed(state, 2 * group + 1);
  int64_t phases = arrived / protocol.arrivals;
  return phases % 2 != before / groups % 2;
}

/// `warp` has just taken a turn.
std::optional<std::string> TurnExplorer::wrongTurn(const State &state,
                                                   size_t warp) const {
  int64_t tile = tileOf(state, warp);
  for (size_t other = 0; other < state.size(); ++other)
    if (tileOf(state, other) < tile)
      return "the turn of tile " + std::to_string(tile) +
             " is taken before that of tile " +
             std::to_string(tileOf(state, other)) + " is passed by all";
  return std::nullopt;
}

std::optional<std::string> TurnExplorer::run() {
  constexpr int64_t last = 2 * 6; // parities repeat after two tiles of a group
  std::vector<State> pending{State(2 * protocol.groups)};
  std::set<State> seen(pending.begin(), pending.end());
  for (size_t at = 0; at < pending.size(); ++at) {
    State state = pending[at];
    bool moved = false, ended = true;
    for (size_t warp = 0; warp < state.size(); ++warp) {
      if (state[warp] == last)
        continue;
      ended = false;
      bool has = state[warp] % 2 == 1;
      if (!has && !mayTake(state, warp))
        continue;
      moved = true;
      State next = state;
      ++next[warp];
      if (!has)
        if (std::optional<std::string> wrong = wrongTurn(next, warp))
          return wrong;
      if (seen.insert(next).second)
        pending.push_back(next);
    }
    if (!moved && !ended)
      return "all warps wait for their turns, the first for that of tile " +
             std::to_string(tileOf(state, 0));
  }
  return std::nullopt;
}

} // namespace

std::optional<std::string>
nybl::compiler::exploreTurns(const TurnProtocol &protocol) {
  return TurnExplorer(protocol).run();
}
