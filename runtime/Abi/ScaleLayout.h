// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where the scale factor of (row, K block) lies in memory: the one place that
// says so for the compiler and the runtime. Whoever checks it has formulas of
// their own (tests/Abi, tests/Oracle, the emulator).
//
// Sources: PTX ISA 9.7.16.10.7, the cuBLASLt manual ("1D block scaling factors
// layout"), FlashInfer's SfLayout.
#ifndef NYBL_RUNTIME_ABI_SCALELAYOUT_H
#define NYBL_RUNTIME_ABI_SCALELAYOUT_H

#include "runtime/Abi/Status.h"
#include <cstdint>
#include <string>
#include <string_view>

namespace nybl {

/// One byte a scale; r = row, c = K block, C = K blocks a row (unpadded).
///   Linear   r * C + c                                       (no padding)
///   T128x4   ((r/128) * ceil(C/4) + c/4) * 512 + (r%32)*16 + (r%128)/32*4 +
///   c%4 T8x4     ((r/8)   * ceil(C/4) + c/4) * 32  + (r%8)*4 + c%4
/// Values are frozen: they travel through the C header.
enum class ScaleLayout : uint32_t { Linear = 1, T128x4 = 2, T8x4 = 3 };

/// "linear", "128x4", "8x4": the words of the problem line.
std::string_view name(ScaleLayout layout);
Expected<ScaleLayout> parseScaleLayout(std::string_view word);

/// The padded box of the layout for `rows` x `blocks` real scales.
struct ScaleBox {
  int64_t rows, blocks;
  friend bool operator==(const ScaleBox &, const ScaleBox &) = default;
};
ScaleBox paddedBox(ScaleLayout layout, int64_t rows, int64_t blocks);

/// Rows and K blocks of one tile of the layout (1 x 1 for Linear).
ScaleBox tileBox(ScaleLayout layout);

/// Bytes of a tensor with `rows` x `blocks` real scales, padding included.
/// Zero rows or blocks make zero bytes. Both must be >= 0 and < 2^31.
int64_t byteSize(ScaleLayout layout, int64_t rows, int64_t blocks);

/// The layouts whose size for rows x blocks is `bytes`: "8x4", "linear or 8x4",
/// or empty.
std::string layoutsOfSize(uint64_t bytes, int64_t rows, int64_t blocks);

/// Byte offset of scale (row, block) in a tensor with `blocks` K blocks a row.
int64_t byteOffset(ScaleLayout layout, int64_t blocks, int64_t row,
                   int64_t block);

/// The inverse of byteOffset on the padded box.
struct ScaleIndex {
  int64_t row, block;
  friend bool operator==(const ScaleIndex &, const ScaleIndex &) = default;
};
ScaleIndex indexOf(ScaleLayout layout, int64_t blocks, int64_t offset);

} // namespace nybl

#endif // NYBL_RUNTIME_ABI_SCALELAYOUT_H
