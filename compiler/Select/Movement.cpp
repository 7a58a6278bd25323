// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bytes of operands and results, and what is issued for each block of 16.

#include "compiler/Select/Movement.h"
#include "runtime/Abi/ScaleLayout.h"
#include <algorithm>

using namespace nybl;
using namespace nybl::compiler;

namespace {

/// Instructions of a thread for a block, counted in the loop over tiles of the
/// built-in templates with one block a thread for K = 7168, in the machine code
/// of sm_100a and sm_120a by ptxas 13.0.88: the larger of both. Divisions of
/// numbers near the ends of f32's range take more.
struct Instructions {
  double of16Bits, of32Bits;
  double of(OutputType type) const {
    return byteWidth(type) == 4 ? of32Bits : of16Bits;
  }
};
constexpr Instructions exact{142, 118}, fast{130, 104};
constexpr Instructions exactGated{826, 759}, fastGated{296, 212};
constexpr Instructions dequantised{141, 119};

const Instructions &instructionsOf(const QuantizeProblem &p) {
  bool gated = p.fuse == QuantizeFuse::SiluMul;
  if (p.math == QuantizeMath::Exact)
    return gated ? exactGated : exact;
  return gated ? fastGated : fast;
}

int64_t parts(int64_t whole, int64_t part) { return (whole + part - 1) / part; }

/// Two codes a byte.
int64_t codeBytes(int64_t rows, int64_t columns) { return rows * columns / 2; }

int64_t globalBytes(GlobalKind kind) {
  return kind == GlobalKind::None ? 0 : int64_t(sizeof(float));
}

Movement movement(int64_t m, int64_t k, const Schedule &s, double instructions,
                  int64_t readBytes, int64_t writtenBytes) {
  constexpr int64_t lanes = 32;
  int64_t blocks = s.tile[0] * s.tile[1] / kBlock;
  return {parts(m, s.tile[0]) * parts(k, s.tile[1]),
          static_cast<double>(readBytes), static_cast<double>(writtenBytes),
          instructions * static_cast<double>(parts(blocks, lanes))};
}

} // namespace

Movement nybl::compiler::movementOf(const QuantizeProblem &p, int64_t m,
                                    const Schedule &schedule) {
  // Padding K blocks of real rows are cleared, padding rows if asked for.
  int64_t scales = p.padRows ? byteSize(p.sf, m, p.blocks())
                             : m * paddedBox(p.sf, m, p.blocks()).blocks;
  return movement(m, p.k, schedule, instructionsOf(p).of(p.x),
                  m * p.xColumns() * byteWidth(p.x) + globalBytes(p.global),
                  codeBytes(m, p.k) + scales);
}

Movement nybl::compiler::movementOf(const DequantizeProblem &p, int64_t m,
                                    const Schedule &schedule) {
  return movement(m, p.k, schedule, dequantised.of(p.y),
                  codeBytes(m, p.k) + m * p.blocks() + globalBytes(p.global),
                  m * p.k * byteWidth(p.y));
}

MovementTime nybl::compiler::timeOf(const Movement &moved, const Card &card) {
  // Tiles are handed out evenly.
  double tilesOfBusiest =
      static_cast<double>(parts(moved.tiles, card.multiprocessors));
  MovementTime times[] = {
      {Resource::Latency, secondsOfLatency()},
      {Resource::Issue,
       secondsOfIssue(tilesOfBusiest * moved.instructionsPerTile, card)},
      {Resource::Memory,
       secondsOfMemory(moved.readBytes + moved.writtenBytes, card)}};
  return *std::max_element(
      std::begin(times), std::end(times),
      [](const auto &a, const auto &b) { return a.seconds < b.seconds; });
}
