// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a tcgen05.mma multiplies: its kind and its instruction descriptor
// (PTX ISA 9.1 §9.7.16.4.2, tables 39 and 42 to 44).
#ifndef NYBL_EMULATOR_EXEC_TCGEN05FORM_H
#define NYBL_EMULATOR_EXEC_TCGEN05FORM_H

#include "tools/emulator/Exec/Product.h"
#include <string>

namespace nybl::emu {

enum class MmaKind : uint8_t {
  F16,
  Tf32,
  F8f6f4,
  I8,
  Mxf8f6f4,
  Mxf4,
  Mxf4nvf4
};
enum class MmaResult : uint8_t { F16, F32, S32 };

/// Every kind takes 32 bytes of each row of A and B.
inline constexpr uint32_t mmaRowBytes = 32;

struct MmaForm {
  MmaKind kind = MmaKind::F16;
  unsigned group = 1; ///< .cta_group
  unsigned m = 0, n = 0;
  MmaResult result = MmaResult::F32;
  ElementFormat a = ElementFormat::F16, b = ElementFormat::F16;
  bool signedA = false, signedB = false, saturates = false; ///< of I8
  bool negateA = false, negateB = false;
  bool mnMajorA = false, mnMajorB = false;
  unsigned scales = 0; ///< for each row; 0: no block scale
  ScaleFormat scaleFormat = ScaleFormat::Ue8m0;
  unsigned scaleIdA = 0, scaleIdB = 0; ///< first byte within the word

  bool isPacked() const { ///< e2m1, two in a byte
    return kind == MmaKind::Mxf4 || kind == MmaKind::Mxf4nvf4;
  }
  unsigned depth() const;                     ///< K
  unsigned rows() const { return m / group; } ///< of A and D, in each CTA
  /// Both halves of N lie in one CTA's lanes: 64 rows below, 64 above.
  bool isSplit() const { return group == 2 && m == 128; } ///< layout B
  bool usesHalfOfLanes() const { return m == 64; }        ///< layout F

  /// Takes kind, group and scales as given; what is wrong with the rest, or an
  /// empty text.
  std::string decode(uint32_t bits);

private:
  std::string decodePlain(uint32_t bits);
  std::string decodeScaled(uint32_t bits);
  std::string checkShape() const;
};

/// Containers of 16 values of 6 or 4 bits that lie packed, with padding, in 16
/// bytes of shared memory (PTX ISA 9.1 §9.7.16.10.4.4): in place. `bits` of 8
/// changes nothing.
void expandChunk(uint8_t *chunk, unsigned bits);
/// The same for shadow bytes.
void expandMarks(uint8_t *marks, unsigned bits);
unsigned elementBits(ElementFormat format);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_TCGEN05FORM_H
