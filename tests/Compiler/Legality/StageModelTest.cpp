// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The model of stages and rings against a second one that knows none of its
// rules: it plays all interleavings of two threads, with copies that land at
// any time, on slots that hold a phase, and looks at what is read.

#include "compiler/Legality/StageModel.h"

#include <gtest/gtest.h>
#include <map>
#include <set>

using namespace nybl::compiler;
using Kind = StageEvent::Kind;

namespace {

//===----------------------------------------------------------------------===//
// Programs
//===----------------------------------------------------------------------===//

constexpr unsigned stage = 0, ring = 1;

struct Shape {
  int64_t stages, steps, tiles = 2;
};

StageEvent event(Kind kind, const Shape &shape, int64_t tile,
                 int64_t iteration) {
  StageEvent e{kind, kind <= Kind::Read ? stage : ring};
  if (kind <= Kind::Read)
    e.ring = ring;
  e.slot = iteration % shape.stages;
  e.phase = (tile + 1) * 1000 + iteration;
  e.pending = kind == Kind::Wait ? shape.stages - 2 : 0;
  return e;
}

/// What the multistage schedule does.
std::vector<StageEvent> multistage(const Shape &shape) {
  std::vector<StageEvent> events;
  for (int64_t tile = 0; tile < shape.tiles; ++tile) {
    auto add = [&](Kind kind, int64_t i) {
      events.push_back(event(kind, shape, tile, i));
    };
    auto fill = [&](int64_t i) {
      add(Kind::Acquire, i);
      if (i < shape.steps)
        add(Kind::Copy, i);
      add(Kind::Publish, i);
    };
    for (int64_t i = 0; i < shape.stages - 1; ++i)
      fill(i);
    for (int64_t i = 0; i < shape.steps; ++i) {
      add(Kind::Wait, i);
      fill(i + shape.stages - 1);
      add(Kind::Read, i);
      add(Kind::Release, i);
    }
    events.push_back({Kind::Barrier});
  }
  return events;
}

/// What the plain schedule does.
std::vector<StageEvent> plain(int64_t steps) {
  std::vector<StageEvent> events;
  for (int64_t i = 0; i < steps; ++i) {
    StageEvent write{Kind::Write, stage}, read{Kind::Read, stage};
    write.phase = read.phase = i;
    events.insert(events.end(),
                  {write, {Kind::Barrier}, read, {Kind::Barrier}});
  }
  return events;
}

//===----------------------------------------------------------------------===//
// The second model
//===----------------------------------------------------------------------===//

/// Each thread writes its half of a slot and reads both. What it may not do is
/// read a half that holds, or may yet become, another phase's.
class Player {
public:
  explicit Player(const std::vector<StageEvent> &events) : events(events) {}

  bool goesWrong() {
    explore({});
    return wrong;
  }

private:
  struct State {
    size_t at[2] = {0, 0};
    /// By slot and half: the phase, and copies on their way there.
    std::map<std::pair<int64_t, int>, int64_t> holds;
    std::multiset<std::tuple<int, int64_t, int64_t, int64_t>> copies;
    int64_t groups[2] = {0, 0};
    auto key() const {
      return std::tuple(at[0], at[1], holds, copies, groups[0], groups[1]);
    }
    friend bool operator<(const State &a, const State &b) {
      return a.key() < b.key();
    }
  };

  void explore(State state) {
    if (wrong || !seen.insert(state).second)
      return;
    // Any copy may land now.
    for (const auto &copy : state.copies) {
      State next = state;
      auto [thread, slot, phase, group] = copy;
      next.holds[{slot, thread}] = phase;
      next.copies.erase(next.copies.find(copy));
      explore(next);
    }
    for (int thread : {0, 1})
      step(state, thread);
  }

  void step(State state, int thread) {
    size_t at = state.at[thread];
    if (at == events.size())
      return;
    const StageEvent &e = events[at];
    bool meets = e.kind == Kind::Barrier || e.kind == Kind::Wait;
    if (e.kind == Kind::Wait) // its own copies first
      for (auto [owner, slot, phase, group] : state.copies)
        if (owner == thread && group < state.groups[thread] - e.pending)
          return;
    if (meets && !hasArrived(state, 1 - thread, at))
      return;
    if (e.kind == Kind::Write)
      state.holds[{e.slot, thread}] = e.phase;
    if (e.kind == Kind::Copy)
      state.copies.insert({thread, e.slot, e.phase, state.groups[thread]});
    if (e.kind == Kind::Publish)
      ++state.groups[thread];
    if (e.kind == Kind::Read)
      look(state, e);
    ++state.at[thread];
    explore(state);
  }

  /// The other thread has come to the event, and its own copies are over.
  bool hasArrived(const State &state, int other, size_t at) const {
    if (state.at[other] != at)
      return state.at[other] > at;
    const StageEvent &e = events[at];
    for (auto [owner, slot, phase, group] : state.copies)
      if (e.kind == Kind::Wait && owner == other &&
          group < state.groups[other] - e.pending)
        return false;
    return true;
  }

  void look(const State &state, const StageEvent &read) {
    for (int half : {0, 1}) {
      auto found = state.holds.find({read.slot, half});
      wrong |= found == state.holds.end() || found->second != read.phase;
    }
  }

  const std::vector<StageEvent> &events;
  std::set<State> seen;
  bool wrong = false;
};

//===----------------------------------------------------------------------===//
// Tests
//===----------------------------------------------------------------------===//

TEST(StageModel, TheSchedulesAreRight) {
  for (int64_t stages = 2; stages <= 8; ++stages)
    for (int64_t steps = 1; steps <= 2 * stages + 3; ++steps) {
      auto violation = exploreStages(multistage({stages, steps}));
      EXPECT_FALSE(violation)
          << stages << " stages, " << steps << " steps: " << violation->what;
    }
  for (int64_t steps = 1; steps <= 9; ++steps)
    EXPECT_FALSE(exploreStages(plain(steps)));
}

/// All edits of a small program: where something can be read wrongly, the model
/// says so; of the right program, both say nothing.
void expectSound(const std::vector<StageEvent> &right, size_t &wrongOnes) {
  ASSERT_FALSE(exploreStages(right));
  ASSERT_FALSE(Player(right).goesWrong());
  auto check = [&](const std::vector<StageEvent> &edited, const char *how,
                   size_t at) {
    if (!Player(edited).goesWrong())
      return;
    ++wrongOnes;
    EXPECT_TRUE(exploreStages(edited))
        << how << " event " << at << ", kind "
        << edited[std::min(at, edited.size() - 1)].kind;
  };
  for (size_t i = 0; i < right.size(); ++i) {
    auto without = right;
    without.erase(without.begin() + i);
    check(without, "without", i);
    if (i + 1 < right.size()) {
      auto swapped = right;
      std::swap(swapped[i], swapped[i + 1]);
      check(swapped, "swapped", i);
    }
    auto moved = right;
    if (right[i].kind <= Kind::Read) {
      ++moved[i].slot; // a slot that another iteration has
      check(moved, "wrong slot of", i);
      moved = right;
      ++moved[i].phase;
      check(moved, "wrong iteration of", i);
    } else if (right[i].kind == Kind::Wait) {
      ++moved[i].pending;
      check(moved, "one more pending at", i);
    }
  }
}

TEST(StageModel, WhatCanBeReadWronglyIsRefuted) {
  size_t wrongOnes = 0;
  expectSound(plain(3), wrongOnes);
  expectSound(multistage({2, 3, 1}), wrongOnes);
  expectSound(multistage({2, 1, 2}), wrongOnes);
  expectSound(multistage({3, 2, 1}), wrongOnes);
  EXPECT_GE(wrongOnes, 30u);
}

/// Two ops write a stage, one of them too late: each byte has a writer, and
/// half of them are the step's before.
TEST(StageModel, AWriterBehindTheRead) {
  std::vector<StageEvent> events;
  for (int64_t i = 0; i < 3; ++i) {
    StageEvent write{Kind::Write, stage}, read{Kind::Read, stage};
    write.phase = read.phase = i;
    events.insert(events.end(), {write,
                                 {Kind::Barrier},
                                 read,
                                 {Kind::Barrier},
                                 write,
                                 {Kind::Barrier}});
  }
  EXPECT_TRUE(exploreStages(events));
}

/// A ring of one slot fewer than the copies run ahead.
TEST(StageModel, OneStageFewer) {
  for (int64_t stages = 3; stages <= 8; ++stages) {
    std::vector<StageEvent> events = multistage({stages, 2 * stages});
    for (StageEvent &e : events)
      if (e.kind != Kind::Barrier)
        e.slot = e.phase % 1000 % (stages - 1);
    EXPECT_TRUE(exploreStages(events)) << stages;
  }
}

/// Claims are kept even where no order of two threads shows their absence.
TEST(StageModel, ClaimsAreKept) {
  for (Kind kind : {Kind::Acquire, Kind::Publish, Kind::Release}) {
    std::vector<StageEvent> events = multistage({3, 5});
    std::erase_if(events, [&](const StageEvent &e) { return e.kind == kind; });
    EXPECT_TRUE(exploreStages(events)) << kind;
  }
}

} // namespace
