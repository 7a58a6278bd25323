// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operators on roles: other warps, other threads, other counts of what a ring
// takes for each tile; accesses that another role does.

#include "tests/Mutation/Edit.h"
#include "tests/Mutation/Mutants.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

namespace {

void otherWarps(Sites &sites) {
  for (cta::RoleOp role : all<cta::RoleOp>(sites.kernel)) {
    int64_t first = role.getFirst(), count = role.getCount();
    for (int64_t by : {-1, 1})
      if (first + by >= 0)
        sites.add(role, "first warp moved by " + Twine(by),
                  [role, first, by]() mutable { role.setFirst(first + by); });
    for (int64_t by : {-1, 1, -2})
      if (count + by >= 1)
        sites.add(role, Twine(count + by) + " warps",
                  [role, count, by]() mutable { role.setCount(count + by); });
  }
}

/// The role's threads, counted from another one.
void otherThread(Sites &sites) {
  for (cta::RoleOp role : all<cta::RoleOp>(sites.kernel))
    for (int64_t by : {-1, 1, 32})
      sites.add(role, "thread moved by " + Twine(by), [role, by]() mutable {
        Edit e(&role.getBody().front().front());
        Value thread = role.getBody().getArgument(0);
        Value moved = e.plus(thread, by);
        thread.replaceAllUsesExcept(moved, moved.getDefiningOp());
      });
}

void otherSteps(Sites &sites) {
  for (cta::RingOp ring : all<cta::RingOp>(sites.kernel))
    for (int64_t by : {-1, 1, 2})
      if (std::optional<uint64_t> steps = ring.getSteps())
        sites.add(ring, Twine(int64_t(*steps) + by) + " steps",
                  [ring, steps, by]() mutable { ring.setSteps(*steps + by); });
}

void dropRole(Sites &sites) {
  for (cta::RoleOp role : all<cta::RoleOp>(sites.kernel))
    sites.add(role, "dropped", [role] { role->erase(); });
}

/// Some threads of a role leave out a step of a ring.
void stepOfSome(Sites &sites) {
  for (cta::RoleOp role : all<cta::RoleOp>(sites.kernel))
    role.walk([&](Operation *op) {
      if (!isa<cta::RingAcquireOp, cta::RingPublishOp, cta::RingWaitOp,
               cta::RingReleaseOp>(op))
        return;
      sites.add(op, "of the first warp alone", [role, op]() mutable {
        Edit e(op);
        Value thread = role.getBody().getArgument(0);
        Value isFirst = e.less(thread, e.constant(thread.getType(), 32));
        auto branch =
            scf::IfOp::create(e.b, e.loc, isFirst, /*withElseRegion=*/false);
        op->moveBefore(branch.thenBlock()->getTerminator());
      });
    });
}

void otherTurns(Sites &sites) {
  for (cta::RoleOp role : all<cta::RoleOp>(sites.kernel)) {
    int64_t groups = role.getGroups();
    if (groups > 1)
      sites.add(role, Twine(2 * groups) + " turns",
                [role, groups]() mutable { role.setTurns(2 * groups); });
  }
}

template <typename Turn>
void moveTurns(Sites &sites) {
  for (Turn turn : all<Turn>(sites.kernel)) {
    sites.add(turn, "dropped", [turn] { turn->erase(); });
    sites.add(turn, "first of all",
              [turn] { turn->moveBefore(&turn->getBlock()->front()); });
    sites.add(turn, "last of all",
              [turn] { turn->moveAfter(&turn->getBlock()->back()); });
  }
}

void moveEachTurn(Sites &sites) {
  moveTurns<cta::TakeTurnOp>(sites);
  moveTurns<cta::PassTurnOp>(sites);
}

} // namespace

void nybl::mutation::addRoleOperators(std::vector<Operator> &operators) {
  operators.push_back({"role.other-warps", Target::Role, otherWarps});
  operators.push_back({"role.other-thread", Target::Role, otherThread});
  operators.push_back({"role.other-steps", Target::Role, otherSteps});
  operators.push_back({"role.drop", Target::Role, dropRole});
  operators.push_back({"role.other-turns", Target::Role, otherTurns});
  operators.push_back({"role.move-turn", Target::Role, moveEachTurn});
  operators.push_back({"role.step-of-some", Target::Role, stepOfSome});
}
