// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Allocation, look-up, host access.

#include "tools/emulator/Memory/GlobalMemory.h"

#include <cstring>
#include <mutex>

using namespace nybl::emu;

/// Between allocations: larger than any tile, so that an index error of a whole
/// tile still falls into the gap.
static constexpr uint64_t guardBytes = uint64_t(1) << 22;
static constexpr uint64_t alignment = 512;

/// Above this size fresh memory is left as the system gives it (zeros); below
/// it is filled, so that nobody takes fresh memory for zeros.
static constexpr uint64_t mostFilled = uint64_t(1) << 28;
static constexpr uint8_t freshByte = 0xcb;

static uint64_t roundUp(uint64_t value, uint64_t to) {
  return (value + to - 1) / to * to;
}

static Bytes zeroedBytes(uint64_t bytes) {
  return Bytes(static_cast<uint8_t *>(std::calloc(bytes, 1)));
}

Expected<uint64_t> GlobalMemory::allocate(uint64_t bytes) {
  {
    std::unique_lock lock(mutex);
    if (bytes == 0 || bytes > capacity - inUse)
      return Error{"expected a request of 1 to " +
                   std::to_string(capacity - inUse) + " bytes, got " +
                   std::to_string(bytes)};
    inUse += bytes;
  }
  auto allocation = std::make_unique<Allocation>();
  allocation->size = bytes;
  allocation->data = zeroedBytes(bytes);
  allocation->shadow = zeroedBytes(bytes);
  bool complete = allocation->data && allocation->shadow;
  if (complete && bytes <= mostFilled)
    std::memset(allocation->data.get(), freshByte, bytes);
  std::unique_lock lock(mutex);
  if (!complete) {
    inUse -= bytes;
    return Error{"the host has no memory for " + std::to_string(bytes) +
                 " bytes and their shadow"};
  }
  allocation->base = nextBase;
  nextBase = roundUp(nextBase + bytes + guardBytes, alignment);
  uint64_t base = allocation->base;
  allocations.emplace(base, std::move(allocation));
  return base;
}

bool GlobalMemory::release(uint64_t address) {
  std::unique_lock lock(mutex);
  auto found = allocations.find(address);
  if (found == allocations.end() || !found->second->live)
    return false;
  found->second->live = false;
  inUse -= found->second->size;
  // The contents go; the range stays known so that late users are named.
  found->second->data.reset();
  found->second->shadow.reset();
  outputs.erase(outputs.lower_bound(address),
                outputs.lower_bound(address + found->second->size));
  return true;
}

Allocation *GlobalMemory::find(uint64_t address, uint64_t bytes,
                               Report *report) const {
  std::shared_lock lock(mutex);
  auto next = allocations.upper_bound(address);
  Allocation *before =
      next == allocations.begin() ? nullptr : std::prev(next)->second.get();
  bool inside = before && address - before->base < before->size &&
                bytes <= before->size - (address - before->base);
  if (inside && before->live)
    return before;
  if (!report)
    return nullptr;
  report->address = address;
  report->kind = inside ? FindingKind::UseAfterFree : FindingKind::OutOfBounds;
  std::string access = std::to_string(bytes) + " bytes";
  if (inside)
    report->message = access + " of a buffer that was freed";
  else if (before && address - before->base < before->size + guardBytes)
    report->message = access + " at offset " +
                      std::to_string(address - before->base) +
                      " of a buffer of " + std::to_string(before->size);
  else
    report->message = access + " where no buffer lies";
  return nullptr;
}

bool GlobalMemory::write(uint64_t address, const void *from, uint64_t bytes) {
  if (bytes == 0)
    return true;
  Allocation *a = find(address, bytes, nullptr);
  if (!a)
    return false;
  std::memcpy(a->data.get() + (address - a->base), from, bytes);
  std::memset(a->shadow.get() + (address - a->base), shadow::initialised,
              bytes);
  return true;
}

bool GlobalMemory::read(void *to, uint64_t address, uint64_t bytes) const {
  if (bytes == 0)
    return true;
  Allocation *a = find(address, bytes, nullptr);
  if (a)
    std::memcpy(to, a->data.get() + (address - a->base), bytes);
  return a != nullptr;
}

bool GlobalMemory::fill(uint64_t address, const void *pattern, unsigned width,
                        uint64_t count) {
  if (count == 0)
    return true;
  if (width == 0 || count > capacity / width)
    return false;
  Allocation *a = find(address, width * count, nullptr);
  if (!a)
    return false;
  uint8_t *to = a->data.get() + (address - a->base);
  for (uint64_t i = 0; i < count; ++i)
    std::memcpy(to + i * width, pattern, width);
  std::memset(a->shadow.get() + (address - a->base), shadow::initialised,
              width * count);
  return true;
}

bool GlobalMemory::copy(uint64_t to, uint64_t from, uint64_t bytes) {
  if (bytes == 0)
    return true;
  Allocation *target = find(to, bytes, nullptr);
  Allocation *source = find(from, bytes, nullptr);
  if (!target || !source)
    return false;
  std::memmove(target->data.get() + (to - target->base),
               source->data.get() + (from - source->base), bytes);
  std::memmove(target->shadow.get() + (to - target->base),
               source->shadow.get() + (from - source->base), bytes);
  return true;
}

bool GlobalMemory::setPoison(uint64_t address, uint64_t bytes, bool on) {
  if (bytes == 0)
    return true;
  Allocation *a = find(address, bytes, nullptr);
  if (!a)
    return false;
  uint8_t *at = a->shadow.get() + (address - a->base);
  for (uint64_t i = 0; i < bytes; ++i)
    at[i] = on ? at[i] | shadow::poison : at[i] & ~shadow::poison;
  return true;
}

void GlobalMemory::declareOutput(uint64_t base, std::string name, uint64_t rows,
                                 uint64_t columns, uint64_t rowStride,
                                 uint32_t elementBytes) {
  std::unique_lock lock(mutex);
  outputs[base] = {std::move(name), rows, columns, rowStride, elementBytes};
}

std::string GlobalMemory::nameOf(uint64_t address) const {
  std::shared_lock lock(mutex);
  auto next = outputs.upper_bound(address);
  if (next != outputs.begin()) {
    auto &[base, o] = *std::prev(next);
    uint64_t offset = address - base;
    uint64_t row = o.rowStride ? offset / o.rowStride : 0;
    uint64_t column =
        (offset - row * o.rowStride) / (o.elementBytes ? o.elementBytes : 1);
    if (row < o.rows && column < o.columns)
      return o.name + "[" + std::to_string(row) + ", " +
             std::to_string(column) + "]";
  }
  auto after = allocations.upper_bound(address);
  if (after == allocations.begin())
    return "no buffer";
  const Allocation &a = *std::prev(after)->second;
  return "byte " + std::to_string(address - a.base) + " of a buffer of " +
         std::to_string(a.size);
}
