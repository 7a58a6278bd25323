// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which loop it is, and what it holds.

#include "tools/sass/MainLoop.h"
#include <map>
#include <queue>

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

/// Of all ways through the body, from the head back to it, the one with the
/// least sum of stall counts. What is no part of the body counts nothing.
static size_t leastStalls(const Code &code, const Flow &flow,
                          const LoopBody &body) {
  const Loop *loop = flow.innermost(body.head);
  std::vector<bool> counts(code.instructions.size());
  for (size_t place : body.places)
    counts[place] = true;
  using Way = std::pair<size_t, size_t>; // stalls so far, and where to
  std::priority_queue<Way, std::vector<Way>, std::greater<>> ways;
  std::vector<bool> seen(code.instructions.size());
  ways.push({0, body.head});
  while (!ways.empty()) {
    auto [stalls, at] = ways.top();
    ways.pop();
    if (at == body.head && stalls > 0)
      return stalls;
    if (seen[at])
      continue;
    seen[at] = true;
    size_t own = counts[at] ? code.instructions[at].stallCycles() : 0;
    for (size_t next : flow.successors(at))
      if (loop->holds[next])
        ways.push({stalls + own, next});
  }
  return 0;
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
  figures.stallCycles = leastStalls(code, *flow, *body);
  return std::optional<LoopFigures>(figures);
}
