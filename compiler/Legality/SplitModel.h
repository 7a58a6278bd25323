// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The parts of tiles that are added up in a workspace as a finite model: a
// counter for each tile, and CTAs that go at their own pace.
#ifndef NYBL_COMPILER_LEGALITY_SPLITMODEL_H
#define NYBL_COMPILER_LEGALITY_SPLITMODEL_H

#include <cstdint>
#include <optional>
#include <string>

namespace nybl::compiler {

/// What CtaSplitToSM120 makes of cta.sum_parts, and what a test may get wrong
/// in it. Part p waits until the counter is p, reads the sum, writes it with
/// its own added, and sets the counter to p + 1; the last part writes zero and
/// sets the counter to 0.
struct SplitProtocol {
  int64_t parts;
  bool waits = true;         ///< each part, for its number
  bool acquires = true;      ///< the sum is read after that, not before
  bool releases = true;      ///< the sum is there before the counter moves
  bool clearsSum = true;     ///< the last part
  bool resetsCounter = true; ///< the last part
  int64_t ctas = 2;          ///< of the grid
  /// CTAs that have a place on the device at once; others begin when one ends.
  int64_t resident = ctas;
};

/// Two tiles, whose parts are handed out in turn to the CTAs. All interleavings
/// are gone through, and all delays of what was written. Returns what goes
/// wrong: a part that adds to another sum than that of the parts before it,
/// parts that wait for ever, or a workspace that is not left as it was found.
std::optional<std::string> exploreSplit(const SplitProtocol &protocol);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_SPLITMODEL_H
