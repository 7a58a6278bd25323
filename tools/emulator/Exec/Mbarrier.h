// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The mbarrier object (PTX ISA 9.1 §9.7.13.15). Its state is kept beside shared
// memory: the 8 bytes themselves are opaque, and touching them otherwise is a
// finding.
#ifndef NYBL_EMULATOR_EXEC_MBARRIER_H
#define NYBL_EMULATOR_EXEC_MBARRIER_H

#include <cstdint>
#include <string>

namespace nybl::emu {

struct Cta;

/// A phase completes when `pending` arrivals and `transactions` bytes are both
/// zero; the next one then expects `expected` arrivals.
struct Mbarrier {
  static constexpr uint32_t mostArrivals = (1u << 20) - 1;
  static constexpr int64_t mostTransactions = (1 << 20) - 1;

  uint32_t expected = 0, pending = 0;
  int64_t transactions = 0;
  uint64_t phase = 0; ///< the one in progress, counted from 0
  uint64_t seen = 0;  ///< phases before this one were seen to be over by a wait

  /// What went wrong, or an empty text.
  std::string arrive(uint32_t count);
  std::string drop(uint32_t count);
  /// Positive: bytes to come; negative: bytes that came.
  std::string expect(int64_t bytes);
  bool completeIfDue();
  std::string text() const;
};

/// Changes a live barrier of `cta` at `offset` and wakes who waits for it; what
/// went wrong, or an empty text.
std::string arriveAt(Cta &cta, uint32_t offset, uint32_t count);
std::string expectAt(Cta &cta, uint32_t offset, int64_t bytes);
/// Without arriving: for cp.async.mbarrier.arrive.
std::string addPending(Cta &cta, uint32_t offset);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_MBARRIER_H
