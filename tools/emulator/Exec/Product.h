// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The arithmetic of tensor cores on tiles: D = C + A * B^T over one K step of
// the hardware, for mma.sync, wgmma and tcgen05.mma alike. The numeric models
// are named, not claimed to be the hardware's.
#ifndef NYBL_EMULATOR_EXEC_PRODUCT_H
#define NYBL_EMULATOR_EXEC_PRODUCT_H

#include "tools/emulator/Exec/NumericModel.h"
#include <cstddef>
#include <cstdint>
#include <vector>

namespace nybl::emu {

enum class ScaleFormat : uint8_t { Ue4m3, Ue8m0 };

/// Formats of elements in containers: 16 bits (F16, Bf16), 32 bits (Tf32, the
/// low 13 bits ignored), one byte (the others; E2m1 in bits 5:2, E2m3 and E3m2
/// in bits 5:0: PTX ISA 9.1 §9.7.14.5.14).
enum class ElementFormat : uint8_t {
  F16,
  Bf16,
  Tf32,
  E4m3,
  E5m2,
  E2m3,
  E3m2,
  E2m1
};

/// The exponent of the least normal number: smaller ones align by it.
int leastExponent(ElementFormat format);
/// The value of an element in its container.
float decodeElement(ElementFormat format, uint32_t bits);
/// The same for many, by table where one pays; `from` needs no alignment.
void decodeElements(ElementFormat format, const uint8_t *from, size_t count,
                    float *to);
/// Bytes of a container.
unsigned containerBytes(ElementFormat format);

/// e2m1 times e2m1 with block scales, K = 64 (kind::mxf4nvf4 and mxf4).
struct ScaledTile {
  static constexpr unsigned depth = 64, words = 8, groups = 4;

  unsigned rows = 0, columns = 0;
  /// [rows][8] and [columns][8]: word w holds elements 8 w to 8 w + 7, the
  /// first one in its low nibble.
  const uint32_t *a = nullptr, *b = nullptr;
  /// [rows][4] and [columns][4]: the scale of each 16 elements (where one
  /// serves 32, it stands twice).
  const uint8_t *scalesA = nullptr, *scalesB = nullptr;
  ScaleFormat format = ScaleFormat::Ue4m3;
  /// Accumulators, in and out: element (m, n) at m * rowStride + n.
  float *d = nullptr;
  size_t rowStride = 0;
};

void multiply(const ScaledTile &tile, NumericModel model);

/// Sixteen rows at a time, by columns: what mma.sync wants. Words and scales of
/// A by column too: a[word][row], scalesA[group][row]; d[column][row].
struct ScaledPanel {
  static constexpr unsigned rows = 16;

  unsigned columns = 0;
  const uint32_t (*a)[rows] = nullptr;
  const uint8_t (*scalesA)[rows] = nullptr;
  const uint32_t *b = nullptr;
  const uint8_t *scalesB = nullptr;
  ScaleFormat format = ScaleFormat::Ue4m3;
  float (*d)[rows] = nullptr;
};

void multiply(const ScaledPanel &panel, NumericModel model);

/// The registers of one m16n8k64 mma.sync, 32 lanes each (PTX ISA 9.7.14.5.11).
/// Results may lie where operands do.
struct ScaledFragments {
  const uint32_t *a[4], *b[2], *c[4];
  uint32_t *d[4];
  const uint32_t *scaleA, *scaleB;
  unsigned threadA, threadB;  ///< selectors: which lanes' scales
  uint8_t bitsA[4], bitsB[4]; ///< where the byte of each group begins
  ScaleFormat format = ScaleFormat::Ue4m3;
};

void multiply(const ScaledFragments &fragments, NumericModel model);

/// The same by one form of the code, for tests; call it only where available.
enum class VectorPath : uint8_t { Scalar, Avx2, Avx512 };
bool isAvailable(VectorPath path);
void multiply(const ScaledPanel &panel, NumericModel model, VectorPath path);
void multiply(const ScaledFragments &fragments, NumericModel model,
              VectorPath path);

/// Products of values that are exact in f32 (all but scaled e2m1): f16, bf16,
/// tf32, the 8-bit kinds. Depth is that of one step of the hardware: 32 bytes
/// of containers, so 8, 16 or 32 elements (or fewer, of small shapes).
struct FloatTile {
  unsigned rows = 0, columns = 0, depth = 0;
  const float *a = nullptr, *b = nullptr; ///< [rows][depth], [columns][depth]
  ElementFormat formatA = ElementFormat::Tf32, formatB = ElementFormat::Tf32;
  /// Of kind::mxf8f6f4: one ue8m0 byte for each row and column; null: none.
  const uint8_t *scalesA = nullptr, *scalesB = nullptr;
  /// Fraction bits kept in the alignment (MMA-Sim): 25, or 13 for 8-bit formats
  /// on Hopper's wgmma, whose result has as many.
  unsigned fractionBits = 25;
  /// The results will be rounded to f16: keep what rounding needs (to odd).
  bool halfResult = false;
  float *d = nullptr;
  size_t rowStride = 0;
};

void multiply(const FloatTile &tile, NumericModel model);
/// The same by one form of the code, for tests.
void multiply(const FloatTile &tile, NumericModel model, VectorPath path);

/// The f16 result of an accumulator: to nearest even.
uint16_t roundToF16(float value);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_PRODUCT_H
