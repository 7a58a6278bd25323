// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encoding, decoding and the limits of tensor maps (CUDA driver API, "Tensor
// Map Object Management"; numbers of tensormap.replace: PTX ISA).

#include "tools/emulator/Device/TensorMap.h"

#include <algorithm>
#include <cstring>
#include <iterator>

using namespace nybl::emu;

static constexpr uint64_t tiled = 2;

unsigned nybl::emu::bitsOf(TensorElement type) {
  static constexpr uint8_t bits[] = {8,  16, 32, 32, 64, 64, 16, 32,
                                     64, 16, 32, 32, 32, 4,  4,  6};
  return bits[static_cast<unsigned>(type) & 15];
}

uint64_t nybl::emu::globalBytes(TensorElement type, uint64_t elements) {
  return elements * bitsOf(type) / 8;
}

uint64_t nybl::emu::sharedBytes(TensorElement type, uint64_t elements) {
  return isPadded(type) ? elements : globalBytes(type, elements);
}

static constexpr TensorElement ptxElements[] = {
    TensorElement::U8,       TensorElement::U16,      TensorElement::U32,
    TensorElement::S32,      TensorElement::U64,      TensorElement::S64,
    TensorElement::F16,      TensorElement::F32,      TensorElement::F32Ftz,
    TensorElement::F64,      TensorElement::Bf16,     TensorElement::Tf32,
    TensorElement::Tf32Ftz,  TensorElement::U4Align8, TensorElement::U4Align16,
    TensorElement::U6Align16};

std::optional<TensorElement> nybl::emu::elementOfPtx(unsigned number) {
  if (number >= std::size(ptxElements))
    return std::nullopt;
  return ptxElements[number];
}

/// By the number in a map. It is another one: public host code writes 11 for
/// packed 4-bit elements. Those from 12 on are the emulator's own.
static constexpr TensorElement mapElements[] = {
    TensorElement::U8,        TensorElement::U16,       TensorElement::U32,
    TensorElement::S32,       TensorElement::U64,       TensorElement::S64,
    TensorElement::F16,       TensorElement::F32,       TensorElement::F32Ftz,
    TensorElement::F64,       TensorElement::Bf16,      TensorElement::U4Align8,
    TensorElement::U4Align16, TensorElement::U6Align16, TensorElement::Tf32,
    TensorElement::Tf32Ftz};

static uint64_t mapNumber(TensorElement type) {
  auto at = std::find(std::begin(mapElements), std::end(mapElements), type);
  return static_cast<uint64_t>(at - std::begin(mapElements)) & 15;
}

static std::string at(const char *what, unsigned dimension) {
  return std::string(what) + "[" + std::to_string(dimension) + "]";
}

static std::string wanted(const std::string &what, const std::string &expected,
                          uint64_t got) {
  return "tensor map: expected " + what + " to be " + expected + ", got " +
         std::to_string(got);
}

static std::string checkEnums(const TensorMap &m) {
  if (m.elementType > TensorElement::U6Align16)
    return wanted("the element type", "0 to 15", unsigned(m.elementType));
  if (m.interleave > TensorInterleave::Bytes32)
    return wanted("the interleave", "0 to 2", unsigned(m.interleave));
  if (m.swizzle > TensorSwizzle::Bytes128Atom64)
    return wanted("the swizzle", "0 to 6", unsigned(m.swizzle));
  if (m.l2Promotion > 3)
    return wanted("the L2 promotion", "0 to 3", m.l2Promotion);
  if (m.oobFill > TensorFill::NaN)
    return wanted("the fill", "0 or 1", unsigned(m.oobFill));
  if (m.rank < 1 || m.rank > TensorMap::maxRank)
    return wanted("the rank", "1 to 5", m.rank);
  return "";
}

static std::string checkExtents(const TensorMap &m, uint64_t unit) {
  for (unsigned i = 0; i < m.rank; ++i) {
    if (m.dims[i] < 1 || m.dims[i] > uint64_t(1) << 32)
      return wanted(at("dims", i), "1 to 2^32", m.dims[i]);
    if (i > 0 && (m.strides[i] % unit != 0 || m.strides[i] >> 40))
      return wanted("the stride in bytes of dimension " + std::to_string(i),
                    "a multiple of " + std::to_string(unit) + " below 2^40",
                    m.strides[i]);
    if (m.box[i] < 1 || m.box[i] > 256)
      return wanted(at("box", i), "1 to 256", m.box[i]);
    // That of dimension 0 is not used without interleave.
    bool used = i > 0 || m.interleave != TensorInterleave::None;
    if (used && (m.elementStrides[i] < 1 || m.elementStrides[i] > 8))
      return wanted(at("elementStrides", i), "1 to 8", m.elementStrides[i]);
  }
  if (isPadded(m.elementType) && m.dims[0] % 128 != 0)
    return wanted("dims[0] of a padded type", "a multiple of 128", m.dims[0]);
  if (isPadded(m.elementType) && m.box[0] != 128)
    return wanted("box[0] of a padded type", "128", m.box[0]);
  if (m.elementType == TensorElement::U4Align8 && m.dims[0] % 2 != 0)
    return wanted("dims[0] of a 4-bit type", "a multiple of 2", m.dims[0]);
  return "";
}

/// How many bytes of a row a swizzle permutes.
static unsigned spanOf(TensorSwizzle swizzle) {
  switch (swizzle) {
  case TensorSwizzle::Bytes32:
    return 32;
  case TensorSwizzle::Bytes64:
    return 64;
  default:
    return 128;
  }
}

static std::string checkSwizzle(const TensorMap &m) {
  using S = TensorSwizzle;
  if (m.interleave == TensorInterleave::None) {
    uint64_t bits = uint64_t(m.box[0]) * bitsOf(m.elementType);
    if (bits % 128 != 0)
      return wanted("the bits of a row of the box", "a multiple of 128", bits);
    if (m.swizzle != S::None && bits / 8 > spanOf(m.swizzle))
      return wanted("the bytes of a row of the box",
                    "at most the swizzle's " +
                        std::to_string(spanOf(m.swizzle)),
                    bits / 8);
  } else if (m.rank < 3) {
    return wanted("the rank with interleave", "3 or more", m.rank);
  }
  if (m.interleave == TensorInterleave::Bytes32 && m.swizzle != S::Bytes32)
    return wanted("the swizzle with 32-byte interleave", "32 bytes (1)",
                  unsigned(m.swizzle));
  if (!isPadded(m.elementType))
    return "";
  bool u6 = m.elementType == TensorElement::U6Align16;
  if (u6 && m.interleave != TensorInterleave::None)
    return wanted("the interleave of a 6-bit type", "none (0)",
                  unsigned(m.interleave));
  bool known = m.swizzle == S::None || m.swizzle == S::Bytes128 ||
               m.swizzle == S::Bytes128Atom32 ||
               (u6 && m.swizzle == S::Bytes128Atom64);
  return known ? ""
               : wanted("the swizzle of a padded type",
                        u6 ? "0, 3, 4 or 6" : "0, 3 or 4", unsigned(m.swizzle));
}

std::string nybl::emu::checkTensorMap(const TensorMap &m) {
  if (std::string error = checkEnums(m); !error.empty())
    return error;
  bool wide =
      isPadded(m.elementType) || m.interleave == TensorInterleave::Bytes32;
  uint64_t unit = wide ? 32 : 16;
  if (m.globalAddress % unit != 0)
    return wanted("the global address", "a multiple of " + std::to_string(unit),
                  m.globalAddress);
  if (std::string error = checkExtents(m, unit); !error.empty())
    return error;
  bool isFloat = m.elementType >= TensorElement::F16 &&
                 m.elementType <= TensorElement::Tf32Ftz;
  if (m.oobFill == TensorFill::NaN && !isFloat)
    return wanted("the element type with NaN fill", "a floating-point one",
                  unsigned(m.elementType));
  return checkSwizzle(m);
}

/// Swizzles as two fields: the span, and the atom of the widest.
static uint64_t spanField(TensorSwizzle swizzle) {
  return std::min<uint64_t>(static_cast<uint64_t>(swizzle), 3);
}
static uint64_t atomField(TensorSwizzle swizzle) {
  return static_cast<uint64_t>(swizzle) - spanField(swizzle);
}

/// `bits` of a word from bit `at` on.
static uint64_t field(uint64_t word, unsigned at, unsigned bits) {
  return word >> at & ((uint64_t(1) << bits) - 1);
}

static uint64_t lessOne(uint64_t value, unsigned bits) {
  return field(value - 1, 0, bits);
}

void nybl::emu::encodeTensorMap(const TensorMap &m, uint8_t *to) {
  uint64_t word[tensorMapBytes / 8] = {}, high = 0, elementStrides = 0;
  for (unsigned i = 1; i < TensorMap::maxRank; ++i)
    high |= field(m.strides[i] / 16, 32, 4) << (4 * (i - 1));
  for (unsigned i = 0; i < TensorMap::maxRank; ++i)
    elementStrides |= lessOne(m.elementStrides[i], 3) << (3 * i);
  auto stride = [&](unsigned i) { return field(m.strides[i] / 16, 0, 32); };
  auto extent = [&](unsigned i) { return lessOne(m.dims[i], 32); };
  word[0] = m.globalAddress;
  word[1] = tiled | lessOne(m.rank, 3) << 4 | mapNumber(m.elementType) << 7 |
            uint64_t(m.interleave) << 11 | spanField(m.swizzle) << 13 |
            uint64_t(m.oobFill) << 15 | uint64_t(m.l2Promotion & 3) << 17 |
            atomField(m.swizzle) << 19 | stride(1) << 32;
  word[2] = stride(2) | stride(3) << 32;
  word[3] = stride(4) | high << 32;
  word[4] = extent(0) | extent(1) << 32;
  word[5] = extent(2) | extent(3) << 32;
  word[6] = extent(4) | elementStrides << 32 | lessOne(m.box[0], 8) << 56;
  for (unsigned i = 1; i < TensorMap::maxRank; ++i)
    word[7] |= lessOne(m.box[i], 8) << (8 * (i - 1));
  std::memcpy(to, word, sizeof word);
}

Expected<TensorMap> nybl::emu::decodeTensorMap(const uint8_t *from) {
  uint64_t word[8];
  std::memcpy(word, from, sizeof word);
  TensorMap m;
  m.rank = static_cast<unsigned>(field(word[1], 4, 3)) + 1;
  if (field(word[1], 0, 4) != tiled || m.rank > TensorMap::maxRank)
    return Error{"these bytes are no tensor map of a tiled tensor"};
  m.globalAddress = word[0];
  m.elementType = mapElements[field(word[1], 7, 4)];
  m.interleave = TensorInterleave(field(word[1], 11, 2));
  // The atom is that of the widest span; of others it is ignored.
  uint64_t span = field(word[1], 13, 2);
  m.swizzle = TensorSwizzle(span + (span == 3 ? field(word[1], 19, 2) : 0));
  m.oobFill = TensorFill(field(word[1], 15, 1));
  m.l2Promotion = static_cast<uint8_t>(field(word[1], 17, 2));
  uint64_t strides[] = {field(word[1], 32, 32), field(word[2], 0, 32),
                        field(word[2], 32, 32), field(word[3], 0, 32)};
  for (unsigned i = 1; i < m.rank; ++i)
    m.strides[i] =
        (strides[i - 1] | field(word[3], 32 + 4 * (i - 1), 4) << 32) * 16;
  for (unsigned i = 0; i < m.rank; ++i) {
    m.dims[i] = field(word[4 + i / 2], 32 * (i % 2), 32) + 1;
    m.box[i] = static_cast<uint32_t>(
        (i == 0 ? field(word[6], 56, 8) : field(word[7], 8 * (i - 1), 8)) + 1);
    m.elementStrides[i] =
        static_cast<uint16_t>(field(word[6], 32 + 3 * i, 3) + 1);
  }
  return m;
}

//===----------------------------------------------------------------------===//
// One field
//===----------------------------------------------------------------------===//

namespace {

/// The words of a map, field by field.
struct Words {
  uint64_t word[8];

  void set(unsigned index, unsigned at, unsigned bits, uint64_t value) {
    uint64_t mask = ((uint64_t(1) << bits) - 1) << at;
    word[index] = (word[index] & ~mask) | (value << at & mask);
  }

  void setStride(unsigned ordinal, uint64_t bytes) {
    unsigned half = ordinal + 1; // halves of words from word 1 on
    set(1 + half / 2, half % 2 * 32, 32, bytes / 16);
    set(3, 32 + 4 * ordinal, 4, bytes / 16 >> 32);
  }

  void setBox(unsigned ordinal, uint64_t extent) {
    if (ordinal == 0)
      set(6, 56, 8, extent - 1);
    else
      set(7, 8 * (ordinal - 1), 8, extent - 1);
  }

  void set(TensorMapField field, unsigned ordinal, uint64_t value);
};

} // namespace

void Words::set(TensorMapField field, unsigned ordinal, uint64_t value) {
  set(1, 0, 4, tiled);
  switch (field) {
  case TensorMapField::GlobalAddress:
    word[0] = value;
    return;
  case TensorMapField::Rank:
    return set(1, 4, 3, value);
  case TensorMapField::BoxDim:
    return setBox(ordinal, value);
  case TensorMapField::GlobalDim:
    return set(4 + ordinal / 2, ordinal % 2 * 32, 32, value - 1);
  case TensorMapField::GlobalStride:
    return setStride(ordinal, value);
  case TensorMapField::ElementStride:
    return set(6, 32 + 3 * ordinal, 3, value - 1);
  case TensorMapField::ElementType:
    return set(1, 7, 4, mapNumber(*elementOfPtx(value & 15)));
  case TensorMapField::Interleave:
    return set(1, 11, 2, value);
  case TensorMapField::SwizzleMode:
    return set(1, 13, 2, value);
  case TensorMapField::SwizzleAtomicity:
    return set(1, 19, 2, value);
  case TensorMapField::FillMode:
    return set(1, 15, 1, value);
  }
}

/// What the bits of the field can hold.
static std::string checkField(TensorMapField field, unsigned ordinal,
                              uint64_t value) {
  struct Range {
    const char *name;
    uint64_t least, most;
  };
  static constexpr Range ranges[] = {{"the global address", 0, ~uint64_t(0)},
                                     {"the rank less 1", 0, 4},
                                     {"box", 1, 256},
                                     {"dims", 1, UINT32_MAX},
                                     {"strides", 0, (uint64_t(1) << 40) - 16},
                                     {"elementStrides", 1, 8},
                                     {"the element type", 0, 15},
                                     {"the interleave", 0, 2},
                                     {"the swizzle's span", 0, 3},
                                     {"the swizzle's atom", 0, 3},
                                     {"the fill", 0, 1}};
  const Range &range = ranges[static_cast<unsigned>(field)];
  bool isStride = field == TensorMapField::GlobalStride;
  if (isStride && (ordinal > 3 || value % 16 != 0))
    return ordinal > 3 ? wanted("the ordinal of a stride", "0 to 3", ordinal)
                       : wanted("a stride", "a multiple of 16", value);
  if (value >= range.least && value <= range.most)
    return "";
  return wanted(
      range.name,
      std::to_string(range.least) + " to " + std::to_string(range.most), value);
}

std::string nybl::emu::replaceTensorMapField(uint8_t *map, TensorMapField field,
                                             unsigned ordinal, uint64_t value) {
  if (std::string problem = checkField(field, ordinal, value); !problem.empty())
    return problem;
  Words words;
  std::memcpy(words.word, map, sizeof words.word);
  words.set(field, ordinal, value);
  std::memcpy(map, words.word, sizeof words.word);
  return "";
}
