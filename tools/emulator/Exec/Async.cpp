// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The queue of asynchronous operations and the policies.

#include "tools/emulator/Exec/Async.h"

#include "tools/emulator/Exec/Cluster.h"
#include <algorithm>

using namespace nybl::emu;

void AsyncOp::report(FindingKind kind, uint64_t address,
                     std::string message) const {
  cta->report(kind, pc, warp, lane, address, std::move(message));
}

void AsyncOp::completeTransactions(uint32_t bytes) const {
  if (clock)
    cta->cluster.races->signalMbarrier(*this);
  std::string problem = expectAt(*signals, signalOffset, -int64_t(bytes));
  if (!problem.empty())
    report(FindingKind::MbarrierMisuse, signalOffset, problem);
}

void AsyncOp::arrive(uint32_t count) const {
  if (clock)
    cta->cluster.races->signalMbarrier(*this);
  std::string problem = arriveAt(*signals, signalOffset, count);
  if (!problem.empty())
    report(FindingKind::MbarrierMisuse, signalOffset, problem);
}

/// So that accesses look whether an operation is at work there.
static void markInFlight(const std::vector<SharedRange> &ranges) {
  for (const SharedRange &r : ranges)
    for (uint32_t i = 0; i < r.bytes; ++i)
      r.cta->sharedShadow[r.offset + i] |= shadow::inFlight;
}

/// Bytes on their way into shared memory: copies, the only ones that write it.
static void countInFlight(const AsyncOp &op, bool begins) {
  if (!op.cta->config.count)
    return;
  for (const SharedRange &r : op.writes) {
    uint64_t &bytes = r.cta->bytesInFlight;
    bytes = begins ? bytes + r.bytes : bytes - r.bytes;
    r.cta->mostBytesInFlight = std::max(r.cta->mostBytesInFlight, bytes);
  }
}

static const SharedRange *overlap(const std::vector<SharedRange> &a,
                                  const std::vector<SharedRange> &b) {
  for (const SharedRange &x : a)
    for (const SharedRange &y : b)
      if (x.cta == y.cta && x.offset < y.offset + y.bytes &&
          y.offset < x.offset + x.bytes)
        return &x;
  return nullptr;
}

/// `op` waits for `earlier`, or for one that does.
bool AsyncQueue::comesAfter(const AsyncOp &op, const AsyncOp &earlier) const {
  return std::any_of(op.after.begin(), op.after.end(), [&](uint64_t id) {
    if (id <= earlier.id)
      return id == earlier.id;
    auto before = std::find_if(pending.begin(), pending.end(),
                               [&](const AsyncOp &p) { return p.id == id; });
    return before != pending.end() && comesAfter(*before, earlier);
  });
}

/// Two operations at work on the same bytes, one of them writing, with nothing
/// that orders them.
bool AsyncQueue::reportConflict(const AsyncOp &op) const {
  for (const AsyncOp &other : pending) {
    bool both = op.reduces && other.reduces;
    const SharedRange *written =
        both ? nullptr : overlap(op.writes, other.writes);
    const SharedRange *at = written ? written : overlap(op.writes, other.reads);
    bool reads = !at;
    if (!at)
      at = overlap(op.reads, other.writes);
    if (!at || comesAfter(op, other))
      continue;
    op.report(
        FindingKind::InFlight, at->cta->sharedAddress(at->offset),
        std::string(op.what) + (reads ? " reads" : " writes") +
            " bytes of shared memory that " + other.what + " of PTX line " +
            std::to_string(op.cta->kernel.source[other.pc].line) +
            (reads || written ? " has yet to write" : " has yet to read") +
            ": nothing has waited for it");
    return true;
  }
  return false;
}

uint64_t AsyncQueue::issue(Warp &w, unsigned lane, AsyncOp op) {
  op.id = ++issued;
  op.cta = &w.cta;
  op.warp = w.id;
  op.lane = lane;
  op.pc = w.pc;
  if (w.races)
    w.races->issue(w, lane, op);
  cluster.changed();
  std::erase_if(op.after, [&](uint64_t id) { return !isPending(id); });
  if (w.cta.config.policy == SchedulePolicy::Eager) {
    op.complete(op);
    return w.races ? op.id : 0;
  }
  if (reportConflict(op))
    return 0;
  markInFlight(op.reads);
  markInFlight(op.writes);
  countInFlight(op, true);
  pending.push_back(std::move(op));
  return issued;
}

bool AsyncQueue::isPending(uint64_t id) const {
  auto at = std::lower_bound(
      pending.begin(), pending.end(), id,
      [](const AsyncOp &op, uint64_t wanted) { return op.id < wanted; });
  return at != pending.end() && at->id == id;
}

bool AsyncQueue::follows(const std::vector<uint64_t> &ids,
                         uint64_t earlier) const {
  return std::any_of(ids.begin(), ids.end(), [&](uint64_t id) {
    if (id == earlier)
      return true;
    auto op = std::find_if(pending.begin(), pending.end(),
                           [&](const AsyncOp &p) { return p.id == id; });
    return op != pending.end() && follows(op->after, earlier);
  });
}

void AsyncQueue::completeNow(uint64_t id) {
  for (size_t i = 0; i < pending.size(); ++i)
    if (pending[i].id == id)
      return finish(i);
}

void AsyncQueue::read(uint64_t id) {
  for (AsyncOp &op : pending)
    if (op.id == id && op.read) {
      op.read();
      op.read = nullptr;
      op.reads.clear();
    }
}

bool AsyncQueue::mayComplete(const AsyncOp &op) const {
  return std::none_of(op.after.begin(), op.after.end(),
                      [&](uint64_t id) { return isPending(id); });
}

/// Somebody waits for the barrier it signals, or for a group of its issuer.
bool AsyncQueue::isWanted(const AsyncOp &op) const {
  auto waits = [&](const Warp &w, const Wait &wait) {
    switch (wait.kind) {
    case Wait::Mbarrier:
      return op.signals == wait.cta && op.signalOffset == wait.offset;
    case Wait::CopyGroup:
      return op.cta == &w.cta && op.warp == w.id && !op.signals;
    default:
      return false;
    }
  };
  for (const Warp *w : cluster.everyWarp())
    for (const Fragment &f : w->others)
      if (waits(*w, f.wait))
        return true;
  return false;
}

/// The wanted ones, and what must come before them.
std::vector<bool> AsyncQueue::wanted() const {
  std::vector<bool> result(pending.size());
  for (size_t i = pending.size(); i-- > 0;) {
    result[i] = result[i] || isWanted(pending[i]);
    for (uint64_t id : pending[i].after)
      for (size_t k = 0; result[i] && k < i; ++k)
        if (pending[k].id == id)
          result[k] = true;
  }
  return result;
}

void AsyncQueue::finish(size_t index) {
  AsyncOp op = std::move(pending[index]);
  pending.erase(pending.begin() + static_cast<long>(index));
  countInFlight(op, false);
  op.complete(op);
  cluster.changed();
}

bool AsyncQueue::completeOne(bool any) {
  std::vector<size_t> candidates;
  bool adversary =
      cluster.grid.config.policy == SchedulePolicy::Adversary && !any;
  std::vector<bool> want = adversary ? wanted() : std::vector<bool>();
  for (size_t i = 0; i < pending.size(); ++i)
    if (mayComplete(pending[i]) && (!adversary || want[i]))
      candidates.push_back(i);
  if (candidates.empty())
    return false;
  switch (cluster.grid.config.policy) {
  case SchedulePolicy::Random:
    finish(candidates[cluster.choices.below(candidates.size())]);
    break;
  case SchedulePolicy::Adversary:
    finish(candidates.back());
    break;
  default:
    finish(candidates.front());
    break;
  }
  return true;
}

void AsyncQueue::perhapsCompleteOne() {
  if (!pending.empty() && cluster.choices.below(4) == 0)
    completeOne();
}

static bool overlaps(const std::vector<SharedRange> &ranges, const Cta &cta,
                     uint32_t offset, uint32_t bytes) {
  return std::any_of(ranges.begin(), ranges.end(), [&](const SharedRange &r) {
    return r.cta == &cta && r.offset < offset + bytes &&
           offset < r.offset + r.bytes;
  });
}

const AsyncOp *AsyncQueue::reader(const Cta &cta, uint32_t offset,
                                  uint32_t bytes) const {
  for (const AsyncOp &op : pending)
    if (overlaps(op.reads, cta, offset, bytes))
      return &op;
  return nullptr;
}

const AsyncOp *AsyncQueue::writer(const Cta &cta, uint32_t offset,
                                  uint32_t bytes) const {
  for (const AsyncOp &op : pending)
    if (overlaps(op.writes, cta, offset, bytes))
      return &op;
  return nullptr;
}

const AsyncOp *AsyncQueue::at(const Cta &cta) const {
  auto touches = [&](const std::vector<SharedRange> &ranges) {
    return std::any_of(ranges.begin(), ranges.end(),
                       [&](const SharedRange &r) { return r.cta == &cta; });
  };
  for (const AsyncOp &op : pending)
    if (touches(op.reads) || touches(op.writes) || op.signals == &cta)
      return &op;
  return nullptr;
}
