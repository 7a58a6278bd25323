// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a tensor map says, and its encoding in the 128 bytes of a CUtensorMap.
// NVIDIA does not document it, but public host code writes maps without asking
// a driver (the CUTLASS DSL's does), so the fields it writes lie here where it
// writes them; those it leaves 0 (marked *) are the emulator's own. 64-bit
// words:
//     0  global address
//     1  bits 0-3: 2, tiled; 4-6 rank - 1; 7-10 element type, as in
//        tensormap.replace up to bf16, then 11 for packed 4-bit elements and
//        12 on*; 11-12 interleave*; 13-14 swizzle; 15 NaN fill*; 17-18 L2
//        promotion; 19-20 atom of the 128-byte swizzle*; 21 a hint, ignored;
//        32-63 stride 1 / 16
//     2  strides 2 and 3 / 16
//     3  stride 4 / 16; bits 32-47 bits 32-35 of the four strides / 16 *
//     4  extents 0 and 1, less 1
//     5  extents 2 and 3, less 1
//     6  extent 4 less 1; bits 32-46 element strides less 1*; 56-63 box 0
//        less 1
//     7  bytes 0-3: boxes 1 to 4, less 1
// The other 64 bytes are not looked at. Maps are copied freely, so nothing in
// them depends on where they lie.
#ifndef NYBL_EMULATOR_DEVICE_TENSORMAP_H
#define NYBL_EMULATOR_DEVICE_TENSORMAP_H

#include "tools/emulator/Status.h"
#include <cstddef>
#include <cstdint>
#include <optional>

namespace nybl::emu {

/// The numbers of these enums are the driver API's.
enum class TensorElement : uint8_t {
  U8,
  U16,
  U32,
  S32,
  U64,
  S64,
  F16,
  F32,
  F64,
  Bf16,
  F32Ftz,
  Tf32,
  Tf32Ftz,
  U4Align8,  ///< 16 nibbles in 8 bytes
  U4Align16, ///< 16 nibbles in 8 bytes, then a gap of 8 in shared memory
  U6Align16, ///< 16 values in 12 bytes, then a gap of 4 in shared memory
};
enum class TensorInterleave : uint8_t { None, Bytes16, Bytes32 };
enum class TensorSwizzle : uint8_t {
  None,
  Bytes32,
  Bytes64,
  Bytes128,
  Bytes128Atom32,
  Bytes128Atom32Flip8,
  Bytes128Atom64,
};
enum class TensorFill : uint8_t { Zero, NaN };

struct TensorMap {
  static constexpr unsigned maxRank = 5;

  unsigned rank = 0;
  TensorElement elementType = TensorElement::U8;
  uint64_t globalAddress = 0;
  uint64_t dims[maxRank] = {1, 1, 1, 1, 1}; ///< in elements
  /// In bytes; that of dimension 0 is the element's size and is kept 0.
  uint64_t strides[maxRank] = {};
  uint32_t box[maxRank] = {1, 1, 1, 1, 1}; ///< in elements
  uint16_t elementStrides[maxRank] = {1, 1, 1, 1, 1};
  TensorInterleave interleave = TensorInterleave::None;
  TensorSwizzle swizzle = TensorSwizzle::None;
  uint8_t l2Promotion = 0; ///< 0 to 3; a hint without effect here
  TensorFill oobFill = TensorFill::Zero;
};

inline constexpr size_t tensorMapBytes = 128;

/// In shared memory each 16 elements take 16 bytes, with a gap.
inline bool isPadded(TensorElement type) {
  return type == TensorElement::U4Align16 || type == TensorElement::U6Align16;
}
/// In global memory: 4, 6, 8, 16, 32 or 64.
unsigned bitsOf(TensorElement type);
/// Of one dimension-0 run of `elements` in global memory, and in shared memory
/// with the gaps of the padded types.
uint64_t globalBytes(TensorElement type, uint64_t elements);
uint64_t sharedBytes(TensorElement type, uint64_t elements);

/// The number that `tensormap.replace.elemtype` takes; nothing at 16 or above.
std::optional<TensorElement> elementOfPtx(unsigned number);

/// The limits that the driver API states; empty if all are kept, else what was
/// expected and what came. Also for maps that a kernel has changed.
std::string checkTensorMap(const TensorMap &map);

/// Fields may break the limits of checkTensorMap(): a kernel replaces them one
/// by one. `to` is tensorMapBytes long; neither needs alignment.
void encodeTensorMap(const TensorMap &map, uint8_t *to);
/// Error: the bytes cannot be a tensor map. Their fields may still break the
/// limits of checkTensorMap().
Expected<TensorMap> decodeTensorMap(const uint8_t *from);

/// Those of tensormap.replace, in the order of PTX ISA 9.1 §9.7.9.28.
enum class TensorMapField : uint8_t {
  GlobalAddress,
  Rank,
  BoxDim,
  GlobalDim,
  GlobalStride,
  ElementStride,
  ElementType,
  Interleave,
  SwizzleMode,
  SwizzleAtomicity,
  FillMode
};

/// As tensormap.replace.tile does: one field of encoded bytes, which become
/// those of a tiled tensor; nothing else changes. `ordinal` is the dimension
/// (of strides, less 1). Empty, or what was expected and what came.
std::string replaceTensorMapField(uint8_t *map, TensorMapField field,
                                  unsigned ordinal, uint64_t value);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DEVICE_TENSORMAP_H
