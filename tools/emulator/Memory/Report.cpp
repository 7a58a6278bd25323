// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text of a report.

#include "tools/emulator/Report.h"

#include <cctype>
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
  case FindingKind::MbarrierMisuse:
    return "mbarrier misuse";
  case FindingKind::InFlight:
    return "in flight";
  case FindingKind::AsyncMisuse:
    return "asynchronous operation misused";
  case FindingKind::Race:
    return "race";
  case FindingKind::MissingFence:
    return "missing fence";
  case FindingKind::TensorMemoryMisuse:
    return "tensor memory misuse";
  case FindingKind::Deadlock:
    return "deadlock";
  case FindingKind::Trap:
    return "trap";
  case FindingKind::Assertion:
    return "assertion";
  case FindingKind::Timeout:
    return "timeout";
  }
  return "finding";
}

/// Blanks and line breaks in a row as one blank: names of kernels, sentences of
/// assertions and instructions may hold any.
static std::string onOneLine(const std::string &text) {
  std::string line;
  for (char c : text) {
    bool isBlank = std::isspace(static_cast<unsigned char>(c)) != 0;
    if (!isBlank)
      line += c;
    else if (!line.empty() && line.back() != ' ')
      line += ' ';
  }
  return line;
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
  if (!source.empty())
    result += " (" + source + ")";
  return onOneLine(result);
}
