// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Roles: the same machine once for each, with registers of its own and the
// shared memory of all. What came before what is known by vector clocks.

#include "tests/CtaInterpreter/CtaRoles.h"
#include "mlir/Dialect/Arith/IR/Arith.h"
#include "tests/CtaInterpreter/CtaMachine.h"
#include <numeric>
#include <thread>

using namespace mlir;
using namespace nybl;
using namespace nybl::enumeration;

//===----------------------------------------------------------------------===//
// Turns
//===----------------------------------------------------------------------===//

RoleTurns::RoleTurns(int roles, bool lastFirst) : waiting(roles), order(roles) {
  std::iota(order.begin(), order.end(), 0);
  if (lastFirst)
    std::reverse(order.begin(), order.end());
}

void RoleTurns::choose() {
  current = -1;
  for (int role : order)
    if (waiting[role] && waiting[role]()) {
      current = role;
      break;
    }
  stuck = current < 0 && llvm::any_of(waiting, [](auto &w) { return !!w; });
  changed.notify_all();
}

bool RoleTurns::pass(int role, std::function<bool()> ready) {
  std::unique_lock lock(mutex);
  bool isFirst = !waiting[role];
  waiting[role] = std::move(ready);
  begun += isFirst;
  if (begun == static_cast<int>(order.size()) && !stuck)
    choose();
  changed.wait(lock, [&] { return current == role || stuck; });
  return !stuck;
}

void RoleTurns::end(int role) {
  std::unique_lock lock(mutex);
  waiting[role] = nullptr;
  if (!stuck)
    choose();
}

template <typename... Ops>
static bool has(cta::RoleOp role, Value ring) {
  return role
      .walk([&](Operation *op) {
        return isa<Ops...>(op) && op->getOperand(0) == ring
                   ? WalkResult::interrupt()
                   : WalkResult::advance();
      })
      .wasInterrupted();
}

static std::vector<RoleRunner> runnersOf(ArrayRef<cta::RoleOp> roles,
                                         int ctas) {
  std::vector<RoleRunner> runners;
  for (int rank = 0; rank < ctas; ++rank)
    for (cta::RoleOp role : roles)
      for (int64_t group = 0; group < role.getGroups(); ++group)
        runners.push_back({role, group, rank});
  return runners;
}

RoleTeam::RoleTeam(ArrayRef<cta::RoleOp> roles, int ctas, bool lastFirst)
    : runners(runnersOf(roles, ctas)),
      turns(static_cast<int>(runners.size()), lastFirst) {
  auto kernel = roles.front()->getParentOfType<cta::KernelOp>();
  for (auto ring : kernel.getBody().getOps<cta::RingOp>())
    for (cta::RoleOp role : roles) {
      bool publishes =
          has<cta::RingPublishOp, cta::TensorPublishOp>(role, ring);
      bool releases = has<cta::RingReleaseOp, cta::TensorReleaseOp>(role, ring);
      for (int rank = 0; rank < ctas; ++rank) {
        RingState &state = rings[{ring, rank}];
        state.publishers += publishes;
        state.releasers += releases;
        state.isOfOneRole |= publishes && releases;
      }
    }
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

/// No error of the interpreter, which are Invalid: it is told as a fault.
static Status waitsForEver() {
  return Status::refused("a role waits for ever");
}

Status CtaMachine::executeRoles(cta::TileRangeOp range) {
  auto roles = llvm::to_vector(range.getBody().getOps<cta::RoleOp>());
  team = std::make_shared<RoleTeam>(roles, ctas(), launch.lastRoleFirst);
  const std::vector<RoleRunner> &runners = team->runners;
  if (runners.size() > Cell::maxRoles)
    return Status::invalid("the interpreter of Cta knows few roles");
  *sharedOf[1] = *shared; // nobody has written it
  std::vector<CtaMachine> machines(runners.size(), *this);
  for (size_t i = 0; i < runners.size(); ++i)
    if (Status status = machines[i].enterCta(range, runners[i].rank); !status)
      return status;
  std::vector<Status> results(runners.size(), Status::ok());
  std::vector<std::thread> hosts;
  for (size_t i = 0; i < runners.size(); ++i)
    hosts.emplace_back([&, i] {
      results[i] = machines[i].runRole(range, runners[i], static_cast<int>(i));
    });
  for (std::thread &host : hosts)
    host.join();
  for (Status &result : results)
    if (!result && result.code() != ErrorCode::Refused)
      return result;
  if (team->turns.isStuck())
    observer.fault(range, "L3", "has roles that wait for ever");
  return Status::ok();
}

/// What the frame has computed may depend on the rank.
Status CtaMachine::enterCta(cta::TileRangeOp range, int number) {
  if (number == 0)
    return Status::ok();
  rank = number;
  shared = sharedOf[rank];
  tensor = tensorOf[rank];
  outputs = std::make_shared<OutputStages>();
  for (Operation &op : *range->getBlock())
    if (isa<cta::PairRankOp>(op) || isa<arith::ArithDialect>(op.getDialect()))
      if (Status status = execute(op); !status)
        return status;
  return Status::ok();
}

Status CtaMachine::runRole(cta::TileRangeOp range, const RoleRunner &runner,
                           int number) {
  cta::RoleOp own = runner.role;
  role = number;
  threads = static_cast<int>(own.getThreads());
  firstThread = static_cast<int>(32 * int64_t(own.getFirst()) +
                                 runner.group * own.getThreads());
  seen.assign(Cell::clocks, 0);
  if (!team->turns.pass(role, [] { return true; }))
    return waitsForEver();
  Status status = forEachTask(range, [&](int64_t number) {
    tileNumber = number;
    return number % own.getGroups() == runner.group ? runTile(range, own)
                                                    : Status::ok();
  });
  checkAskedIsOver(own);
  team->turns.end(role);
  return status;
}

Status CtaMachine::runTile(cta::TileRangeOp range, cta::RoleOp own) {
  for (auto &[claim, next] : claimed)
    next = tileNumber * stepsOf(Value::getFromOpaquePointer(claim.first));
  auto &list = numbers(own.getBody().getArgument(0));
  std::iota(list.begin(), list.end(), 0);
  for (Operation &op : range.getBody().front())
    if (!isa<cta::RoleOp>(op))
      if (Status status = execute(op); !status)
        return status;
  if (Status status = execute(own.getBody().front()); !status)
    return status;
  checkClaims(own);
  return Status::ok();
}

/// All iterations of a tile, if one of them; and nothing is still claimed.
void CtaMachine::checkClaims(cta::RoleOp own) {
  for (auto &[claim, next] : claimed)
    if (next !=
        (tileNumber + 1) * stepsOf(Value::getFromOpaquePointer(claim.first)))
      observer.fault(own, "L3", "does not take all iterations of a tile");
  if (!held.empty())
    observer.fault(own, "L3", "keeps an iteration of a ring");
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

int64_t CtaMachine::stepsOf(Value ring) {
  auto op = ring.getDefiningOp<cta::RingOp>();
  if (Value steps = op.getFreeSteps())
    return static_cast<int64_t>(numbers(steps)[0]);
  return static_cast<int64_t>(op.getSteps().value_or(0));
}

static void join(Clock &clock, const Clock &other) {
  clock.resize(std::max(clock.size(), other.size()));
  for (size_t i = 0; i < other.size(); ++i)
    clock[i] = std::max(clock[i], other[i]);
}

/// A parity tells no more than a round: who waits outside of its turn must have
/// waited for the slot's iteration before this one itself.
void CtaMachine::checkTurn(Operation &op, Value ring, int64_t iteration,
                           int64_t before) {
  RingState &state = team->rings[{ring, rank}];
  bool writes = isa<cta::RingAcquireOp>(op);
  auto lastOf = [&](int64_t number) -> int & {
    RingIteration &found = state.iterations[number];
    return writes ? found.writer : found.reader;
  };
  bool knows = state.isOfOneRole && (before < 0 || lastOf(before) == role);
  if (team->runners[role].role.getTurns() && !hasTurn && !knows)
    observer.fault(&op, "L3", "claims an iteration outside its turn");
  lastOf(iteration) = role;
}

Status CtaMachine::claim(Operation &op, Value ring, int64_t iteration) {
  RingState &state = team->rings[{ring, rank}];
  bool writes = isa<cta::RingAcquireOp>(op);
  Claim key{ring.getAsOpaquePointer(), writes};
  int64_t next =
      claimed.try_emplace(key, tileNumber * stepsOf(ring)).first->second++;
  if (iteration != next)
    observer.fault(&op, "L3", "takes an iteration out of its order");
  int64_t before =
      iteration -
      static_cast<int64_t>(ring.getDefiningOp<cta::RingOp>().getStages());
  checkTurn(op, ring, iteration, before);
  auto ready = [&] {
    if (writes)
      return before < 0 ||
             state.iterations[before].released >= std::max(1, state.releasers);
    return state.iterations[iteration].published >=
           std::max(1, state.publishers);
  };
  if (!team->turns.pass(role, ready))
    return waitsForEver();
  if (!writes)
    join(seen, state.iterations[iteration].publishedAt);
  else if (before >= 0)
    join(seen, state.iterations[before].releasedAt);
  held.insert({key, iteration});
  return Status::ok();
}

Status CtaMachine::giveBack(Operation &op, Value ring, int64_t iteration) {
  bool writes = isa<cta::RingPublishOp, cta::TensorPublishOp>(op);
  if (!held.erase({{ring.getAsOpaquePointer(), writes}, iteration}))
    observer.fault(&op, "L3", "gives back an iteration that it does not have");
  bool asks = isa<cta::TensorPublishOp, cta::TensorReleaseOp>(op);
  Clock reached = seen;
  if (asks)
    reached[tensorClock()] = asked++;
  else
    reached[role] = now++;
  // What is asked for is the first CTA's, for both.
  int end = asks ? (rank == 0 ? ctas() : 0) : rank + 1;
  for (int of = asks ? 0 : rank; of < end; ++of) {
    RingIteration &state = team->rings[{ring, of}].iterations[iteration];
    join(writes ? state.publishedAt : state.releasedAt, reached);
    ++(writes ? state.published : state.released);
  }
  if (!team->turns.pass(role, [] { return true; }))
    return waitsForEver();
  return Status::ok();
}

uint64_t CtaMachine::claimedSlot(Operation *op, Value ring, uint64_t iteration,
                                 bool writes) {
  if (!held.count({{ring.getAsOpaquePointer(), writes},
                   static_cast<int64_t>(iteration)}))
    observer.fault(op, "L3", "touches an iteration that it does not have");
  return iteration % ring.getDefiningOp<cta::RingOp>().getStages();
}

Status CtaMachine::executeRingStep(Operation &op) {
  Value ring = op.getOperand(0), named = op.getOperand(1);
  if (role < 0 || stepsOf(ring) == 0) {
    observer.fault(&op, "L3", "is a step between roles where there are none");
    return Status::ok();
  }
  auto iteration = static_cast<int64_t>(iterationOf(ring, uniform(&op, named)));
  if (auto wait = dyn_cast<cta::RingWaitOp>(op))
    isFenced = !wait.getCopied() || uniform(wait, wait.getCopied()) == 0;
  return isa<cta::RingAcquireOp, cta::RingWaitOp>(op)
             ? claim(op, ring, iteration)
             : giveBack(op, ring, iteration);
}

/// The CTA of rank 1 tells what it knows by its waits; that of rank 0 knows it
/// too from here on.
Status CtaMachine::executePairWait(cta::PairWaitOp op) {
  Value ring = op.getRing();
  isAsked(op, op.getMine());
  auto iteration =
      static_cast<int64_t>(iterationOf(ring, uniform(op, op.getIteration())));
  claimedSlot(op, ring, iteration, /*writes=*/false);
  auto &handed = team->handedOver;
  std::pair key{ring.getAsOpaquePointer(), iteration};
  if (rank == 1) {
    handed[key] = seen;
    return team->turns.pass(role, [] { return true; }) ? Status::ok()
                                                       : waitsForEver();
  }
  if (!team->turns.pass(role, [&] { return handed.count(key) != 0; }))
    return waitsForEver();
  join(seen, handed[key]);
  return Status::ok();
}

/// What the one before did in its turn comes before what this one does.
Status CtaMachine::executeTurn(Operation &op) {
  if (role < 0) {
    observer.fault(&op, "L3", "is a turn where there are no roles");
    return Status::ok();
  }
  const RoleRunner &own = team->runners[role];
  PassedTurns &passed = team->passed[{own.role, rank}];
  auto ready = [&] { return passed.count >= tileNumber; };
  bool passes = isa<cta::PassTurnOp>(op);
  hasTurn = !passes;
  if (passes) {
    if (passed.count != tileNumber)
      observer.fault(&op, "L3", "passes a turn that it does not have");
    join(passed.at, seen);
    passed.at.resize(Cell::clocks);
    passed.at[role] = std::max(passed.at[role], now++);
    ++passed.count;
  } else if (!team->turns.pass(role, ready)) {
    return waitsForEver();
  } else {
    join(seen, passed.at);
  }
  return Status::ok();
}

//===----------------------------------------------------------------------===//
// Order
//===----------------------------------------------------------------------===//

/// A copy is under way also for the thread that issued it.
bool CtaMachine::isWriteBefore(const Cell &cell, int thread) const {
  bool own = cell.writeRole == role && cell.writer == thread && !cell.isCopied;
  return own || cell.writeClock <= seen[cell.writeRole];
}

bool CtaMachine::areReadsBefore(const Cell &cell, int thread) const {
  for (int other = 0; other < Cell::clocks; ++other)
    if (cell.readClocks[other] > seen[other] &&
        !(other == role && cell.reader == thread))
      return false;
  return true;
}
