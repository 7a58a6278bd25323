// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Operands of asynchronous copies, and what all of these check.

#include "tools/emulator/Exec/CopyOperands.h"

#include "tools/emulator/Exec/Cluster.h"
#include <cstring>

using namespace nybl::emu;

void CopyOperands::add(Slot slot, bool wide, int64_t offset) {
  if (offset < INT32_MIN || offset > INT32_MAX)
    d.fail("expected an offset of 32 bits");
  words.insert(words.end(), {slot, wide, static_cast<uint32_t>(offset)});
}

void CopyOperands::address(size_t operand) {
  Instr before = d.out;
  d.address(operand);
  Slot slot = d.out.a;
  bool wide = d.out.flag;
  int64_t offset = d.out.imm;
  d.out = before;
  add(slot, wide, offset);
}

void CopyOperands::valueOf(const ptx::Operand &operand, Type type) {
  add(d.slotOf(operand, type), bytesOf(type) == 8, 0);
}

void nybl::emu::taintCopyOperands(Warp &w, const Instr &in) {
  w.forActive([&](unsigned lane) {
    for (uint32_t i = 0; i < in.listCount && !w.cta.failed(); i += 3) {
      Slot slot = w.kernel.lists[in.list + i];
      if (slot != noSlot && w.taint(slot)[lane])
        w.report(FindingKind::PoisonSteers, lane,
                 copyOperand(w, in, i / 3, lane),
                 "a marked byte is part of an address, size or coordinate of "
                 "an asynchronous operation");
    }
  });
}

MemorySpace nybl::emu::takeNextSpace(Decoder &d) {
  static constexpr std::pair<std::string_view, MemorySpace> spaces[] = {
      {"global", MemorySpace::Global},
      {"shared::cta", MemorySpace::Shared},
      {"shared::cluster", MemorySpace::SharedCluster}};
  for (size_t i = 0; i < d.qualifiers.size(); ++i)
    for (auto &[name, space] : spaces)
      if (d.qualifiers[i] == name) {
        d.qualifiers.erase(d.qualifiers.begin() + static_cast<long>(i));
        return space;
      }
  return MemorySpace::Generic;
}

bool nybl::emu::takeCachePolicy(Decoder &d, size_t i) {
  if (!d.take("L2::cache_hint"))
    return false;
  if (i < d.source->operands.size())
    d.slot(i, Type::B64);
  return true;
}

bool nybl::emu::checkNoMbarrier(Warp &w, const Place &place, unsigned lane,
                                uint64_t address, uint32_t bytes) {
  uint8_t any = 0;
  for (uint32_t i = 0; i < bytes; ++i)
    any |= place.shadow[i];
  if (any & shadow::mbarrier)
    w.report(FindingKind::MbarrierMisuse, lane, address,
             "an asynchronous operation is to work on a live mbarrier, whose "
             "bytes are opaque");
  return !(any & shadow::mbarrier);
}

Place nybl::emu::resolveMbarrier(Warp &w, const Instr &in, MemorySpace space,
                                 unsigned k, unsigned lane) {
  uint64_t address = copyOperand(w, in, k, lane);
  Place place = resolve(w, space, lane, address, 8);
  if (place.data && !place.cta) {
    w.report(FindingKind::MbarrierMisuse, lane, address,
             "expected an mbarrier in shared memory");
    return {};
  }
  return place;
}

/// Whose mbarrier a load into `cta` signals, given the one that was named.
static Cta *signalledBy(Cta &cta, const Cta &named, bool multicast,
                        bool pairs) {
  const auto &ctas = cta.cluster.ctas;
  if (!multicast &&
      (cta.rank == named.rank || (pairs && (cta.rank ^ 1) == named.rank)))
    return ctas[named.rank].get();
  if (!multicast)
    return nullptr;
  unsigned rank = pairs ? (cta.rank & ~1u) | (named.rank & 1) : cta.rank;
  return rank < ctas.size() ? ctas[rank].get() : nullptr;
}

std::vector<Receiver>
nybl::emu::receiversOf(Warp &w, const Instr &in, unsigned mask, bool pairs,
                       const Place &to, const Place &barrier, unsigned lane) {
  bool multicast = hasCopyOperand(w, in, mask);
  auto bits = multicast ? static_cast<uint32_t>(copyOperand(w, in, mask, lane))
                        : 1u << to.cta->rank;
  const auto &ctas = w.cta.cluster.ctas;
  std::vector<Receiver> receivers;
  for (; bits & 0xffff; bits &= bits - 1) {
    auto rank = static_cast<unsigned>(__builtin_ctz(bits));
    std::string problem;
    Cta *cta = rank < ctas.size() ? ctas[rank].get() : nullptr;
    Cta *signals =
        cta ? signalledBy(*cta, *barrier.cta, multicast, pairs) : nullptr;
    if (!cta || cta->ended)
      problem = "the mask names CTA rank " + std::to_string(rank) +
                (cta ? ", which has ended"
                     : " of a cluster of " + std::to_string(ctas.size()));
    else if (!signals)
      problem = "the mbarrier is not in the CTA that the data goes to";
    if (!problem.empty()) {
      w.report(FindingKind::AsyncMisuse, lane, bits, problem);
      return {};
    }
    receivers.push_back({cta, signals});
  }
  return receivers;
}

void nybl::emu::copyShadow(uint8_t *to, const uint8_t *from, uint32_t bytes) {
  for (uint32_t i = 0; i < bytes; ++i)
    to[i] = from[i] & (shadow::poison | shadow::initialised);
}

void CopiedBytes::take(const SharedRange &from) {
  size_t at = data.size();
  data.resize(at + from.bytes);
  shadow.resize(at + from.bytes);
  std::memcpy(&data[at], &from.cta->shared[from.offset], from.bytes);
  copyShadow(&shadow[at], &from.cta->sharedShadow[from.offset], from.bytes);
}

bool nybl::emu::checkMayReachGlobal(const AsyncOp &op, uint64_t address,
                                    const uint8_t *marks, uint32_t bytes) {
  const LaunchConfig &config = op.cta->config;
  uint8_t bad = config.poison && !config.recorder ? shadow::poison : 0;
  uint8_t needed = config.checks ? shadow::initialised : 0;
  for (uint32_t i = 0; i < bytes; ++i) {
    if (marks[i] & bad)
      op.report(FindingKind::PoisonStored, address + i,
                "a marked byte reached " + op.cta->memory.nameOf(address + i));
    else if (needed & ~marks[i])
      op.report(FindingKind::UninitialisedRead, address + i,
                std::string(op.what) + " brings to " +
                    op.cta->memory.nameOf(address + i) +
                    " a byte of shared memory that nobody has written");
    else
      continue;
    return false;
  }
  return true;
}

/// Marks of an element afterwards; false: reported.
static bool reduceShadow(const AsyncOp &op, const ReduceTarget &to,
                         const uint8_t *from, uint32_t at, unsigned size) {
  const LaunchConfig &config = op.cta->config;
  uint8_t marks = 0, known = shadow::initialised;
  for (unsigned k = 0; k < size; ++k) {
    marks |= (to.shadow[at + k] | from[at + k]) & shadow::poison;
    known &= to.shadow[at + k];
  }
  if (config.checks && !known) {
    op.report(
        FindingKind::UninitialisedRead, to.address + at,
        std::string(op.what) +
            " reduces into memory that nobody has "
            "written" +
            (to.isGlobal ? ", " + op.cta->memory.nameOf(to.address + at) : ""));
    return false;
  }
  if (marks)
    for (unsigned k = 0; k < size; ++k)
      to.shadow[at + k] |= shadow::poison;
  return true;
}

void nybl::emu::reduceInto(const AsyncOp &op, const Reduction &reduction,
                           const ReduceTarget &to, const uint8_t *data,
                           const uint8_t *marks, uint32_t bytes) {
  if (to.isGlobal && !checkMayReachGlobal(op, to.address, marks, bytes))
    return;
  unsigned size = bytesOf(reduction.type);
  for (uint32_t at = 0; at < bytes; at += size)
    if (!reduceShadow(op, to, marks, at, size))
      return;
  reduction.applyToAll(to.data, data, bytes);
}
