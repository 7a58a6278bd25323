// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a box of a tensor lies in shared memory, element by element, with the
// tables of swizzles written out (PTX ISA 9.1 §5.5.7): what tests of tensor
// copies compare with.
#ifndef NYBL_TESTS_EMULATOR_BOXREFERENCE_H
#define NYBL_TESTS_EMULATOR_BOXREFERENCE_H

#include "tests/Emulator/CopyFixture.h"

namespace nybl::emu::test {

/// One row for each line of 128 bytes, until the pattern repeats: which 16
/// bytes of the unswizzled line lie there.
inline std::vector<std::vector<int>> swizzleTable(TensorSwizzle swizzle) {
  switch (swizzle) {
  case TensorSwizzle::None:
    return {{0, 1, 2, 3, 4, 5, 6, 7}};
  case TensorSwizzle::Bytes32:
    return {{0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6}};
  case TensorSwizzle::Bytes64:
    return {{0, 1, 2, 3, 4, 5, 6, 7},
            {1, 0, 3, 2, 5, 4, 7, 6},
            {2, 3, 0, 1, 6, 7, 4, 5},
            {3, 2, 1, 0, 7, 6, 5, 4}};
  case TensorSwizzle::Bytes128:
    return {{0, 1, 2, 3, 4, 5, 6, 7}, {1, 0, 3, 2, 5, 4, 7, 6},
            {2, 3, 0, 1, 6, 7, 4, 5}, {3, 2, 1, 0, 7, 6, 5, 4},
            {4, 5, 6, 7, 0, 1, 2, 3}, {5, 4, 7, 6, 1, 0, 3, 2},
            {6, 7, 4, 5, 2, 3, 0, 1}, {7, 6, 5, 4, 3, 2, 1, 0}};
  case TensorSwizzle::Bytes128Atom32:
  case TensorSwizzle::Bytes128Atom32Flip8:
    return {{0, 1, 2, 3, 4, 5, 6, 7},
            {2, 3, 0, 1, 6, 7, 4, 5},
            {4, 5, 6, 7, 0, 1, 2, 3},
            {6, 7, 4, 5, 2, 3, 0, 1}};
  case TensorSwizzle::Bytes128Atom64:
    return {{0, 1, 2, 3, 4, 5, 6, 7}, {4, 5, 6, 7, 0, 1, 2, 3}};
  }
  return {};
}

/// What a byte of shared memory stands for.
struct BoxByte {
  int64_t source = -1; ///< offset in the tensor; -1: outside, -2: nothing
};

/// A lump is what lies together: an element, or 16 of the narrow ones.
struct Lump {
  unsigned elements, bytes, pitch;
};

inline Lump lumpOf(TensorElement type) {
  switch (type) {
  case TensorElement::U8:
    return {1, 1, 1};
  case TensorElement::U16:
  case TensorElement::F16:
  case TensorElement::Bf16:
    return {1, 2, 2};
  case TensorElement::U64:
  case TensorElement::S64:
  case TensorElement::F64:
    return {1, 8, 8};
  case TensorElement::U4Align8:
    return {16, 8, 8};
  case TensorElement::U4Align16:
    return {16, 8, 16};
  case TensorElement::U6Align16:
    return {16, 12, 16};
  default:
    return {1, 4, 4};
  }
}

/// The box from these coordinates on, for a start at a multiple of 1024 bytes.
/// `rows`: gathered ones, in place of dimension 1.
inline std::vector<BoxByte> boxBytes(const TensorMap &m,
                                     std::vector<int64_t> at,
                                     const std::vector<int64_t> &rows = {}) {
  Lump lump = lumpOf(m.elementType);
  at.resize(5);
  int64_t counts[5] = {m.box[0] / lump.elements, 1, 1, 1, 1};
  for (unsigned i = 1; i < m.rank; ++i)
    counts[i] = (m.box[i] + m.elementStrides[i] - 1) / m.elementStrides[i];
  if (!rows.empty())
    counts[1] = 4;
  std::vector<BoxByte> linear;
  for (int64_t e = 0; e < counts[4]; ++e)
    for (int64_t d = 0; d < counts[3]; ++d)
      for (int64_t c = 0; c < counts[2]; ++c)
        for (int64_t b = 0; b < counts[1]; ++b)
          for (int64_t a = 0; a < counts[0]; ++a) {
            int64_t x[5] = {at[0] + a * lump.elements,
                            at[1] + b * m.elementStrides[1],
                            at[2] + c * m.elementStrides[2],
                            at[3] + d * m.elementStrides[3],
                            at[4] + e * m.elementStrides[4]};
            if (!rows.empty())
              x[1] = rows[static_cast<size_t>(b)];
            bool inside = true;
            int64_t source = x[0] / lump.elements * lump.bytes;
            for (unsigned i = 0; i < 5; ++i) {
              inside &= x[i] >= 0 && x[i] < static_cast<int64_t>(m.dims[i]);
              if (i)
                source += x[i] * static_cast<int64_t>(m.strides[i]);
            }
            for (unsigned k = 0; k < lump.pitch; ++k)
              linear.push_back({k >= lump.bytes ? -2
                                : inside        ? source + k
                                                : -1});
          }
  linear.resize((linear.size() + 127) / 128 * 128, {-2});
  std::vector<std::vector<int>> table = swizzleTable(m.swizzle);
  std::vector<BoxByte> placed(linear.size());
  for (size_t i = 0; i < linear.size(); ++i) {
    size_t line = i / 128, chunk = i / 16 % 8, byte = i % 16;
    if (m.swizzle == TensorSwizzle::Bytes128Atom32Flip8 && line % 2)
      byte ^= 8;
    auto from = static_cast<size_t>(table[line % table.size()][chunk]);
    placed[i] = linear[line * 128 + from * 16 + byte];
  }
  return placed;
}

/// Packed rows of `dims`, each dimension's stride rounded up to 32 bytes.
inline TensorMap mapOf(TensorElement type, std::vector<uint64_t> dims,
                       std::vector<uint32_t> box,
                       TensorSwizzle swizzle = TensorSwizzle::None) {
  TensorMap m;
  m.rank = static_cast<unsigned>(dims.size());
  m.elementType = type;
  m.swizzle = swizzle;
  m.globalAddress = 256;
  uint64_t bytes = dims[0] / lumpOf(type).elements * lumpOf(type).bytes;
  for (unsigned i = 0; i < m.rank; ++i) {
    m.dims[i] = dims[i];
    m.box[i] = box[i];
    if (i == 0)
      continue;
    m.strides[i] = (bytes + 31) / 32 * 32;
    bytes = m.strides[i] * dims[i];
  }
  return m;
}

inline uint64_t tensorSpan(const TensorMap &m) {
  if (m.rank == 1)
    return m.dims[0] / lumpOf(m.elementType).elements *
           lumpOf(m.elementType).bytes;
  return m.strides[m.rank - 1] * m.dims[m.rank - 1];
}

inline std::string braces(const std::vector<int64_t> &values) {
  std::string text = "{";
  for (size_t i = 0; i < values.size(); ++i)
    text += (i ? ", " : "") + std::to_string(values[i]);
  return text + "}";
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_BOXREFERENCE_H
