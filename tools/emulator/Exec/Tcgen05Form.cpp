// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Instruction descriptors, and the packing of narrow elements.

#include "tools/emulator/Exec/Tcgen05Form.h"

#include "tools/emulator/Memory/GlobalMemory.h"
#include <algorithm>
#include <cstring>

using namespace nybl::emu;

static unsigned field(uint32_t bits, unsigned low, unsigned width) {
  return bits >> low & ((1u << width) - 1);
}

unsigned MmaForm::depth() const {
  return isPacked()
             ? 64
             : mmaRowBytes / (kind == MmaKind::I8 ? 1 : containerBytes(a));
}

/// The number of an element type; false if the kind has none of it.
static bool elementOf(MmaKind kind, unsigned number, ElementFormat &format) {
  switch (kind) {
  case MmaKind::F16:
    format = number ? ElementFormat::Bf16 : ElementFormat::F16;
    return number < 2;
  case MmaKind::Tf32:
    format = ElementFormat::Tf32;
    return number == 2;
  case MmaKind::I8:
    return number < 2;
  case MmaKind::Mxf4:
  case MmaKind::Mxf4nvf4:
    format = ElementFormat::E2m1;
    return number == 1;
  default: {
    static constexpr ElementFormat formats[] = {
        ElementFormat::E4m3, ElementFormat::E5m2, ElementFormat::E4m3,
        ElementFormat::E2m3, ElementFormat::E3m2, ElementFormat::E2m1};
    if (number > 5 || number == 2)
      return false;
    format = formats[number];
    return true;
  }
  }
}

std::string MmaForm::decode(uint32_t bits) {
  if (field(bits, 2, 1))
    return "a sparse instruction descriptor (bit 2) with a dense tcgen05.mma";
  if (!elementOf(kind, field(bits, 7, 3), a))
    return "this kind has no type of A with the number " +
           std::to_string(field(bits, 7, 3));
  if (!elementOf(kind, field(bits, 10, 3), b))
    return "this kind has no type of B with the number " +
           std::to_string(field(bits, 10, 3));
  negateA = field(bits, 13, 1);
  negateB = field(bits, 14, 1);
  mnMajorA = field(bits, 15, 1);
  mnMajorB = field(bits, 16, 1);
  n = field(bits, 17, 6) << 3;
  m = field(bits, 24, 5) << 4;
  if (kind == MmaKind::I8 && (negateA || negateB))
    return "integers cannot be negated (bits 13 and 14)";
  if (isPacked() && (mnMajorA || mnMajorB))
    return "packed 4-bit elements cannot be transposed (bits 15 and 16)";
  std::string problem = scales ? decodeScaled(bits) : decodePlain(bits);
  return problem.empty() ? checkShape() : problem;
}

std::string MmaForm::decodePlain(uint32_t bits) {
  unsigned type = field(bits, 4, 2);
  bool integer = kind == MmaKind::I8;
  bool mayBeHalf = kind == MmaKind::F8f6f4 ||
                   (kind == MmaKind::F16 && a == ElementFormat::F16 &&
                    b == ElementFormat::F16);
  if (integer ? type != 2 : type != 1 && !(type == 0 && mayBeHalf))
    return "this kind has no type of D with the number " + std::to_string(type);
  result = integer ? MmaResult::S32 : type ? MmaResult::F32 : MmaResult::F16;
  saturates = field(bits, 3, 1);
  signedA = integer && field(bits, 7, 3) == 1;
  signedB = integer && field(bits, 10, 3) == 1;
  if (saturates && !integer)
    return "only integers saturate (bit 3)";
  if (kind == MmaKind::F16 && a != b)
    return "A and B must both be f16 or both be bf16";
  if (field(bits, 0, 2) || field(bits, 6, 1) || field(bits, 23, 1) ||
      field(bits, 29, 3))
    return "reserved bits of the instruction descriptor are set";
  return "";
}

std::string MmaForm::decodeScaled(uint32_t bits) {
  result = MmaResult::F32;
  scaleIdB = field(bits, 4, 2);
  scaleIdA = field(bits, 29, 2);
  bool ue8m0 = field(bits, 23, 1);
  scaleFormat = ue8m0 ? ScaleFormat::Ue8m0 : ScaleFormat::Ue4m3;
  if (field(bits, 0, 2) || field(bits, 3, 1) || field(bits, 6, 1) ||
      field(bits, 24, 3))
    return "reserved bits of the instruction descriptor are set";
  if (field(bits, 31, 1))
    return isPacked() ? "the emulator does not know K = 96 (bit 31)"
                      : "reserved bits of the instruction descriptor are set";
  if (!ue8m0 && scales != 4)
    return "this kind and .scale_vec have scales of ue8m0 (bit 23)";
  // The scales of a row fill part of a word: any byte, or a half, or all.
  for (unsigned id : {scaleIdA, scaleIdB})
    if (id % scales != 0)
      return "no scale factors of this size have the id " + std::to_string(id);
  return "";
}

std::string MmaForm::checkShape() const {
  std::string shape = "M = " + std::to_string(m) + ", N = " + std::to_string(n);
  bool rowsFit =
      group == 1 ? m == 128 || (m == 64 && !scales) : m == 128 || m == 256;
  unsigned step = 8 * group;
  if (kind == MmaKind::I8)
    step = group == 2 ? 32 : n > 32 ? 16 : 8;
  bool bytes = kind == MmaKind::F8f6f4 || kind == MmaKind::Mxf8f6f4 ||
               kind == MmaKind::I8;
  if (bytes && mnMajorB)
    step = std::max(step, 16 * group);
  if (rowsFit && n && n <= 256 && n % step == 0)
    return "";
  return shape +
         " is no shape of this kind with .cta_group::" + std::to_string(group);
}

//===----------------------------------------------------------------------===//
// Packing
//===----------------------------------------------------------------------===//

unsigned nybl::emu::elementBits(ElementFormat format) {
  switch (format) {
  case ElementFormat::E2m1:
    return 4;
  case ElementFormat::E2m3:
  case ElementFormat::E3m2:
    return 6;
  default:
    return 8 * containerBytes(format);
  }
}

void nybl::emu::expandChunk(uint8_t *chunk, unsigned bits) {
  if (bits >= 8)
    return;
  uint8_t packed[16];
  std::memcpy(packed, chunk, 16);
  for (unsigned i = 0; i < 16; ++i) {
    unsigned at = i * bits;
    unsigned two = packed[at / 8] | packed[at / 8 + 1] << 8;
    unsigned value = two >> at % 8 & ((1u << bits) - 1);
    // A container has 4 bits in its bits 5 to 2.
    chunk[i] = static_cast<uint8_t>(bits == 4 ? value << 2 : value);
  }
}

void nybl::emu::expandMarks(uint8_t *marks, unsigned bits) {
  if (bits >= 8)
    return;
  uint8_t packed[16];
  std::memcpy(packed, marks, 16);
  for (unsigned i = 0; i < 16; ++i) {
    bool any = false;
    for (unsigned bit = i * bits; bit < (i + 1) * bits; ++bit)
      any |= packed[bit / 8] >> (bit % 8 / 4) & 1;
    marks[i] =
        static_cast<uint8_t>(shadow::initialised | (any ? shadow::poison : 0));
  }
}
