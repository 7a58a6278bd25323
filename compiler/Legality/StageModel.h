// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The protocol of stages and rings as a finite model. All threads of a CTA do
// the same events in the same order; what may go wrong goes wrong between two
// of them, so all interleavings of two threads are gone through.
#ifndef NYBL_COMPILER_LEGALITY_STAGEMODEL_H
#define NYBL_COMPILER_LEGALITY_STAGEMODEL_H

#include "llvm/ADT/ArrayRef.h"
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace nybl::compiler {

struct StageEvent {
  enum Kind {
    Write,   ///< synchronously, into a slot
    Copy,    ///< asynchronously: done at the latest when a wait says so
    Read,    ///< of a slot
    Barrier, ///< all threads meet
    Acquire, ///< claims the slot of an iteration for writing
    Publish, ///< ends a group of copies
    Wait,    ///< for all but the last `pending` groups; then all threads meet
    Release  ///< ends the claim that a wait began
  };
  Kind kind;
  /// A stage, of accesses; a ring, of the others.
  unsigned resource = 0;
  /// The ring of the stage, or none: it has one slot.
  std::optional<unsigned> ring = {};
  int64_t slot = 0;
  /// Which iteration of which tile; the same number for who writes and who
  /// reads what belongs together.
  int64_t phase = 0;
  int64_t pending = 0; ///< of waits
};

/// What goes wrong, at an event.
struct StageViolation {
  size_t event;
  std::string what; ///< "this is written while another thread still reads ..."
};

/// Goes through all states two threads can be in. Each phase is written before
/// it is read and over before it is written again; claims are kept.
std::optional<StageViolation> exploreStages(llvm::ArrayRef<StageEvent> events);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_LEGALITY_STAGEMODEL_H
