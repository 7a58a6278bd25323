// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operations that complete later: copies, matrix products, arrivals. One queue
// for each cluster; the schedule policy says when which of them completes.
#ifndef NYBL_EMULATOR_EXEC_ASYNC_H
#define NYBL_EMULATOR_EXEC_ASYNC_H

#include "tools/emulator/Exec/Engine.h"
#include <deque>

namespace nybl::emu {

struct Cta;
struct Warp;
struct Cluster;
struct CopyGroups;
struct AsyncClock;

/// A pseudo-random choice (splitmix64), the same for the same seed.
class Choices {
public:
  explicit Choices(uint64_t seed) : state(seed) {}
  uint64_t below(uint64_t limit) { return limit ? next() % limit : 0; }

private:
  uint64_t next() {
    uint64_t z = state += 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
  }
  uint64_t state;
};

/// Bytes of shared memory (of one CTA of the cluster) an operation works on.
struct SharedRange {
  Cta *cta = nullptr;
  uint32_t offset = 0, bytes = 0;
};

/// Bytes of global memory.
struct GlobalRange {
  uint64_t address = 0;
  const uint8_t *data = nullptr;
  uint32_t bytes = 0;
};

/// Cells of a CTA's tensor memory.
struct TensorRange {
  Cta *cta = nullptr;
  uint32_t lane = 0, lanes = 0, column = 0, columns = 0;
};

/// What an operation is, if it works on tensor memory: its order against others
/// depends on it.
enum class TensorOp : uint8_t {
  None,
  Mma,
  Cp,
  CpSmall, ///< tcgen05.cp.4x256b
  Shift,
  Load, ///< tcgen05.ld and .st: until tcgen05.wait
  Store
};

struct AsyncOp {
  uint64_t id = 0; ///< given at issue, from 1 upward
  const char *what = "";
  Cta *cta = nullptr; ///< the issuer, with warp, lane and instruction
  unsigned warp = 0, lane = 0;
  uint32_t pc = 0;
  std::vector<uint64_t> after; ///< operations that must have completed
  std::vector<SharedRange> reads, writes;
  std::vector<GlobalRange> globalReads;    ///< for races alone
  bool viaAsyncProxy = true;               ///< else as an ordinary access does
  std::shared_ptr<const AsyncClock> clock; ///< if races are looked for
  TensorOp tensor = TensorOp::None;
  uint64_t tensorKey = 0; ///< accumulator and shape of an mma
  std::vector<TensorRange> tensorReads, tensorWrites;
  /// `writes` are reduced into, element by element: others may do so too.
  bool reduces = false;
  /// The mbarrier that completion signals; null: none.
  Cta *signals = nullptr;
  uint32_t signalOffset = 0;
  /// First half of a copy out of shared memory, for wait_group.read; may be
  /// empty. Once it has run, `reads` is empty.
  std::function<void()> read;
  /// Does it: moves the bytes, signals; given the operation itself.
  std::function<void(const AsyncOp &)> complete;

  /// A finding at the instruction that issued this.
  void report(FindingKind kind, uint64_t address, std::string message) const;
  /// Signals the mbarrier: bytes that came; arrivals.
  void completeTransactions(uint32_t bytes) const;
  void arrive(uint32_t count) const;
};

class AsyncQueue {
public:
  explicit AsyncQueue(Cluster &cluster) : cluster(cluster) {}

  /// Fills in the issuer. Under the eager policy the operation completes here,
  /// and the id is 0 (unless races are looked for).
  uint64_t issue(Warp &w, unsigned lane, AsyncOp op);
  bool isPending(uint64_t id) const;
  bool empty() const { return pending.empty(); }
  /// Every pending operation, in order of issue.
  const std::deque<AsyncOp> &all() const { return pending; }
  uint64_t issuedSoFar() const { return issued; }
  /// Whether one of `ids` is, or must come after, the operation `earlier`.
  bool follows(const std::vector<uint64_t> &ids, uint64_t earlier) const;
  /// Completes an operation now, if it is still pending.
  void completeNow(uint64_t id);
  /// Runs the first half of an operation, and of those before it.
  void read(uint64_t id);

  /// Completes one operation, as the policy chooses; false if there is none
  /// that may. Adversary: only such as somebody waits for, unless `any`.
  bool completeOne(bool any = false);
  /// Random: perhaps completes one.
  void perhapsCompleteOne();

  /// A pending operation that reads (writes) bytes of the range, or null.
  const AsyncOp *reader(const Cta &cta, uint32_t offset, uint32_t bytes) const;
  const AsyncOp *writer(const Cta &cta, uint32_t offset, uint32_t bytes) const;
  /// One at work on the shared memory of this CTA; null if there is none.
  const AsyncOp *at(const Cta &cta) const;

private:
  bool mayComplete(const AsyncOp &op) const;
  bool comesAfter(const AsyncOp &op, const AsyncOp &earlier) const;
  bool reportConflict(const AsyncOp &op) const;
  bool isWanted(const AsyncOp &op) const;
  std::vector<bool> wanted() const;
  void finish(size_t index);

  Cluster &cluster;
  std::deque<AsyncOp> pending; ///< in order of issue
  uint64_t issued = 0;
};

// Groups of one warp's lanes; `groups` is empty until an operation is pending.

/// Puts an operation (0: complete) into the open group of the active lanes.
void addToGroups(Warp &w, std::vector<CopyGroups> &groups, uint64_t id);
/// Of one lane.
void addToGroup(std::vector<CopyGroups> &groups, unsigned lane, uint64_t id);
void commitGroups(Warp &w, std::vector<CopyGroups> &groups);
/// The warp waits until all but the latest `allowed` groups are complete or,
/// `readOnly`, have read their source.
void waitForGroups(Warp &w, std::vector<CopyGroups> &groups, uint64_t allowed,
                   bool readOnly);
/// Every operation of a lane, of open and committed groups.
std::vector<uint64_t> allOf(const CopyGroups &groups);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_ASYNC_H
