// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products of a warp's rows: of floats by Product.h, of integers here.

#include "tools/emulator/Exec/WarpgroupProduct.h"

#include "tools/emulator/Exec/Narrow.h"
#include "tools/emulator/Exec/Product.h"
#include <algorithm>
#include <bit>
#include <limits>

using namespace nybl::emu;

namespace {

ElementFormat formatOf(WgmmaType type) {
  static constexpr ElementFormat formats[] = {
      ElementFormat::F16, ElementFormat::Bf16, ElementFormat::Tf32,
      ElementFormat::E4m3, ElementFormat::E5m2};
  return formats[static_cast<unsigned>(type)];
}

std::vector<float> decodeAll(WgmmaType type, const std::vector<uint8_t> &from,
                             bool negate) {
  std::vector<float> values(from.size() / bytesOf(type));
  decodeElements(formatOf(type), from.data(), values.size(), values.data());
  for (float &value : values)
    value = negate ? -value : value;
  return values;
}

std::vector<uint32_t> multiplyFloats(const WgmmaForm &form,
                                     const std::vector<uint8_t> &a,
                                     const std::vector<uint8_t> &b,
                                     const std::vector<uint32_t> &c,
                                     NumericModel model) {
  bool half = form.d == WgmmaResult::F16;
  std::vector<float> x = decodeAll(form.a, a, form.negateA),
                     y = decodeAll(form.b, b, form.negateB), d(c.size());
  for (size_t i = 0; i < c.size(); ++i)
    d[i] = half ? decodeNarrow(f16Format, c[i]) : std::bit_cast<float>(c[i]);
  FloatTile tile;
  tile.rows = wgmmaRows;
  tile.columns = form.columns8 * 8u;
  tile.depth = wgmmaRowBytes / bytesOf(form.a);
  tile.a = x.data();
  tile.b = y.data();
  tile.formatA = formatOf(form.a);
  tile.formatB = formatOf(form.b);
  tile.fractionBits = form.a >= WgmmaType::E4M3 ? 13 : 25;
  tile.halfResult = half;
  tile.d = d.data();
  tile.rowStride = tile.columns;
  multiply(tile, model);
  std::vector<uint32_t> bits;
  bits.reserve(d.size());
  for (float value : d)
    bits.push_back(half ? roundToF16(value) : std::bit_cast<uint32_t>(value));
  return bits;
}

uint32_t integerDot(const WgmmaForm &form, uint32_t c, const uint8_t *a,
                    const uint8_t *b) {
  auto valueOf = [](WgmmaType type, uint8_t byte) {
    return type == WgmmaType::S8 ? int32_t(static_cast<int8_t>(byte))
                                 : int32_t(byte);
  };
  int64_t sum = static_cast<int32_t>(c);
  for (unsigned k = 0; k < wgmmaRowBytes; ++k)
    sum += valueOf(form.a, a[k]) * valueOf(form.b, b[k]);
  if (form.saturate)
    sum = std::clamp<int64_t>(sum, std::numeric_limits<int32_t>::min(),
                              std::numeric_limits<int32_t>::max());
  return static_cast<uint32_t>(sum);
}

} // namespace

std::vector<uint32_t> nybl::emu::multiplyWarpgroup(
    const WgmmaForm &form, const std::vector<uint8_t> &a,
    const std::vector<uint8_t> &b, const std::vector<uint32_t> &c,
    NumericModel model) {
  if (form.d != WgmmaResult::S32)
    return multiplyFloats(form, a, b, c, model);
  unsigned columns = form.columns8 * 8u;
  std::vector<uint32_t> d(c.size());
  for (size_t i = 0; i < d.size(); ++i)
    d[i] = integerDot(form, c[i], &a[i / columns * wgmmaRowBytes],
                      &b[i % columns * wgmmaRowBytes]);
  return d;
}
