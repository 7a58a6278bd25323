// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text of a report.

#include "tools/emulator/Report.h"

#include <cstdio>

using namespace nybl::emu;

const char *nybl::emu::name(FindingKind kind) {
  switch (kind) {
  case FindingKind::OutOfBounds:
    return "out of bounds";
  case FindingKind::UseAfterFree:
    return "use after free";
  case FindingKind::Misaligned:
    return "misaligned";
  case FindingKind::UninitialisedRead:
    return "uninitialised read";
  case FindingKind::PoisonStored:
    return "poison stored";
  case FindingKind::PoisonSteers:
    return "poison steers";
  case FindingKind::BarrierMisuse:
    return "barrier misuse";
  case FindingKind::Deadlock:
    return "deadlock";
  case FindingKind::Trap:
    return "trap";
  case FindingKind::Timeout:
    return "timeout";
  }
  return "finding";
}

std::string Report::text() const {
  char where[256];
  std::snprintf(where, sizeof where,
                " [kernel %s, PTX line %u, CTA (%u,%u,%u), warp %d, lane %d, "
                "address 0x%llx]",
                kernel.c_str(), ptxLine, cta.x, cta.y, cta.z, warp, lane,
                static_cast<unsigned long long>(address));
  std::string result = std::string(name(kind)) + ": " + message + where;
  if (!ptxText.empty())
    result += " " + ptxText;
  return result;
}
