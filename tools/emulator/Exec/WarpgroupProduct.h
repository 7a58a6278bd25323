// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One warp's part of wgmma: 16 rows times N columns over 32 bytes of K. 8-bit
// formats keep 13 fraction bits (MMA-Sim's model of Hopper).
#ifndef NYBL_EMULATOR_EXEC_WARPGROUPPRODUCT_H
#define NYBL_EMULATOR_EXEC_WARPGROUPPRODUCT_H

#include "tools/emulator/Exec/NumericModel.h"
#include <cstdint>
#include <vector>

namespace nybl::emu {

enum class WgmmaType : uint8_t { F16, BF16, TF32, E4M3, E5M2, S8, U8 };
enum class WgmmaResult : uint8_t { F32, F16, S32 };

inline unsigned bytesOf(WgmmaType type) {
  return type == WgmmaType::TF32 ? 4 : type <= WgmmaType::BF16 ? 2 : 1;
}

struct WgmmaForm {
  WgmmaType a, b;
  WgmmaResult d;
  uint8_t columns8; ///< N / 8
  bool negateA, negateB;
  bool saturate;
};

constexpr unsigned wgmmaRows = 16, wgmmaRowBytes = 32;

/// `a`: 16 rows, `b`: N rows (columns of B), each of 32 bytes, k ascending.
/// `c` and the result: row by row, bits of the result type.
std::vector<uint32_t> multiplyWarpgroup(const WgmmaForm &form,
                                        const std::vector<uint8_t> &a,
                                        const std::vector<uint8_t> &b,
                                        const std::vector<uint32_t> &c,
                                        NumericModel model);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_WARPGROUPPRODUCT_H
