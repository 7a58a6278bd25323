// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Wavefronts and sectors of each access, and their sums.

#include "tools/emulator/Exec/Counting.h"

#include "tools/emulator/Exec/Access.h"
#include <algorithm>

using namespace nybl::emu;

//===----------------------------------------------------------------------===//
// One access
//===----------------------------------------------------------------------===//

/// Words of one phase; each bank gives one of them per wavefront.
static uint64_t sortedWavefronts(uint64_t (&words)[32], unsigned count,
                                 bool serialised) {
  std::sort(words, words + count);
  uint64_t ofBank[32] = {}, most = 0;
  for (unsigned i = 0; i < count; ++i)
    if (serialised || i == 0 || words[i] != words[i - 1])
      most = std::max(most, ++ofBank[words[i] % 32]);
  return most;
}

/// The same, without sorting where no bank is asked for two words.
static uint64_t phaseWavefronts(uint64_t (&words)[32], unsigned count,
                                bool serialised) {
  uint64_t ofBank[32];
  uint32_t seen = 0;
  for (unsigned i = 0; i < count; ++i) {
    unsigned bank = words[i] % 32;
    bool again = seen >> bank & 1;
    if (again && (serialised || ofBank[bank] != words[i]))
      return sortedWavefronts(words, count, serialised);
    seen |= 1u << bank;
    ofBank[bank] = words[i];
  }
  return count > 0;
}

Wavefronts nybl::emu::countWavefronts(const uint64_t (&addresses)[32],
                                      uint32_t active, unsigned bytes,
                                      bool serialised) {
  unsigned wordsPerLane = std::max(bytes / 4, 1u);
  unsigned lanesPerPhase = 32 / std::min(wordsPerLane, 32u);
  Wavefronts result;
  for (unsigned first = 0; first < 32; first += lanesPerPhase) {
    uint64_t words[32];
    unsigned count = 0;
    for (unsigned lane = first; lane < first + lanesPerPhase; ++lane)
      for (unsigned i = 0; active >> lane & 1 && i < wordsPerLane; ++i)
        words[count++] = addresses[lane] / 4 + i;
    result.ideal += count > 0;
    result.taken += phaseWavefronts(words, count, serialised);
  }
  return result;
}

Wavefronts nybl::emu::countMatrixWavefronts(const uint64_t (&rows)[32],
                                            unsigned count) {
  uint32_t active = count >= 32 ? allLanes : (1u << count) - 1;
  return countWavefronts(rows, active, 16);
}

Sectors nybl::emu::countSectors(const uint64_t (&addresses)[32],
                                uint32_t active, const uint32_t (&bytes)[32]) {
  struct Piece {
    uint64_t sector;
    uint32_t used; ///< a bit for each byte
  };
  std::vector<Piece> pieces;
  pieces.reserve(64);
  for (uint32_t m = active; m; m &= m - 1) {
    auto lane = static_cast<unsigned>(__builtin_ctz(m));
    uint64_t at = addresses[lane], end = at + bytes[lane];
    while (at < end) {
      uint64_t stop = std::min(end, (at / 32 + 1) * 32), length = stop - at;
      uint32_t used = length == 32 ? ~0u : ((1u << length) - 1) << (at % 32);
      pieces.push_back({at / 32, used});
      at = stop;
    }
  }
  std::sort(pieces.begin(), pieces.end(),
            [](const Piece &a, const Piece &b) { return a.sector < b.sector; });
  Sectors result;
  for (size_t i = 0; i < pieces.size();) {
    uint32_t used = 0;
    uint64_t sector = pieces[i].sector;
    for (; i < pieces.size() && pieces[i].sector == sector; ++i)
      used |= pieces[i].used;
    ++result.sectors;
    result.bytes += static_cast<uint64_t>(__builtin_popcount(used));
  }
  return result;
}

//===----------------------------------------------------------------------===//
// Instructions
//===----------------------------------------------------------------------===//

Counted nybl::emu::countedAs(std::string_view opcode) {
  std::string_view base = opcode.substr(0, opcode.find('.'));
  if (base == "ldmatrix" || base == "stmatrix")
    return Counted::Matrix;
  if (opcode.starts_with("cp.async.ca") || opcode.starts_with("cp.async.cg"))
    return Counted::CopyAsync;
  if (opcode.find(".async") != opcode.npos || opcode.starts_with("st.bulk"))
    return Counted::Nothing;
  if (base == "ld")
    return Counted::Load;
  if (base == "st")
    return Counted::Store;
  return base == "atom" || base == "red" ? Counted::Atomic : Counted::Nothing;
}

namespace {

/// Addresses of one instruction, apart by where they lead.
struct Targets {
  uint64_t addresses[32] = {};
  uint32_t bytes[32] = {};
  uint32_t shared = 0, global = 0; ///< lanes
};

Targets targetsOf(Warp &w, const Instr &in, uint32_t bytes) {
  Targets t;
  w.forActive([&](unsigned lane) {
    uint64_t address = addressOf(w, in, lane);
    bool isShared = in.space == MemorySpace::Shared ||
                    in.space == MemorySpace::SharedCluster;
    bool isGlobal =
        in.space == MemorySpace::Global || in.space == MemorySpace::Const;
    if (in.space == MemorySpace::Generic) {
      isShared = address - sharedWindow < windowBytes;
      bool isOther = address - localWindow < windowBytes ||
                     address - paramWindow < windowBytes;
      isGlobal = !isShared && !isOther;
      address -= isShared ? sharedWindow : 0;
    }
    t.addresses[lane] = address;
    t.bytes[lane] = bytes;
    t.shared |= uint32_t(isShared) << lane;
    t.global |= uint32_t(isGlobal) << lane;
  });
  return t;
}

void addWavefronts(Warp &w, const Wavefronts &more) {
  w.counters.sharedWavefronts += more.taken;
  w.counters.idealWavefronts += more.ideal;
  LineCounts &line = w.cta.lines[w.pc];
  line.wavefronts += more.taken;
  line.idealWavefronts += more.ideal;
}

void addSectors(Warp &w, const Sectors &more, bool isStore) {
  (isStore ? w.counters.sectorsStored : w.counters.sectorsLoaded) +=
      more.sectors;
  (isStore ? w.counters.bytesStored : w.counters.bytesLoaded) += more.bytes;
  LineCounts &line = w.cta.lines[w.pc];
  line.sectors += more.sectors;
  line.bytes += more.bytes;
}

void countAccess(Warp &w, const Instr &in) {
  if (in.space == MemorySpace::Param || in.space == MemorySpace::Local)
    return;
  uint32_t bytes = in.bytes * std::max(in.listCount, 1u);
  Targets t = targetsOf(w, in, bytes);
  bool atomic = in.counted == Counted::Atomic;
  if (t.shared)
    addWavefronts(w, countWavefronts(t.addresses, t.shared, bytes, atomic));
  if (t.global)
    addSectors(w, countSectors(t.addresses, t.global, t.bytes),
               in.counted != Counted::Load);
}

/// Eight rows for each matrix of registers, whatever the shape.
void countMatrix(Warp &w, const Instr &in) {
  unsigned count = std::min(8 * in.listCount, 32u);
  uint64_t rows[32] = {};
  for (unsigned lane = 0; lane < count; ++lane)
    rows[lane] = addressOf(w, in, lane);
  addWavefronts(w, countMatrixWavefronts(rows, count));
}

void countCopyAsync(Warp &w, const Instr &in) {
  Targets t;
  uint64_t from[32] = {};
  w.forActive([&](unsigned lane) {
    t.addresses[lane] = addressOf(w, in, lane);
    from[lane] = w.q(in.b)[lane] + static_cast<uint64_t>(int64_t(in.offset));
    uint32_t size = in.c == noSlot ? in.bytes : w.w(in.c)[lane];
    bool ignored = in.e != noSlot && w.predicate(in.e) >> lane & 1;
    t.bytes[lane] = ignored ? 0 : std::min<uint32_t>(size, in.bytes);
  });
  addWavefronts(w, countWavefronts(t.addresses, w.active, in.bytes));
  addSectors(w, countSectors(from, w.active, t.bytes), false);
}

} // namespace

void nybl::emu::countInstruction(Warp &w, const Instr &in) {
  ++w.cta.lines[w.pc].executions;
  switch (in.counted) {
  case Counted::Nothing:
    break;
  case Counted::Matrix:
    countMatrix(w, in);
    break;
  case Counted::CopyAsync:
    countCopyAsync(w, in);
    break;
  default:
    countAccess(w, in);
    break;
  }
}

//===----------------------------------------------------------------------===//
// Sums
//===----------------------------------------------------------------------===//

void LineCounts::add(const LineCounts &o) {
  executions += o.executions;
  wavefronts += o.wavefronts;
  idealWavefronts += o.idealWavefronts;
  sectors += o.sectors;
  bytes += o.bytes;
}

void nybl::emu::addCounts(const Cta &cta, std::vector<LineCounts> &lines,
                          Counters &to) {
  for (const Warp &w : cta.warps) {
    Counters own = w.counters;
    own.roles[std::min(w.id, Counters::mostRoles - 1)] = own.warpInstructions;
    own.mostBytesInFlight = cta.mostBytesInFlight;
    to.add(own);
  }
  lines.resize(std::max(lines.size(), cta.lines.size()));
  for (size_t pc = 0; pc < cta.lines.size(); ++pc)
    lines[pc].add(cta.lines[pc]);
}

/// One PTX instruction may be several decoded ones: helpers access nothing, and
/// the warps that execute it are those of its busiest part.
std::vector<CountedLine>
nybl::emu::countedLines(const Kernel &kernel,
                        const std::vector<LineCounts> &byPc) {
  std::vector<CountedLine> lines;
  for (size_t pc = 0; pc < byPc.size(); ++pc) {
    if (!byPc[pc].executions)
      continue;
    const SourceLine &source = kernel.source[pc];
    bool isNew = lines.empty() || lines.back().line != source.line ||
                 lines.back().text != source.text;
    if (isNew)
      lines.push_back({source.line, source.text, {}});
    LineCounts &counts = lines.back().counts;
    uint64_t executions = std::max(counts.executions, byPc[pc].executions);
    counts.add(byPc[pc]);
    counts.executions = executions;
  }
  return lines;
}
