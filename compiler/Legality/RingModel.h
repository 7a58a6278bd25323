// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A ring between two roles as a finite model: mbarriers that are waited for by
// parity, and warps that go at their own pace.
#ifndef NYBL_COMPILER_LEGALITY_RINGMODEL_H
#define NYBL_COMPILER_LEGALITY_RINGMODEL_H

#include <cstdint>
#include <optional>
#include <string>

namespace nybl::compiler {

/// What CtaRingToSM120 makes of a ring, and what a test may get wrong in it.
/// Iteration i has slot i mod stages and round i div stages.
struct RingProtocol {
  int64_t stages;
  /// A writer waits for parity (round + writerParity) mod 2 of `empty`, a
  /// reader for (round + readerParity) mod 2 of `full`.
  int64_t writerParity = 1, readerParity = 0;
  /// Warps that must arrive before a phase completes, of the two there are.
  int64_t publishers = 2, releasers = 2;
  /// One thread reads, by what it asks for: it goes on at once, and the slot is
  /// let go of, by one arrival, when that is over (tcgen05.commit). The other
  /// warps of its group are idle: none of them waits for the ring or arrives at
  /// it.
  bool isAsked = false;
  /// Wrong: it lets go of a slot when it has asked.
  bool releasesEarly = false;
};

/// Two warps write and two read, iterations in order, each acquired, published,
/// waited for and released; or one reads, and what it has asked for is over in
/// the order in which it asked. (Were it not, who writes would see no more: it
/// takes slots in this order.) All interleavings are gone through, for as many
/// rounds as parities take to repeat. Returns what goes wrong: a slot that is
/// written while a reader has it or before one has, a slot that is read before
/// it is whole, or warps that wait for ever.
std::optional<std::string> exploreRing(const RingProtocol &protocol);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_RINGMODEL_H
