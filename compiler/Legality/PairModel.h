// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Slots that two CTAs use together, as a finite model: each CTA has a slot of
// its own for an iteration, and one thread multiplies out of, or into, both.
#ifndef NYBL_COMPILER_LEGALITY_PAIRMODEL_H
#define NYBL_COMPILER_LEGALITY_PAIRMODEL_H

#include <cstdint>
#include <optional>
#include <string>

namespace nybl::compiler {

/// What CtaPairToSM100 makes of a ring, and what a test may get wrong in it.
/// Iteration i has slot i mod stages and round i div stages.
struct PairProtocol {
  int64_t stages;
  /// The slots are free for multiplies when the kernel begins (accumulators,
  /// which are read behind them), or not (operands, which come before them).
  bool beginsReady = false;
  /// The CTA of rank 1 waits for its own slot before it hands that over.
  bool handsOverReady = true;
  /// The CTA of rank 0 waits for its own slot, and for the other's.
  bool waitsForOwn = true, waitsForPair = true;
  /// It waits for parity (round + pairParity) mod 2 of what the other arrives
  /// at.
  int64_t pairParity = 0;
  /// What multiplies are done with is let go of in both CTAs.
  bool releasesBoth = true;
};

/// In each CTA somebody makes a slot ready and gets it back; the CTA of rank 1
/// waits for its own and hands it over; that of rank 0 waits for its own and
/// for what is handed over, and has multiplies begin; when these are over, both
/// get their slot back, one sooner than the other. All interleavings are gone
/// through, of any number of iterations. Returns what goes wrong: multiplies
/// that begin before both slots are ready, a slot that is taken back while they
/// may use it, or everybody waiting for ever.
std::optional<std::string> explorePair(const PairProtocol &protocol);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_PAIRMODEL_H
