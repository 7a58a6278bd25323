// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Allocation, look-up, host access.

#include "tools/emulator/Memory/GlobalMemory.h"

#include <algorithm>
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

static Bytes zeroedBytes(uint64_t bytes, unsigned before = 0) {
  auto *block = static_cast<uint8_t *>(std::calloc(bytes + before, 1));
  return block ? Bytes(block + before, FreeBytes{true, before}) : nullptr;
}

/// The uses that began between two releases, and what the second released. Uses
/// of earlier generations may reach that too: each generation holds the next.
struct GlobalMemory::Generation {
  Allocation *released = nullptr;
  std::shared_ptr<Generation> next;

  ~Generation() {
    std::shared_ptr<Generation> rest = take(*this);
    if (released) {
      released->data.reset();
      released->shadow.reset();
    }
    // One after the other: a long chain would need a deep stack.
    while (rest && rest.use_count() == 1)
      rest = take(*rest);
  }

  /// Of all chains: who reads the links of a generation has seen them written.
  static std::mutex links;

  static std::shared_ptr<Generation> take(Generation &generation) {
    std::lock_guard lock(links);
    return std::move(generation.next);
  }
};

std::mutex GlobalMemory::Generation::links;

GlobalMemory::GlobalMemory(uint64_t capacity)
    : capacity(capacity), generation(std::make_shared<Generation>()) {}

GlobalMemory::~GlobalMemory() = default;

GlobalMemory::Use GlobalMemory::use() {
  Use use;
  use.contents = std::shared_lock(contents);
  std::shared_lock lock(mutex);
  use.generation = generation;
  return use;
}

std::unique_lock<std::shared_mutex> GlobalMemory::useAlone() {
  return std::unique_lock(contents);
}

Expected<uint64_t> GlobalMemory::allocate(uint64_t bytes) {
  {
    std::unique_lock lock(mutex);
    if (bytes == 0 || bytes > capacity - inUse)
      return Error{"expected a request of 1 to " +
                   std::to_string(capacity - inUse) + " bytes, got " +
                   std::to_string(bytes)};
    // Addresses never come back; a program uses them up in days, if at all.
    if (windowEnd - nextBase < bytes + 2 * guardBytes)
      return Error{
          "there are no device addresses left; start the program anew"};
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

bool GlobalMemory::adopt(void *host, uint64_t bytes) {
  auto address = reinterpret_cast<uint64_t>(host);
  if (bytes == 0 || bytes > UINT64_MAX - address - 8)
    return false;
  auto allocation = std::make_unique<Allocation>();
  allocation->base = address;
  allocation->size = bytes;
  allocation->isHost = true;
  allocation->data = Bytes(static_cast<uint8_t *>(host), FreeBytes{false});
  // As far from a word's beginning as the host's bytes are (loadWord()).
  allocation->shadow = zeroedBytes(bytes, address % 8);
  if (!allocation->shadow)
    return false;
  std::memset(allocation->shadow.get(), shadow::initialised, bytes);
  std::unique_lock lock(mutex);
  auto first = allocations.upper_bound(address);
  if (first != allocations.begin() &&
      address - std::prev(first)->first < std::prev(first)->second->size)
    --first;
  auto last = allocations.lower_bound(address + bytes);
  for (auto range = first; range != last; ++range)
    if (range->second->live)
      return false;
  for (auto range = first; range != last; range = allocations.erase(range))
    forgotten.push_back(std::move(range->second));
  allocations.emplace(address, std::move(allocation));
  return true;
}

void GlobalMemory::protect(uint64_t address) {
  std::unique_lock lock(mutex);
  if (auto found = allocations.find(address); found != allocations.end())
    found->second->isConstant = true;
}

bool GlobalMemory::release(uint64_t address) {
  std::shared_ptr<Generation> before; // goes when the lock is free
  std::unique_lock lock(mutex);
  auto found = allocations.find(address);
  if (found == allocations.end() || !found->second->live)
    return false;
  found->second->live = false;
  if (!found->second->isHost)
    inUse -= found->second->size;
  // The contents go; the range stays known so that late users are named.
  before = std::move(generation);
  generation = std::make_shared<Generation>();
  {
    std::lock_guard links(Generation::links);
    before->released = found->second.get();
    before->next = generation;
  }
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

bool GlobalMemory::setMarks(uint64_t address,
                            const std::vector<uint8_t> &marks) {
  if (marks.empty())
    return true;
  Allocation *a = find(address, marks.size(), nullptr);
  if (!a)
    return false;
  uint8_t *at = a->shadow.get() + (address - a->base);
  for (size_t i = 0; i < marks.size(); ++i)
    at[i] = static_cast<uint8_t>((at[i] & ~shadow::poison) | marks[i]);
  return true;
}

GlobalMemory::Snapshot GlobalMemory::snapshot() const {
  std::shared_lock lock(mutex);
  Snapshot result;
  for (auto &[base, a] : allocations)
    if (a->live)
      result.pieces.push_back({base,
                               {a->data.get(), a->data.get() + a->size},
                               {a->shadow.get(), a->shadow.get() + a->size}});
  return result;
}

void GlobalMemory::restore(const Snapshot &snapshot, bool withPoison) {
  for (const Snapshot::Piece &piece : snapshot.pieces) {
    Allocation *a = find(piece.base, piece.data.size(), nullptr);
    if (!a)
      continue;
    std::copy(piece.data.begin(), piece.data.end(), a->data.get());
    std::transform(piece.shadow.begin(), piece.shadow.end(), a->shadow.get(),
                   [withPoison](uint8_t byte) {
                     return withPoison ? byte : byte & ~shadow::poison;
                   });
  }
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
