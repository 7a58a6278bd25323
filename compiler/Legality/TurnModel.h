// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Turns that groups of warps give each other as a finite model: an mbarrier for
// each group, waited for by parity.
#ifndef NYBL_COMPILER_LEGALITY_TURNMODEL_H
#define NYBL_COMPILER_LEGALITY_TURNMODEL_H

#include <cstdint>
#include <optional>
#include <string>

namespace nybl::compiler {

/// What CtaRingToSM120 makes of turns, and what a test may get wrong in it.
/// Tile n is that of group n mod groups; its turn is passed at that group's
/// barrier, whose phase n div groups it completes.
struct TurnProtocol {
  int64_t groups;
  /// Who has tile n waits for the phase of tile n - `behind`.
  int64_t behind = 1;
  /// Warps that must arrive before a phase completes, of the two there are.
  int64_t arrivals = 2;
};

/// Two warps in each group take the turns of their tiles, in order, and pass
/// them. All interleavings are gone through, for as many tiles as parities take
/// to repeat. Returns what goes wrong: a turn that is taken before the one
/// before is passed by all, or warps that wait for ever.
std::optional<std::string> exploreTurns(const TurnProtocol &protocol);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_TURNMODEL_H
