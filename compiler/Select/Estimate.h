// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a kernel would cost on a card, without running it: an estimate from
// counts and rates, good for putting schedules in order. It is not a
// measurement, and no result depends on it. docs/design.md says what is in it.
#ifndef NYBL_COMPILER_SELECT_ESTIMATE_H
#define NYBL_COMPILER_SELECT_ESTIMATE_H

#include "compiler/Select/Schedule.h"
#include "runtime/Abi/Problem.h"

namespace nybl::compiler {

/// How operands come into shared memory.
enum class CopyKind {
  Register, ///< loaded by the multiplying warps, then stored
  CpAsync,  ///< cp.async, by the multiplying warps unless others are there
  Tma       ///< by a warp of its own
};

/// Which tiles run together.
enum class TileOrder { AlongN, AlongM };

/// All that the estimate knows of a kernel: ours (describe) or anyone's.
struct KernelShape {
  std::array<int64_t, 3> tile{128, 128, 128};
  std::array<int64_t, 2> warps{2, 4}; ///< that multiply one tile
  int64_t stages = 1;
  CopyKind copy = CopyKind::Register;
  int64_t ctasPerMultiprocessor = 1;
  /// Tiles that a CTA works on at a time; 2: ping-pong, the epilogue of one
  /// hides behind the other's multiplies.
  int64_t tilesAtATime = 1;
  int64_t producerWarps = 0; ///< that copy by cp.async and do nothing else
  bool asyncScales = false;  ///< scale factors by cp.async, data by TMA
  int64_t splitK = 1;        ///< CTAs that share the K steps of one tile
  TileOrder order = TileOrder::AlongN;
  int64_t group = 1; ///< rows of tiles (columns, of AlongM) that are walked
                     ///< over together
  /// One word of scale factors serves 32 rows of a warp that has whole 32.
  bool packedScales = false;
  /// One thread asks for the multiplies, of operands in shared memory.
  bool tensorMemory = false;
  /// CTAs that multiply together: `tile` is what each has of D, and of the rows
  /// of B that belong to its columns each has its share.
  int64_t pairedCtas = 1;
  double fillPasses = 1; ///< through the banks for 128 bytes of data copied
  bool wholeSectorStores = false; ///< D leaves through shared memory or TMA
  /// Bytes of the sectors that a store touches for each byte of a 16-bit D.
  double storedSectors = 4;
  double spilledRegisters = 0; ///< of each thread

  std::array<int64_t, 2> warpTile() const {
    return {tile[0] / warps[0], tile[1] / warps[1]};
  }
  int64_t threads() const { return warps[0] * warps[1] * 32; }
  /// Who copies is on the next tile while others store this one.
  bool runsAhead() const { return copy == CopyKind::Tma || producerWarps > 0; }
};

/// An estimate of the registers that a thread would like to have; above 255
/// some are spilled.
double registersWanted(const Schedule &schedule);

/// The kernel that a valid schedule becomes.
KernelShape describe(const Schedule &schedule, const Chip &chip);

enum class Resource {
  TensorCores,
  Issue,
  SharedMemory,
  Latency, ///< waiting for copies, and what no other tile hides
  L2,
  Memory
};
inline constexpr size_t resourceCount = 6;
std::string_view name(Resource resource);

struct Estimate {
  /// Seconds that each resource would need, were it alone. The estimated time
  /// is the longest.
  std::array<double, resourceCount> seconds{};
  Resource bound = Resource::Latency;
  // Of the busiest multiprocessor, over the whole launch.
  double tensorCycles = 0, issueCycles = 0, sharedWavefronts = 0;
  double l2Bytes = 0, memoryBytes = 0; ///< of the whole launch
  int64_t tiles = 0;                   ///< times splitK
  int64_t ctasAtATime = 0;             ///< on the whole card
  double waves = 0;                    ///< tiles / places for them
  double lastWaveFill = 0;             ///< 0 to 1
  int64_t multiprocessorsBusy = 0;
  double bytesInFlight = 0; ///< that a busy multiprocessor has asked for
  double time() const { return seconds[static_cast<size_t>(bound)]; }
};

/// Pure. `m` rows of A; the chip must have Fp4MacsPerCycle, and `shape` a tile
/// that its warps divide.
Estimate estimate(const GemmProblem &problem, int64_t m,
                  const KernelShape &shape, const Chip &chip, const Card &card);

/// 2 * M * N * K over the estimated time; 0 if nothing is done.
double flopsPerSecond(const GemmProblem &problem, int64_t m,
                      const Estimate &estimate);

/// 2 * multiply-adds a second of all tensor cores at the boost clock.
double peakFlops(const Chip &chip, const Card &card);

/// Seconds that so many bytes take from or to memory, one stream after another.
double secondsOfMemory(double bytes, const Card &card);
/// From a load to its data.
double secondsOfLatency();
/// That so many instructions of warps take on one multiprocessor which has
/// warps enough.
double secondsOfIssue(double instructions, const Card &card);

/// Seconds that any kernel needs by the same parameters: the longer of its
/// multiplies and of the bytes that must move. A yardstick for the estimate.
double roofline(const GemmProblem &problem, int64_t m, const Chip &chip,
                const Card &card);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_SELECT_ESTIMATE_H
