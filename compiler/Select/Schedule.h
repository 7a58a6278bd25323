// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The schedule: how a template is laid out over a CTA. Chosen by Select or
// forced by the user; one text form for command line, manifest and key.
#ifndef NYBL_COMPILER_SELECT_SCHEDULE_H
#define NYBL_COMPILER_SELECT_SCHEDULE_H

#include "dialects/Chips/Chips.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Abi/Status.h"
#include <array>
#include <string>
#include <string_view>

namespace nybl::compiler {

/// Warps of the producer of a schedule with roles: a warpgroup, since that is
/// what gives registers away (PTX ISA, setmaxnreg).
inline constexpr int64_t producerWarps = 4;

struct Schedule {
  /// "plain"; "multistage": all warps copy and multiply; "cooperative": some
  /// copy while the others multiply one tile; "pingpong": two groups of warps
  /// multiply a tile each, by turns, so that one stores while the other
  /// multiplies; "tmem": the same with accumulators in tensor memory, on chips
  /// that have it and on no others.
  std::string kind = "plain";
  std::array<int64_t, 3> tile{128, 128, 128}; ///< CTA tile m, n, k in elements
  std::array<int64_t, 2> warps{2, 4}; ///< that multiply a tile, along m and n
  int64_t stages = 1; ///< K steps in shared memory; 2 to 8, of plain 1

  bool byTma = false;       ///< data is copied by TMA; where there are roles
  bool storesByTma = false; ///< D leaves by TMA; where there are roles
  bool swapped = false;     ///< columns of D are the rows of multiplies
  int64_t split = 1;        ///< CTAs that share the K steps of a tile
  int64_t group = 1; ///< rows of tiles that are walked over together, column
                     ///< by column
  int64_t ctas = 1;  ///< that multiply a tile together: 2 in tensor memory
  /// The grid has a CTA for each tile, and whoever runs takes over those of
  /// CTAs that have not begun, by cluster launch control; where there are
  /// roles. Else tiles are shared out by the CTA's index.
  bool takesOver = false;

  bool inTensorMemory() const { return kind == "tmem"; }
  bool hasRoles() const {
    return kind == "cooperative" || kind == "pingpong" || inTensorMemory();
  }
  /// Rows and columns of the multiplies of a tile.
  int64_t multiplyRows() const { return tile[swapped ? 1 : 0]; }
  int64_t multiplyColumns() const { return tile[swapped ? 0 : 1]; }
  /// In a stage scale factors lie for a multiple of so many rows: tcgen05.cp
  /// copies those of 128.
  int64_t scaleRows() const { return inTensorMemory() ? 128 : 1; }
  /// Rows of multiplies that one CTA has: half of them where two share them.
  int64_t rowsOfCta() const { return multiplyRows() / ctas; }
  /// Groups of warps that multiply a tile each: in tensor memory, as many as
  /// have accumulators there.
  int64_t consumers() const;
  int64_t threads() const {
    return 32 * (consumers() * warps[0] * warps[1] +
                 (hasRoles() ? producerWarps : 0));
  }
  friend bool operator==(const Schedule &, const Schedule &) = default;
};

/// "kind=plain tile=128x128x128 warps=2x4"; parseSchedule(print(s)) == s. What
/// is not the default follows: " stages=3 fill=tma store=tma swap=ab split=2
/// group=8 ctas=2 scheduler=clc".
std::string print(const Schedule &schedule);

/// Keys in any order; one left out keeps its default (two stages where
/// there is a ring). The error names the word.
Expected<Schedule> parseSchedule(std::string_view text);

/// What a warp stores of D by TMA at a time: some of its rows, in boxes as wide
/// as the swizzle that keeps its writes free of bank conflicts.
struct OutputBoxes {
  int64_t rows, bytes; ///< of one box
  int64_t count;       ///< beside each other, as wide as the warp's tile
  int64_t atOnce;      ///< of these, that there is room for
};
OutputBoxes outputBoxes(const Schedule &schedule, int64_t elementBytes);

/// Shared memory that a CTA declares; of D, where it leaves by TMA, elements
/// have so many bytes.
int64_t sharedBytes(const Schedule &schedule, int64_t elementBytes = 2);

/// What the multiply's shape and the chip's limits ask of a schedule.
Status validate(const Schedule &schedule, const Chip &chip);
/// The same, and what the problem asks of it: TMA copies and stores rows of
/// whole 16 bytes; a split divides the K steps.
Status validate(const Schedule &schedule, const Chip &chip,
                const GemmProblem &problem);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_SCHEDULE_H
