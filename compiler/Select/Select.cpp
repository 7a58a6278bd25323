// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One operation, one template, and a short list of schedules.

#include "compiler/Select/Select.h"
#include <algorithm>
#include <fmt/format.h>
#include <iterator>
#include <span>

using namespace nybl;
using namespace nybl::compiler;

/// The whole space has thousands of schedules, and the estimate cannot tell the
/// best of them apart (docs/design.md). These are few, so that what is chosen
/// can be foreseen; each is here for a reason. All have roles; what is not for
/// a problem is left out, and ties go to the first.
static constexpr const char *shortlist[] = {
    // Many rows: two tiles by turns, one is stored while the other is
    // multiplied.
    "kind=pingpong tile=128x128x128 warps=2x2 stages=4 fill=tma",
    // Fewer registers; in groups of rows of tiles where L2 holds no operand
    // whole (with two tiles by turns ptxas spills some there).
    "kind=cooperative tile=128x128x128 warps=2x4 stages=4 fill=tma",
    "kind=cooperative tile=128x128x128 warps=2x4 stages=4 fill=tma group=8",
    // Warps of 64 x 64 read least of shared memory for a multiply.
    "kind=cooperative tile=128x256x128 warps=2x4 stages=3 fill=tma",
    "kind=cooperative tile=256x128x128 warps=4x2 stages=3 fill=tma",
    // Too few tiles of that size for the card: half, and a quarter.
    "kind=cooperative tile=128x64x128 warps=4x1 stages=3 fill=tma",
    "kind=cooperative tile=64x64x256 warps=2x2 stages=4 fill=tma",
    // Few rows: the weights stream past, with as much in flight as fits. Wide
    // steps of K; rows of D are columns of multiplies, so that D leaves in
    // fuller sectors.
    "kind=cooperative tile=64x128x256 warps=1x4 stages=3 fill=tma swap=ab",
    "kind=cooperative tile=32x128x256 warps=1x4 stages=4 fill=tma swap=ab",
    "kind=cooperative tile=32x32x256 warps=2x2 stages=6 fill=tma swap=ab",
    "kind=cooperative tile=32x64x256 warps=1x4 stages=6 fill=tma swap=ab",
    "kind=cooperative tile=16x128x256 warps=1x4 stages=4 fill=tma swap=ab",
    "kind=cooperative tile=16x64x256 warps=1x4 stages=6 fill=tma swap=ab",
    // By cp.async, where rows are not whole 16 bytes. No thread has more than
    // 64 accumulators: the producer needs its registers.
    "kind=cooperative tile=128x128x128 warps=2x4 stages=4",
    "kind=cooperative tile=64x64x128 warps=2x2 stages=4",
    "kind=cooperative tile=32x64x256 warps=1x4 stages=6 swap=ab",
    "kind=cooperative tile=16x64x256 warps=1x4 stages=6 swap=ab",
};

/// Two stages, data by cp.async: a template may load twice the built-in one's
/// tiles, from operands on 8 bytes.
static constexpr const char *ownTemplateSchedule =
    "kind=cooperative tile=128x128x128 warps=2x4 stages=2";
static constexpr const char *ownTemplateReason =
    "what a template of your own gets unless it is named one";

/// With tensor memory. What is the same to the multiplies goes to the first.
/// Where D may leave by TMA it does: a thread has a row, and element by element
/// a warp's store would touch 32 sectors for two bytes of each.
static constexpr const char *tensorShortlist[] = {
    // Two tiles by turns.
    "kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma store=tma",
    "kind=tmem tile=128x128x256 warps=4x1 stages=4 fill=tma",
    // Many rows and columns: shared memory binds both, and for so many elements
    // of D it has 3/4 of the passes here, reading for 75 % of the multiplies'
    // time and not for all of it. Nothing is multiplied while a tile is stored,
    // for columns are left for one; the passes of that are the same in both.
    "kind=tmem tile=128x256x128 warps=4x1 stages=5 fill=tma store=tma",
    // Few columns, or few rows: those of D are then columns of multiplies.
    "kind=tmem tile=128x64x256 warps=4x1 stages=6 fill=tma store=tma",
    "kind=tmem tile=128x64x256 warps=4x1 stages=6 fill=tma",
    "kind=tmem tile=128x32x256 warps=4x1 stages=6 fill=tma store=tma",
    "kind=tmem tile=128x32x256 warps=4x1 stages=6 fill=tma",
    "kind=tmem tile=128x16x256 warps=4x1 stages=6 fill=tma store=tma",
    "kind=tmem tile=128x16x256 warps=4x1 stages=6 fill=tma",
    "kind=tmem tile=64x128x256 warps=1x4 stages=6 fill=tma swap=ab",
    "kind=tmem tile=32x128x256 warps=1x4 stages=6 fill=tma swap=ab",
    "kind=tmem tile=16x128x256 warps=1x4 stages=6 fill=tma swap=ab",
};

/// What fits every problem that one of them fits, and a template of one's own.
static constexpr const char *plainTensorSchedule = tensorShortlist[1];

/// Of any N and K: by cp.async, which takes rows of any K.
static constexpr const char *genericSchedule =
    "kind=cooperative tile=128x128x128 warps=2x4 stages=4";

static constexpr int64_t manyRows = 8192;

int64_t nybl::compiler::rowsToChooseFor(const GemmProblem &problemClass) {
  return std::clamp<int64_t>(problemClass.m.high, 1, manyRows);
}

/// Of the chips that can do something, in the order of their table.
static std::string namesOf(bool (*can)(const Chip &)) {
  std::string names;
  for (const Chip &chip : chips())
    if (can(chip))
      names += (names.empty() ? "" : ", ") + std::string(chip.name);
  return names;
}

static std::vector<Schedule> validOf(std::span<const char *const> list,
                                     const GemmProblem &problem,
                                     const Chip &chip) {
  std::vector<Schedule> valid;
  for (const char *text : list)
    if (Schedule schedule = *parseSchedule(text);
        validate(schedule, chip, problem))
      valid.push_back(schedule);
  return valid;
}

/// Those of the list that the problem and the chip allow; data comes by TMA
/// wherever it can.
static std::vector<Schedule> allowed(const GemmProblem &problem,
                                     const Chip &chip) {
  std::vector<Schedule> all = validOf(shortlist, problem, chip), byTma;
  std::ranges::copy_if(all, std::back_inserter(byTma), &Schedule::byTma);
  return byTma.empty() ? all : byTma;
}

/// Cycles, at the least, of the multiplies of all tiles for 64 of K. 128 x N x
/// 64 take N / 2 (16,384 products a cycle: at 1.85 GHz, 148 multiprocessors are
/// so at the 9 PFLOP/s of a B200), and 32 bytes of each of their rows come from
/// shared memory at 128 bytes a cycle: those that a CTA has, where two share a
/// tile.
static int64_t tensorCycles(const Schedule &s, const GemmProblem &problem) {
  auto tiles = [](int64_t size, int64_t tile) {
    return (size + tile - 1) / tile;
  };
  int64_t rows = s.rowsOfCta(), columns = s.multiplyColumns();
  return s.ctas * tiles(rowsToChooseFor(problem), s.tile[0]) *
         tiles(problem.n, s.tile[1]) *
         std::max(columns / 2, (rows + columns / s.ctas) / 4);
}

static std::string reason(const GemmProblem &problem, int64_t rows,
                          size_t choices, const Card &card) {
  std::string chosenFor =
      problem.m.high > rows
          ? fmt::format("M = {}, since one kernel of any M matters most where "
                        "M is large",
                        rows)
          : fmt::format("M = {}, the most rows of its class", rows);
  return fmt::format("the best of {} by the estimate on {}, for {}", choices,
                     card.name, chosenFor);
}

static Selection chooseWithoutRates(const GemmProblem &problem,
                                    const Chip &chip,
                                    const std::vector<Schedule> &choices) {
  if (!chip.tcgen05)
    return {gemmTemplate(),
            choices.front(),
            "the first of the list: the chip's rates are not known",
            {}};
  Schedule best = *std::ranges::min_element(
      choices, {}, [&](const Schedule &s) { return tensorCycles(s, problem); });
  return {gemmTemplate(),
          best,
          fmt::format("of {} the one with the fewest cycles of multiplies and "
                      "of what they read, for M = {}",
                      choices.size(), rowsToChooseFor(problem)),
          {}};
}

/// Nothing is estimated of sizes that nobody knows.
static Selection chooseGeneric(const Schedule &schedule) {
  return {gemmTemplate(),
          schedule,
          "what serves any N and K; no other is tried",
          {}};
}

static Expected<Selection> choose(const GemmProblem &problem, const Chip &chip,
                                  const std::vector<Schedule> &choices) {
  Expected<const Card *> card = findCard("", chip);
  if (!card || chip.fp4MacsPerCycle == 0)
    return chooseWithoutRates(problem, chip, choices);
  int64_t rows = rowsToChooseFor(problem);
  auto ranked = rank(choices, problem, rows, chip, **card);
  if (!ranked)
    return ranked.status();
  std::string why = reason(problem, rows, choices.size(), **card);
  Schedule best = ranked->front().schedule;
  return Selection{gemmTemplate(), best, why, std::move(*ranked)};
}

static Expected<Selection> selectTensor(const GemmProblem &problemClass,
                                        const Chip &chip,
                                        std::string_view givenTemplate) {
  if (int64_t k = problemClass.k; !problemClass.isGeneric() && k % 32 != 0)
    return Status::refused(fmt::format(
        "expected k to be a multiple of 32 on {}, where data reach tensor "
        "memory's multiplies by TMA alone, in rows of whole 16 bytes, got k={} "
        "in '{}': give a and b columns of zeros up to {} with scale factors of "
        "0, and say k={}",
        chip.name, k, print(problemClass), k + 16, k + 16));
  Schedule plain = *parseSchedule(plainTensorSchedule);
  if (Status status = validate(plain, chip, problemClass); !status)
    return Status::refused(fmt::format("no schedule of {} fits '{}' yet: {}",
                                       chip.name, print(problemClass),
                                       status.message()));
  if (!givenTemplate.empty() && givenTemplate != gemmTemplate())
    return Selection{givenTemplate, plain, ownTemplateReason, {}};
  if (problemClass.isGeneric())
    return chooseGeneric(plain);
  return choose(problemClass, chip,
                validOf(tensorShortlist, problemClass, chip));
}

Expected<Selection> nybl::compiler::select(const GemmProblem &problemClass,
                                           const Chip &chip,
                                           std::string_view givenTemplate) {
  if (chip.tcgen05)
    return selectTensor(problemClass, chip, givenTemplate);
  if (!chip.blockScaledMma)
    return Status::refused(fmt::format(
        "{} has no block-scaled mma.sync and no tensor memory, of "
        "which '{}' needs one; chips that have one: {}",
        chip.name, print(problemClass),
        namesOf([](const Chip &c) { return c.blockScaledMma || c.tcgen05; })));
  if (!givenTemplate.empty() && givenTemplate != gemmTemplate())
    return Selection{givenTemplate,
                     *parseSchedule(ownTemplateSchedule),
                     ownTemplateReason,
                     {}};
  if (problemClass.isGeneric())
    return chooseGeneric(*parseSchedule(genericSchedule));
  std::vector<Schedule> choices = allowed(problemClass, chip);
  if (choices.empty())
    return Selection{gemmTemplate(),
                     Schedule(),
                     "no schedule with roles is allowed here",
                     {}};
  return choose(problemClass, chip, choices);
}

/// To e2m1 and from it.
static Status requireConversions(const AnyProblem &problemClass,
                                 const Chip &chip) {
  if (chip.cvtE2m1)
    return Status::ok();
  return Status::refused(
      fmt::format("{} has no conversions of e2m1, which are needed for '{}'; "
                  "chips that have them: {}",
                  chip.name, print(problemClass),
                  namesOf([](const Chip &c) { return c.cvtE2m1; })));
}

/// One block a thread; whole tiles of the layout where padding rows are
/// cleared, since padding lies in the tiles of real rows then.
Expected<Selection> nybl::compiler::select(const QuantizeProblem &problemClass,
                                           const Chip &chip,
                                           std::string_view givenTemplate) {
  if (Status status = requireConversions(problemClass, chip); !status)
    return status;
  Schedule schedule;
  bool tall = problemClass.padRows && problemClass.sf == ScaleLayout::T128x4;
  schedule.tile = tall ? std::array<int64_t, 3>{128, 64, kBlock}
                       : std::array<int64_t, 3>{8, 512, kBlock};
  schedule.warps = {1, 8};
  return Selection{givenTemplate.empty() ? quantizeTemplate(problemClass.fuse)
                                         : givenTemplate,
                   schedule,
                   tall ? "whole tiles of the layout, whose padding rows are "
                          "cleared, the one choice there is"
                        : "one block a thread, the one choice there is",
                   {}};
}

/// The same, one block a thread.
Expected<Selection>
nybl::compiler::select(const DequantizeProblem &problemClass, const Chip &chip,
                       std::string_view givenTemplate) {
  if (Status status = requireConversions(problemClass, chip); !status)
    return status;
  Schedule schedule;
  schedule.tile = {8, 512, kBlock};
  schedule.warps = {1, 8};
  return Selection{givenTemplate.empty() ? dequantizeTemplate() : givenTemplate,
                   schedule,
                   "one block a thread, the one choice there is",
                   {}};
}

Expected<Selection> nybl::compiler::select(const AnyProblem &problemClass,
                                           const Chip &chip,
                                           std::string_view givenTemplate) {
  return std::visit(
      [&](const auto &problem) { return select(problem, chip, givenTemplate); },
      problemClass);
}

static Status refuse(const Schedule &s, std::string why) {
  return Status::invalid(fmt::format("schedule '{}': {}", print(s), why));
}

/// Whether threads can do whole blocks.
static Status validateBlocks(const Schedule &s) {
  Schedule same;
  same.tile = s.tile;
  same.warps = s.warps;
  if (!(print(s) == print(same)))
    return refuse(s, "expected kind, tile and warps alone for a quantisation, "
                     "with kind=plain");
  if (s.threads() > 1024)
    return refuse(
        s, fmt::format("expected at most 1024 threads, got {}", s.threads()));
  if (s.tile[1] % (4 * kBlock) != 0)
    return refuse(s, fmt::format("expected tiles of a multiple of 64 columns, "
                                 "got {}",
                                 s.tile[1]));
  return Status::ok();
}

Status nybl::compiler::validate(const Schedule &s, const Chip &,
                                const DequantizeProblem &) {
  return validateBlocks(s);
}

Status nybl::compiler::validate(const Schedule &s, const Chip &,
                                const QuantizeProblem &problem) {
  if (Status status = validateBlocks(s); !status)
    return status;
  int64_t rows = problem.padRows ? tileBox(problem.sf).rows : 1;
  if (s.tile[0] % rows != 0)
    return refuse(s,
                  fmt::format("expected tiles of whole {} rows, the layout's, "
                              "where padding rows are cleared, got {}",
                              rows, s.tile[0]));
  return Status::ok();
}
