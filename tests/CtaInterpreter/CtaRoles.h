// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the roles of a CTA share: whose turn it is, and what has been claimed of
// rings. Iterations are counted here, not told apart by parities.
#ifndef NYBL_TESTS_CTAINTERPRETER_CTAROLES_H
#define NYBL_TESTS_CTAINTERPRETER_CTAROLES_H

#include "dialects/Cta/CtaOps.h"
#include "llvm/ADT/DenseMap.h"
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

namespace nybl::enumeration {

/// How far each runner of a role was: what happened up to there came before.
using Clock = std::vector<int>;

/// A role, or one of the groups of warps that take its tiles by turns.
struct RoleRunner {
  cta::RoleOp role;
  int64_t group = 0;
  int rank = 0; ///< of the CTA in its pair
};

/// Each role, and each group of one, has a host thread, and one of them runs at
/// a time: at each step of a ring the first that can go on, by preference.
class RoleTurns {
public:
  /// The first role in the kernel is preferred, or the last.
  RoleTurns(int roles, bool lastFirst);

  /// Gives the turn away, and has it again when `ready` holds. False if no role
  /// can ever go on.
  bool pass(int role, std::function<bool()> ready);
  /// The role has nothing more to do.
  void end(int role);
  bool isStuck() const { return stuck; }

private:
  void choose();

  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::function<bool()>> waiting; ///< null once a role has ended
  std::vector<int> order;
  int current = -1, begun = 0;
  bool stuck = false;
};

struct RingIteration {
  int published = 0, released = 0;
  int writer = -1, reader = -1; ///< who claimed it last
  Clock publishedAt, releasedAt;
};

struct RingState {
  int publishers = 0, releasers = 0; ///< roles that have such an op
  bool isOfOneRole = false;          ///< which writes it and reads it
  std::map<int64_t, RingIteration> iterations;
};

/// Turns of a role's groups that have been passed, and when the last was.
struct PassedTurns {
  int64_t count = 0;
  Clock at;
};

/// Of a CTA, or of both of a pair.
struct RoleTeam {
  RoleTeam(llvm::ArrayRef<cta::RoleOp> roles, int ctas, bool lastFirst);

  std::vector<RoleRunner> runners;
  RoleTurns turns;
  /// Of each CTA its own: by rank.
  llvm::DenseMap<std::pair<mlir::Value, int>, RingState> rings;
  std::map<std::pair<mlir::Operation *, int>, PassedTurns> passed; ///< by role
  /// Iterations that the CTA of rank 1 has handed over, and what it knew then.
  std::map<std::pair<const void *, int64_t>, Clock> handedOver;
};

} // namespace nybl::enumeration

#endif // NYBL_TESTS_CTAINTERPRETER_CTAROLES_H
