// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Address resolution.

#include "tools/emulator/Exec/Access.h"

#include "tools/emulator/Exec/Cluster.h"

using namespace nybl::emu;

static Place window(Warp &w, uint8_t *data, uint8_t *shadow, MemorySpace space,
                    unsigned lane, uint64_t offset, uint32_t bytes,
                    uint64_t size, uint64_t base) {
  if (offset <= size && bytes <= size - offset)
    return {data + base + offset, shadow ? shadow + base + offset : nullptr,
            space};
  w.report(FindingKind::OutOfBounds, lane, offset,
           std::to_string(bytes) + " bytes at offset " +
               std::to_string(offset) + " of " + std::to_string(size) +
               " bytes of " + name(space) + " memory");
  return {};
}

static MemorySpace spaceOf(const Allocation &a) {
  return a.isConstant ? MemorySpace::Const : MemorySpace::Global;
}

static Place global(Warp &w, unsigned lane, uint64_t address, uint32_t bytes) {
  Allocation *hit = w.lastHit;
  bool inside = hit && hit->live.load(std::memory_order_relaxed) &&
                address - hit->base < hit->size &&
                bytes <= hit->size - (address - hit->base);
  if (!inside) {
    Report report;
    hit = w.cta.memory.find(address, bytes, &report);
    if (!hit) {
      w.report(report.kind, lane, address, report.message);
      return {};
    }
    w.lastHit = hit;
  }
  uint64_t offset = address - hit->base;
  return {hit->data.get() + offset, hit->shadow.get() + offset, spaceOf(*hit)};
}

/// Shared memory of the own CTA or, in shared::cluster, of another one.
static Place shared(Warp &w, bool ownOnly, unsigned lane, uint64_t address,
                    uint32_t bytes) {
  Cta *owner = &w.cta;
  uint64_t rank = address >> sharedRankShift;
  if (rank != w.cta.rank) {
    const auto &ctas = w.cta.cluster.ctas;
    bool exists = rank < ctas.size();
    if (ownOnly || !exists || ctas[rank]->ended) {
      w.report(
          FindingKind::OutOfBounds, lane, address,
          !exists   ? "no CTA of the cluster has rank " + std::to_string(rank)
          : ownOnly ? "the address is another CTA's, of rank " +
                          std::to_string(rank) + "; expected .shared::cluster"
                    : "CTA rank " + std::to_string(rank) + " has ended");
      return {};
    }
    owner = ctas[rank].get();
  }
  uint64_t offset = address & sharedOffsetMask;
  Place place =
      window(w, owner->shared.data(), owner->sharedShadow.data(),
             MemorySpace::Shared, lane, offset, bytes, owner->shared.size(), 0);
  place.cta = owner;
  place.offset = static_cast<uint32_t>(offset);
  return place;
}

Place nybl::emu::resolve(Warp &w, MemorySpace space, unsigned lane,
                         uint64_t address, uint32_t bytes) {
  return resolveRange(w, space, lane, address, bytes, bytes);
}

Place nybl::emu::resolveRange(Warp &w, MemorySpace space, unsigned lane,
                              uint64_t address, uint32_t bytes,
                              uint32_t alignment) {
  if (alignment > 1 && address % alignment != 0) {
    w.report(FindingKind::Misaligned, lane, address,
             "an access of " + std::to_string(bytes) +
                 " bytes at an address that is no multiple of " +
                 (alignment == bytes ? "it" : std::to_string(alignment)));
    return {};
  }
  if (space == MemorySpace::Generic) {
    if (address - sharedWindow < windowBytes) {
      space = MemorySpace::SharedCluster;
      address -= sharedWindow;
    } else if (address - localWindow < windowBytes) {
      space = MemorySpace::Local;
      address -= localWindow;
    } else if (address - paramWindow < windowBytes) {
      space = MemorySpace::Param;
      address -= paramWindow;
    } else {
      space = MemorySpace::Global;
    }
  }
  Cta &cta = w.cta;
  switch (space) {
  case MemorySpace::Shared:
  case MemorySpace::SharedCluster:
    return shared(w, space == MemorySpace::Shared, lane, address, bytes);
  case MemorySpace::Local: {
    uint64_t size = w.kernel.info.localBytes;
    return window(w, w.local.data(),
                  w.localShadow.empty() ? nullptr : w.localShadow.data(), space,
                  lane, address, bytes, size, lane * size);
  }
  case MemorySpace::Param: // whoever writes looks at Place::space first
    return window(w, const_cast<uint8_t *>(cta.parameters), nullptr, space,
                  lane, address, bytes, w.kernel.info.parameterBytes, 0);
  default: // constants lie in global memory, and say so
    return global(w, lane, address, bytes);
  }
}

LikelyPlace nybl::emu::likelyPlace(Warp &w, MemorySpace space,
                                   uint64_t address) {
  Cta &cta = w.cta;
  uint64_t base = cta.sharedAddress(0);
  bool isShared =
      space == MemorySpace::Shared || space == MemorySpace::SharedCluster;
  if (space == MemorySpace::Generic && address - sharedWindow < windowBytes) {
    isShared = true;
    base += sharedWindow;
  }
  if (isShared)
    return {cta.shared.data(), cta.sharedShadow.data(), base,
            cta.shared.size(), MemorySpace::Shared,     &cta};
  Allocation *hit = w.lastHit;
  if (space == MemorySpace::Local || space == MemorySpace::Param || !hit ||
      !hit->live.load(std::memory_order_relaxed))
    return {};
  return {hit->data.get(), hit->shadow.get(), hit->base,
          hit->size,       spaceOf(*hit),     nullptr};
}

bool nybl::emu::checkWritable(Warp &w, const Place &place, unsigned lane,
                              uint64_t address) {
  if (place.space != MemorySpace::Param && place.space != MemorySpace::Const)
    return true;
  w.report(FindingKind::OutOfBounds, lane, address,
           place.space == MemorySpace::Param
               ? "parameters of a kernel cannot be written"
               : "constant memory cannot be written");
  return false;
}

bool nybl::emu::checkInitialised(Warp &w, const Place &place, unsigned lane,
                                 uint64_t address, uint32_t bytes) {
  if (!w.cta.config.checks || !place.shadow)
    return true;
  for (uint32_t i = 0; i < bytes; ++i)
    if (!(loadWord<uint8_t>(place.shadow + i) & shadow::initialised)) {
      std::string where = place.space == MemorySpace::Global
                              ? w.cta.memory.nameOf(address + i)
                              : "offset " + std::to_string(address + i);
      w.report(FindingKind::UninitialisedRead, lane, address + i,
               "nobody has written this byte of " +
                   std::string(name(place.space)) + " memory, " + where);
      return false;
    }
  return true;
}

static bool reportInFlight(Warp &w, const Place &place, unsigned lane,
                           uint64_t address, uint32_t bytes, bool isStore) {
  const AsyncQueue &queue = w.cta.cluster.async;
  const AsyncOp *op = queue.writer(*place.cta, place.offset, bytes);
  bool writes = op != nullptr;
  if (!op && isStore)
    op = queue.reader(*place.cta, place.offset, bytes);
  if (!op)
    return false;
  w.report(FindingKind::InFlight, lane, address,
           std::string(isStore ? "a store to" : "a load of") +
               " bytes of shared memory that " + op->what + " of PTX line " +
               std::to_string(w.kernel.source[op->pc].line) +
               (writes ? " has yet to write" : " has yet to read") +
               ": nothing has waited for it");
  return true;
}

bool nybl::emu::checkInFlight(Warp &w, const Place &place, unsigned lane,
                              uint64_t address, uint32_t bytes, bool isStore) {
  if (!place.cta)
    return true;
  uint8_t any = 0;
  for (uint32_t i = 0; i < bytes; ++i)
    any |= place.shadow[i];
  if (!(any & (shadow::inFlight | shadow::mbarrier)))
    return true;
  if (any & shadow::mbarrier) {
    w.report(FindingKind::MbarrierMisuse, lane, address,
             std::string(isStore ? "a store to" : "a load of") +
                 " a live mbarrier, whose bytes are opaque");
    return false;
  }
  return !reportInFlight(w, place, lane, address, bytes, isStore);
}

bool nybl::emu::checkSettled(Warp &w, const Place &place, unsigned lane,
                             uint64_t address, uint32_t bytes, bool isStore) {
  return checkInFlight(w, place, lane, address, bytes, isStore) &&
         (!w.races || w.races->access(w, place, lane, address, bytes, isStore));
}

bool nybl::emu::rowAddressesAreClean(Warp &w, const Instr &in, unsigned count) {
  if (w.cta.config.recorder)
    return true;
  for (unsigned lane = 0; lane < count; ++lane)
    if (w.taint(in.a)[lane]) {
      w.report(FindingKind::PoisonSteers, lane, addressOf(w, in, lane),
               "a marked byte is part of an address");
      return false;
    }
  return true;
}
