// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Block-scaled tcgen05.mma: scale factors travel as atoms of 512 bytes through
// tcgen05.cp, as CUTLASS lays them out.
#ifndef NYBL_TESTS_EMULATOR_TCGEN05SCALEDFIXTURE_H
#define NYBL_TESTS_EMULATOR_TCGEN05SCALEDFIXTURE_H

#include "tests/Emulator/Tcgen05MmaFixture.h"

namespace nybl::emu::test {

struct ScaledCase {
  std::string kind = "mxf4nvf4", vector = "scale_vec::4X";
  MiniFloat a = e2m1, b = e2m1;
  unsigned typeA = 1, typeB = 1, depth = 64;
  unsigned scales = 4, idA = 0, idB = 0;
  bool ue8m0 = false;
  unsigned group = 1, m = 128, n = 64;

  bool isSplit() const { return group == 2 && m == 128; }
  uint32_t descriptor() const {
    return idB << 4 | typeA << 7 | typeB << 10 | n / 8 << 17 |
           unsigned(ue8m0) << 23 | m / 16 << 24 | idA << 29;
  }
};

inline constexpr unsigned scalesAAt = 12288, scalesBAt = 13312, bAt = 16384;
inline constexpr unsigned scaleColumnA = 320, scaleColumnB = 336;
inline constexpr Placement packedRows{Layout::Rows32, 0};

struct ScaledOperands {
  Matrix a, b;
};

/// Powers of two and 1.5 (of ue4m3), so that sums are exact.
inline double scaleValue(bool ue8m0, uint8_t bits) {
  return ue8m0 ? std::ldexp(1.0, bits - 127) : e4m3.value(bits);
}

inline ScaledOperands scaledOperands(const ScaledCase &c, unsigned seed = 3) {
  ScaledOperands o{randomMatrix(c.m, c.depth, c.a, 3, seed),
                   randomMatrix(c.n, c.depth, c.b, 3, seed + 1)};
  std::mt19937 random(seed + 2);
  static constexpr uint8_t ue8m0[] = {126, 127, 128},
                           ue4m3[] = {0x30, 0x38, 0x3c, 0x40};
  for (Matrix *m : {&o.a, &o.b})
    for (unsigned i = 0; i < m->rows * c.scales; ++i)
      m->scaleBits.push_back(c.ue8m0 ? ue8m0[random() % 3]
                                     : ue4m3[random() % 4]);
  return o;
}

/// Row r of 128: 16 bytes for r % 32, of them 4 for r / 32; bytes that no id
/// selects are NaN.
inline void placeScales(Image &image, unsigned base, const Matrix &m,
                        unsigned firstRow, unsigned rows, unsigned scales,
                        unsigned id) {
  std::fill_n(image.begin() + base, 512 * ((rows + 127) / 128), uint8_t(0xff));
  for (unsigned r = 0; r < rows; ++r)
    for (unsigned i = 0; i < scales; ++i)
      image[base + r / 128 * 512 + r % 32 * 16 + r % 128 / 32 * 4 + id + i] =
          m.scaleBits[(firstRow + r) * scales + i];
}

inline std::vector<Image> scaledImages(const ScaledCase &c,
                                       const ScaledOperands &o) {
  std::vector<Image> images;
  for (unsigned cta = 0; cta < c.group; ++cta) {
    Image image(32768);
    unsigned rows = c.m / c.group, columns = c.n / c.group;
    bool padded = c.depth == 32 && c.a.bits() < 8;
    place(image, 0, o.a, cta * rows, rows, c.a.bits(), packedRows, padded);
    padded = c.depth == 32 && c.b.bits() < 8;
    place(image, bAt, o.b, cta * columns, columns, c.b.bits(), packedRows,
          padded);
    placeScales(image, scalesAAt, o.a, cta * rows, rows, c.scales, c.idA);
    if (!c.isSplit()) {
      placeScales(image, scalesBAt, o.b, 0, c.n, c.scales, c.idB);
    } else { // 64 rows of 16 bytes: 32 for each half of N
      placeScales(image, scalesBAt, o.b, 0, c.n / 2, c.scales, c.idB);
      placeScales(image, scalesBAt + 512, o.b, c.n / 2, c.n / 2, c.scales,
                  c.idB);
    }
    images.push_back(std::move(image));
  }
  return images;
}

/// 32 or 64 rows of 16 bytes, eight rows after eight.
inline constexpr uint64_t atomDescriptor =
    uint64_t(1) << 16 | uint64_t(8) << 32 | uint64_t(1) << 46;

/// What the issuing thread does, piece by piece, for kernels that lack one.
struct ScaledPieces {
  std::string copies, product, commit, wait, shows;
  std::string prologue, epilogue;
};

inline std::string copiesAtom(unsigned group, unsigned column, unsigned offset,
                              const char *shape = "32x128b.warpx4") {
  return describes("%d12", offset, atomDescriptor) +
         "  add.u32 %r40, %taddr, " + number(column) +
         ";\n  tcgen05.cp.cta_group::" + number(group) + "." + shape +
         " [%r40], %d12;\n";
}

inline std::string multipliesScaled(const ScaledCase &c, bool accumulates) {
  return "  setp.ne.u32 %p3, " + std::string(accumulates ? "1" : "0") +
         ", 0;\n  add.u32 %r41, %taddr, " + number(scaleColumnA) +
         ";\n  add.u32 %r42, %taddr, " + number(scaleColumnB) +
         ";\n  tcgen05.mma.cta_group::" + number(c.group) + ".kind::" + c.kind +
         ".block_scale." + c.vector + " [%taddr], %d10, %d11, " +
         number(c.descriptor()) + ", [%r41], [%r42], %p3;\n";
}

inline ScaledPieces scaledPieces(const ScaledCase &c) {
  unsigned columns = c.isSplit() ? c.n / 2 : c.n;
  ScaledPieces p;
  p.prologue = allocates(512, c.group) + fillsData();
  p.copies = copiesAtom(c.group, scaleColumnA, scalesAAt);
  if (c.isSplit()) {
    p.copies +=
        copiesAtom(c.group, scaleColumnB, scalesBAt, "64x128b.warpx2::01_23");
  } else {
    for (unsigned atom = 0; atom < (c.n + 127) / 128; ++atom)
      p.copies +=
          copiesAtom(c.group, scaleColumnB + 4 * atom, scalesBAt + 512 * atom);
  }
  p.product = describes("%d10", 0, packedRows.descriptor()) +
              describes("%d11", bAt, packedRows.descriptor()) +
              multipliesScaled(c, false);
  p.commit = commits(c.group);
  p.wait = waitsForBar();
  p.shows = showsCells(0, columns);
  p.epilogue = frees(512, c.group);
  return p;
}

inline std::string scaledKernel(const ScaledPieces &p) {
  return tensorKernel(p.prologue + onlyIssuer(p.copies + p.product + p.commit) +
                      p.wait + p.shows + p.epilogue);
}

/// times: how often the product was added up.
inline std::vector<uint32_t>
scaledResult(const ScaledCase &c, const ScaledOperands &o, double times = 1) {
  unsigned columns = c.isSplit() ? c.n / 2 : c.n, block = c.depth / c.scales;
  std::vector<uint32_t> cells(c.group * 128 * columns);
  for (unsigned row = 0; row < c.m; ++row)
    for (unsigned n = 0; n < c.n; ++n) {
      double sum = 0;
      for (unsigned k = 0; k < c.depth; ++k)
        sum += o.a.at(row, k) * o.b.at(n, k) *
               scaleValue(c.ue8m0, o.a.scaleBits[row * c.scales + k / block]) *
               scaleValue(c.ue8m0, o.b.scaleBits[n * c.scales + k / block]);
      CellOf at = cellOf(c.group, c.m, c.n, row, n);
      cells[(at.cta * 128 + at.lane) * columns + at.column] =
          std::bit_cast<uint32_t>(static_cast<float>(times * sum));
    }
  return cells;
}

} // namespace nybl::emu::test

#endif // NYBL_TESTS_EMULATOR_TCGEN05SCALEDFIXTURE_H
