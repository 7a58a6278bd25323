// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Which loop it is, and what it holds.

#include "tools/sass/MainLoop.h"
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
  figures.stallCycles += in.stallCycles();
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
  return std::optional<LoopFigures>(figures);
}
