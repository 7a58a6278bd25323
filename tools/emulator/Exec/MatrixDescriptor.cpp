// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Addresses of matrices in shared memory. A chunk is 16 bytes; the canonical
// layouts are those of PTX ISA 9.1 §9.7.16.3.3.

#include "tools/emulator/Exec/MatrixDescriptor.h"

#include "tools/emulator/Exec/Cluster.h"
#include <algorithm>
#include <cstring>

using namespace nybl::emu;

static constexpr uint32_t chunkBytes = 16;

/// A field of 14 bits counts chunks.
static uint32_t chunksAt(uint64_t bits, unsigned shift) {
  return static_cast<uint32_t>(bits >> shift & 0x3fff) * chunkBytes;
}

std::string MatrixDescriptor::decodeTcgen05(uint64_t bits) {
  start = chunksAt(bits, 0);
  leading = chunksAt(bits, 16);
  stride = chunksAt(bits, 32);
  baseOffset = bits >> 49 & 7;
  if ((bits >> 46 & 7) != 1)
    return "bits 48:46 of a shared memory descriptor must be 0b001";
  if (bits >> 52 & 1)
    return "the emulator does not know a leading dimension given as an "
           "absolute address (bit 52)";
  if (bits >> 53 & 0xff)
    return "bits 60:53 of a shared memory descriptor must be 0";
  switch (bits >> 61) {
  case 0:
    swizzle = Swizzle::None;
    break;
  case 1:
    swizzle = Swizzle::B128Atom32;
    break;
  case 2:
    swizzle = Swizzle::B128;
    break;
  case 4:
    swizzle = Swizzle::B64;
    break;
  case 6:
    swizzle = Swizzle::B32;
    break;
  default:
    return "no swizzle mode of shared memory descriptors has the number " +
           std::to_string(bits >> 61);
  }
  return "";
}

std::string MatrixDescriptor::decodeWgmma(uint64_t bits) {
  static constexpr Swizzle modes[] = {Swizzle::None, Swizzle::B128,
                                      Swizzle::B64, Swizzle::B32};
  start = chunksAt(bits, 0);
  leading = chunksAt(bits, 16);
  stride = chunksAt(bits, 32);
  baseOffset = bits >> 49 & 7;
  swizzle = modes[bits >> 62];
  return "";
}

unsigned MatrixDescriptor::swizzleBytes() const {
  switch (swizzle) {
  case Swizzle::None:
    return 16;
  case Swizzle::B32:
    return 32;
  case Swizzle::B64:
    return 64;
  default:
    return 128;
  }
}

/// The exclusive or takes bits of the absolute address, so that a start within
/// a pattern (the next k of a tile) needs no base offset; one moves the
/// pattern.
uint32_t MatrixDescriptor::place(uint32_t offset) const {
  uint32_t at = start + offset, shift = uint32_t(baseOffset) << 7;
  return swizzled(at - shift, swizzle) + shift;
}

uint32_t MatrixDescriptor::kMajorChunk(uint32_t row, uint32_t column) const {
  uint32_t width = swizzleBytes();
  uint32_t step = swizzle == Swizzle::None ? leading : chunkBytes;
  return place(row / 8 * stride + row % 8 * width + column * step);
}

uint32_t MatrixDescriptor::mnMajorChunk(uint32_t k, uint32_t column) const {
  if (swizzle == Swizzle::None)
    return place(column * stride + k % 8 * chunkBytes + k / 8 * leading);
  uint32_t width = swizzleBytes(), perRow = width / chunkBytes;
  uint32_t rows = swizzle == Swizzle::B128Atom32 ? 4 : 8;
  return place(column / perRow * leading + column % perRow * chunkBytes +
               k % rows * width + k / rows * stride);
}

/// f(offset in shared memory, row or k, column).
template <typename F>
void MatrixOperand::eachChunk(F f) const {
  if (!mnMajor) {
    for (uint32_t row = 0; row < rows; ++row)
      for (uint32_t c = 0; c < rowBytes / chunkBytes; ++c)
        f(descriptor.kMajorChunk(row, c), row, c);
    return;
  }
  for (uint32_t k = 0; k < rowBytes / elementBytes; ++k)
    for (uint32_t c = 0; c * chunkBytes < rows * elementBytes; ++c)
      f(descriptor.mnMajorChunk(k, c), k, c);
}

std::vector<SharedRange> MatrixOperand::ranges() const {
  std::vector<uint32_t> offsets;
  eachChunk([&](uint32_t at, uint32_t, uint32_t) { offsets.push_back(at); });
  std::sort(offsets.begin(), offsets.end());
  std::vector<SharedRange> result;
  for (uint32_t at : offsets) {
    if (!result.empty() && result.back().offset + result.back().bytes >= at)
      result.back().bytes = at + chunkBytes - result.back().offset;
    else
      result.push_back({cta, at, chunkBytes});
  }
  return result;
}

bool MatrixOperand::check(Warp &w, unsigned lane, const char *what) const {
  auto report = [&](FindingKind kind, uint32_t at, const std::string &text) {
    w.report(kind, lane, cta->sharedAddress(at), std::string(what) + text);
  };
  bool fine = true;
  eachChunk([&](uint32_t at, uint32_t row, uint32_t column) {
    if (!fine)
      return;
    auto where = [&] {
      return " (16 bytes at offset " + std::to_string(at) +
             (mnMajor ? ", k " : ", row ") + std::to_string(row) + ", piece " +
             std::to_string(column) + ")";
    };
    if (uint64_t(at) + chunkBytes > cta->shared.size()) {
      fine = false;
      return report(FindingKind::OutOfBounds, at,
                    " leaves the " + std::to_string(cta->shared.size()) +
                        " bytes of shared memory" + where());
    }
    uint8_t any = 0, all = 0xff;
    for (uint32_t i = 0; i < chunkBytes; ++i) {
      any |= cta->sharedShadow[at + i];
      all &= i < usedBytes ? cta->sharedShadow[at + i] : 0xff;
    }
    const AsyncOp *writer =
        any & shadow::inFlight ? cta->cluster.async.writer(*cta, at, chunkBytes)
                               : nullptr;
    if (writer) {
      fine = false;
      return report(
          FindingKind::InFlight, at,
          std::string(" has bytes that ") + writer->what + " of PTX line " +
              std::to_string(w.kernel.source[writer->pc].line) +
              " has yet to write: nothing has waited for it" + where());
    }
    if (w.cta.config.checks && !(all & shadow::initialised)) {
      fine = false;
      report(FindingKind::UninitialisedRead, at,
             " has bytes that nobody has written" + where());
    }
  });
  return fine;
}

void MatrixOperand::read(uint8_t *to, uint8_t *marks) const {
  const uint8_t *data = cta->shared.data(), *shadow = cta->sharedShadow.data();
  if (!mnMajor) {
    eachChunk([&](uint32_t at, uint32_t row, uint32_t column) {
      size_t target = size_t(row) * rowBytes + column * chunkBytes;
      std::memcpy(to + target, data + at, chunkBytes);
      if (marks)
        std::memcpy(marks + target, shadow + at, chunkBytes);
    });
    return;
  }
  eachChunk([&](uint32_t at, uint32_t k, uint32_t column) {
    uint32_t perChunk = chunkBytes / elementBytes;
    for (uint32_t i = 0; i < perChunk; ++i) {
      size_t target =
          size_t(column * perChunk + i) * rowBytes + k * elementBytes;
      std::memcpy(to + target, data + at + i * elementBytes, elementBytes);
      if (marks)
        std::memcpy(marks + target, shadow + at + i * elementBytes,
                    elementBytes);
    }
  });
}
