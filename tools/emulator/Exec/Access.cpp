// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Address resolution.

#include "tools/emulator/Exec/Access.h"

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
  return {hit->data.get() + offset, hit->shadow.get() + offset,
          MemorySpace::Global};
}

Place nybl::emu::resolve(Warp &w, MemorySpace space, unsigned lane,
                         uint64_t address, uint32_t bytes) {
  if (bytes > 1 && address % bytes != 0) {
    w.report(FindingKind::Misaligned, lane, address,
             "an access of " + std::to_string(bytes) +
                 " bytes at an address that is no multiple of it");
    return {};
  }
  if (space == MemorySpace::Generic) {
    if (address - sharedWindow < windowBytes) {
      space = MemorySpace::Shared;
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
    return window(w, cta.shared.data(), cta.sharedShadow.data(), space, lane,
                  address, bytes, cta.shared.size(), 0);
  case MemorySpace::Local: {
    uint64_t size = w.kernel.info.localBytes;
    return window(w, w.local.data(),
                  w.localShadow.empty() ? nullptr : w.localShadow.data(), space,
                  lane, address, bytes, size, lane * size);
  }
  case MemorySpace::Param: // whoever writes looks at Place::space first
    return window(w, const_cast<uint8_t *>(cta.parameters), nullptr, space,
                  lane, address, bytes, w.kernel.info.parameterBytes, 0);
  default: // constants lie in global memory
    return global(w, lane, address, bytes);
  }
}

bool nybl::emu::checkInitialised(Warp &w, const Place &place, unsigned lane,
                                 uint64_t address, uint32_t bytes) {
  if (!w.cta.config.checks || !place.shadow)
    return true;
  for (uint32_t i = 0; i < bytes; ++i)
    if (!(place.shadow[i] & shadow::initialised)) {
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
