// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a checker found while a kernel ran: where, by whom, and what.
#ifndef NYBL_EMULATOR_REPORT_H
#define NYBL_EMULATOR_REPORT_H

#include <cstdint>
#include <string>

namespace nybl::emu {

enum class FindingKind {
  OutOfBounds,
  UseAfterFree,
  Misaligned,
  UninitialisedRead,
  PoisonStored, ///< a marked byte reached a stored value
  PoisonSteers, ///< a marked byte reached an address, a branch or a guard
  BarrierMisuse,
  MbarrierMisuse,
  InFlight,     ///< bytes that an asynchronous operation is still working on
  AsyncMisuse,  ///< an asynchronous operation that is itself wrong
  Race,         ///< accesses that nothing orders
  MissingFence, ///< ordered, but not across proxies
  TensorMemoryMisuse,
  Deadlock,
  Trap,
  Assertion, ///< a failed assert() of the kernel
  Timeout,
};

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
};

struct Report {
  FindingKind kind = FindingKind::Trap;
  std::string kernel;
  unsigned ptxLine = 0;
  std::string ptxText; ///< the instruction
  Dim3 cta{0, 0, 0};
  int warp = -1, lane = -1;
  uint64_t address = 0;
  std::string message;
  std::string source; ///< "file.cu:12", where the PTX says so

  /// One line: what, then kernel, PTX line, CTA, warp, lane, address.
  std::string text() const;
};

const char *name(FindingKind kind);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_REPORT_H
