// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which loop it is, and what it holds.

#include "tools/sass/MainLoop.h"
#include <cstdint>
#include <map>

using namespace nybl;
using namespace nybl::sass;

static bool isMove(const Instruction &in) {
  for (const char *base :
       {"MOV", "UMOV", "CS2R", "R2UR", "UR2R", "S2R", "S2UR"})
    if (in.base() == base)
      return true;
  return false;
}

static void add(LoopFigures &figures, const Instruction &in) {
  ++figures.instructions;
  figures.multiplies += isSassMultiply(in);
  figures.nops += in.base() == "NOP";
  figures.moves += isMove(in);
  figures.local += in.base() == "LDL" || in.base() == "STL";
}

using Counts = std::map<const Loop *, size_t>; ///< of multiplies, by loop

static bool isInnermost(const Loop *loop, const Counts &multiplies) {
  for (auto &[other, count] : multiplies)
    if (other != loop && loop->holds[other->head])
      return false;
  return true;
}

/// Of the loops without another one that multiplies inside, the one with the
/// most; the first of equals.
static const Loop *busiest(const Counts &multiplies) {
  const Loop *best = nullptr;
  size_t most = 0;
  for (auto &[loop, count] : multiplies) {
    if (!isInnermost(loop, multiplies))
      continue;
    if (count > most || (count == most && loop->head < best->head)) {
      best = loop;
      most = count;
    }
  }
  return best;
}

Expected<LoopBody> nybl::sass::mainLoopBody(const Code &code) {
  auto flow = sassFlow(code);
  if (!flow)
    return flow.status();
  Counts multiplies;
  for (size_t i = 0; i < code.instructions.size(); ++i)
    if (flow->isReachable(i) && isSassMultiply(code.instructions[i]))
      if (const Loop *loop = flow->innermost(i))
        ++multiplies[loop];
  const Loop *main = busiest(multiplies);
  if (!main)
    return LoopBody();
  LoopBody body{main->head, {}};
  for (size_t i = 0; i < code.instructions.size(); ++i)
    if (flow->isReachable(i) && flow->innermost(i) == main)
      body.places.push_back(i);
  return body;
}

/// Of all ways through the body that pass the most multiplies, from the head
/// back to it, the one with the least sum of stall counts. What is no part of
/// the body counts nothing. A multiply takes off more than all stalls together,
/// so no cycle but the loop itself does.
static Expected<size_t> leastStalls(const Code &code, const Flow &flow,
                                    const LoopBody &body) {
  constexpr int64_t multiply = int64_t(1) << 32, far = INT64_MAX;
  const Loop &loop = *flow.innermost(body.head);
  std::vector<int64_t> own(code.instructions.size()), to(own.size(), far);
  for (size_t i : body.places)
    own[i] = int64_t(code.instructions[i].stallCycles()) -
             multiply * isSassMultiply(code.instructions[i]);
  to[body.head] = 0;
  int64_t back = far;
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = 0; i < own.size(); ++i) {
      if (!loop.holds[i] || to[i] == far)
        continue;
      for (size_t next : flow.successors(i)) {
        int64_t &known = next == body.head ? back : to[next];
        if (!loop.holds[next] || to[i] + own[i] >= known)
          continue;
        known = to[i] + own[i];
        changed = true;
      }
    }
  }
  if (back == far)
    return Status::refused("the main loop: expected a way back to its head");
  return static_cast<size_t>(back % multiply + multiply) % multiply;
}

Expected<std::optional<LoopFigures>> nybl::sass::mainLoop(const Code &code) {
  auto body = mainLoopBody(code);
  if (!body)
    return body.status();
  if (body->places.empty())
    return std::optional<LoopFigures>();
  LoopFigures figures;
  figures.address = code.instructions[body->head].place;
  for (size_t i : body->places)
    add(figures, code.instructions[i]);
  auto flow = sassFlow(code);
  if (!flow)
    return flow.status();
  Expected<size_t> stalls = leastStalls(code, *flow, *body);
  if (!stalls)
    return stalls.status();
  figures.stallCycles = *stalls;
  return std::optional<LoopFigures>(figures);
}
