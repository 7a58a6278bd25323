// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A state is how far each CTA is with which of its parts, whether what it wrote
// is to be seen yet, and what the tiles' counters and sums hold: of a sum, how
// many parts are in it. States are reached from the first, breadth first.

#include "compiler/Legality/SplitModel.h"
#include <set>
#include <vector>

using namespace nybl::compiler;

namespace {

class SplitExplorer {
public:
  explicit SplitExplorer(const SplitProtocol &protocol) : protocol(protocol) {}

  std::optional<std::string> run();

private:
  static constexpr int64_t tiles = 2;
  /// What a CTA does next with its part.
  enum Step : uint8_t { Wait, Read, Write, Release };
  struct Cta {
    uint8_t done = 0; ///< parts that it has behind it
    Step next = Wait;
    int16_t unseen = -1; ///< the part whose sum nobody else can read yet
    friend auto operator<=>(const Cta &, const Cta &) = default;
  };
  struct State {
    std::vector<Cta> ctas;
    std::vector<uint8_t> counters, sums; ///< of the tiles
    friend auto operator<=>(const State &, const State &) = default;
  };

  int64_t taskOf(const State &state, int64_t cta) const {
    return state.ctas[cta].done * protocol.ctas + cta;
  }
  bool isOver(const State &state, int64_t cta) const {
    return taskOf(state, cta) >= tiles * protocol.parts;
  }
  bool isLast(int64_t part) const { return part == protocol.parts - 1; }
  bool hasPlace(const State &state, int64_t cta) const;
  /// Null where the CTA cannot go on.
  std::optional<State> step(State state, int64_t cta);
  void show(State &state, int64_t cta) const;
  std::optional<std::string> atEnd(const State &state) const;
  void reach(State state);

  SplitProtocol protocol;
  std::optional<std::string> wrong;
  std::set<State> seen;
  std::vector<State> pending;
};

bool SplitExplorer::hasPlace(const State &state, int64_t cta) const {
  int64_t before = 0;
  for (int64_t other = 0; other < cta; ++other)
    before += !isOver(state, other);
  return before < protocol.resident;
}

/// What was written last becomes what others read.
void SplitExplorer::show(State &state, int64_t cta) const {
  int64_t task = state.ctas[cta].unseen, part = task % protocol.parts;
  if (task < 0)
    return;
  bool clears = isLast(part) && protocol.clearsSum;
  state.sums[task / protocol.parts] = clears ? 0 : part + 1;
  state.ctas[cta].unseen = -1;
}

std::optional<SplitExplorer::State> SplitExplorer::step(State state,
                                                        int64_t cta) {
  Cta &own = state.ctas[cta];
  int64_t task = taskOf(state, cta), part = task % protocol.parts;
  uint8_t &counter = state.counters[task / protocol.parts];
  Step first = protocol.acquires ? Wait : Read;
  switch (own.next) {
  case Wait:
    if (protocol.waits && counter != part)
      return std::nullopt;
    own.next = first == Wait ? Read : Write;
    break;
  case Read:
    if (int64_t sum = state.sums[task / protocol.parts]; sum != part && !wrong)
      wrong = "part " + std::to_string(part) + " adds to the sum of " +
              std::to_string(sum) + " parts";
    own.next = first == Wait ? Write : Wait;
    break;
  case Write:
    show(state, cta); // one write is seen after the other
    own.unseen = static_cast<int16_t>(task);
    own.next = Release;
    break;
  case Release:
    if (protocol.releases && own.unseen >= 0)
      return std::nullopt;
    counter = isLast(part) && protocol.resetsCounter ? 0 : part + 1;
    ++own.done;
    own.next = first;
    break;
  }
  return state;
}

std::optional<std::string> SplitExplorer::atEnd(const State &state) const {
  for (int64_t cta = 0; cta < protocol.ctas; ++cta)
    if (!isOver(state, cta))
      return "part " + std::to_string(taskOf(state, cta) % protocol.parts) +
             " of a tile waits for ever";
  for (int64_t tile = 0; tile < tiles; ++tile)
    if (state.counters[tile] != 0 || state.sums[tile] != 0)
      return "the workspace of a tile is not left as it was found";
  return std::nullopt;
}

void SplitExplorer::reach(State state) {
  if (seen.insert(state).second)
    pending.push_back(std::move(state));
}

std::optional<std::string> SplitExplorer::run() {
  State start{std::vector<Cta>(protocol.ctas), std::vector<uint8_t>(tiles),
              std::vector<uint8_t>(tiles)};
  for (Cta &cta : start.ctas)
    cta.next = protocol.acquires ? Wait : Read;
  reach(start);
  for (size_t at = 0; at < pending.size() && !wrong; ++at) {
    State state = pending[at];
    bool moved = false;
    for (int64_t cta = 0; cta < protocol.ctas; ++cta) {
      std::optional<State> next;
      if (!isOver(state, cta) && hasPlace(state, cta))
        next = step(state, cta);
      if (next)
        reach(std::move(*next));
      moved |= next.has_value() || state.ctas[cta].unseen >= 0;
      State shown = state;
      show(shown, cta);
      reach(std::move(shown));
    }
    if (!moved && !wrong)
      wrong = atEnd(state);
  }
  return wrong;
}

} // namespace

std::optional<std::string>
nybl::compiler::exploreSplit(const SplitProtocol &protocol) {
  return SplitExplorer(protocol).run();
}
