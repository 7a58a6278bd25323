// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The estimate. Its parameters stand on top, each with where it comes from;
// there is none for a single kernel, shape or card.

#include "compiler/Select/Estimate.h"
#include "compiler/Select/TensorMemory.h"
#include <algorithm>
#include <cmath>

using namespace nybl;
using namespace nybl::compiler;

namespace {

//===----------------------------------------------------------------------===//
// Parameters
//===----------------------------------------------------------------------===//

/// Of the peak at boost clock that a card keeps up: 1,306 of 1,676 TFLOP/s, the
/// best of a sweep over large products on an RTX 5090 at its 600 W
/// (github.com/gau-nernst/gn-kernels, README, "Realistic SOL").
constexpr double sustainedTensor = 0.78;

/// Of the memory's peak that streams of reads reach. Weak: an assumption.
constexpr double sustainedMemory = 0.9;

/// From a load to its data with the memory busy. Weak: calculated, from some
/// 7 KB in flight on each multiprocessor of an RTX PRO 6000 that keep its
/// memory busy.
constexpr double memoryLatencySeconds = 0.75e-6;

/// That L2 gives one multiprocessor; NVIDIA's A100 white paper, no newer one
/// says (weak).
constexpr double l2BytesPerMultiprocessor = 64;

/// Sub-cores of a multiprocessor: each has a quarter of its tensor cores, and
/// issues one instruction a cycle (CUDA C++ Programming Guide).
constexpr int64_t subCores = 4;

/// mma.sync.m16n8k64.
constexpr int64_t mmaM = 16, mmaN = 8, mmaK = 64;

/// Instructions of a thread for one move (8 bytes of data, or its scale
/// factors): counted in the PTX of kind=plain and of kind=multistage with the
/// same tile for N = 4096, K = 7168; those of the K loop but multiplies and the
/// reads of their operands, over 16 and 10 moves.
constexpr double instructionsPerRegisterMove = 5.1;
constexpr double instructionsPerAsyncMove = 8.9;

/// For one element of D: scale, round, guard, address, store; those after the
/// same loops, over 64 elements.
constexpr double instructionsPerElement = 4.7;
/// Where pairs are converted and leave in whole sectors. Weak: an assumption.
constexpr double instructionsPerPackedElement = 2;

/// Registers of a thread beside its accumulators: a fit to what ptxas 13.0
/// gives the built-in template under ten schedules without and thirty with
/// roles, right to 30. A ring keeps the addresses of its moves.
constexpr double plainRegisters = 115;
constexpr double ringRegisters = 50, ringRegistersPerMove = 8.5;
constexpr double consumerRegisters = 50;
constexpr double producerRegisters = 20, producerRegistersPerMove = 7;
constexpr double mostRegisters = 255; ///< ptxas
/// Where a thread has more accumulators, setmaxnreg leaves the producer these.
constexpr double manyAccumulators = 64, fewRegisters = 40;

/// Element-wise stores: each warp stores 4 elements of 16 bits, two columns
/// apart, in each of 8 rows, 8 bytes of a 32-byte sector; of columns that are
/// multiplies' rows 8 elements next to each other in each of 4 rows.
constexpr double rowSectors = 4, columnSectors = 2;
/// Out of tensor memory each thread stores its own row, 2 bytes of a sector at
/// a time, or its own column: then a warp's are neighbours.
constexpr double threadRowSectors = 16, threadColumnSectors = 1;

/// Stores of 8 bytes to rows that are padded by 16 meet in the banks, unless a
/// row fills them: counted by the emulated driver (`./dev bench resources`).
constexpr double paddedPasses = 2;
constexpr int64_t bankBytes = 128;

constexpr double bytesPerElement = 0.5 + 1.0 / kBlock; ///< with its scale

double ceilDiv(double a, double b) { return std::ceil(a / b); }

//===----------------------------------------------------------------------===//
// The model
//===----------------------------------------------------------------------===//

/// One launch, taken apart. Cycles are a multiprocessor's.
class Model {
public:
  Model(const GemmProblem &problem, int64_t m, const KernelShape &shape,
        const Chip &chip, const Card &card);
  Estimate run() const;

private:
  double mmasPerStep() const;
  double tensorPerStep(double warps) const;
  double issuePerStep(double warps) const;
  double scaleReads(double rows, double ofFragment) const;
  double wavefrontsPerStep() const;
  double epilogueIssue() const;
  double epilogueBytes() const;
  double l2Bytes() const;
  double memoryBytes() const;
  void placeTiles(Estimate &e) const;
  /// Cycles of the busiest multiprocessor, if no rate but the copies' latency
  /// held it up.
  double waiting(double inProgress) const;
  /// Of one step, from asking for its operands to having multiplied them.
  double stepTurnaround() const;

  const GemmProblem &problem;
  const KernelShape &shape;
  const Chip &chip;
  const Card &card;
  double m, n, k;
  double tilesM, tilesN, steps; ///< steps of one CTA for one tile
  double rowsA, rowsB;          ///< real ones in a tile
  double copiedB;               ///< of these, by one CTA
  double hertz, latency;        ///< latency in cycles
  double multiprocessors, tiles, tilesOfBusiest, ctas;
};

Model::Model(const GemmProblem &problem, int64_t m, const KernelShape &shape,
             const Chip &chip, const Card &card)
    : problem(problem), shape(shape), chip(chip), card(card),
      m(static_cast<double>(m)), n(static_cast<double>(problem.n)),
      k(static_cast<double>(problem.k)) {
  auto [tm, tn, tk] = shape.tile;
  tilesM = ceilDiv(this->m, tm * shape.pairedCtas) * shape.pairedCtas;
  tilesN = ceilDiv(n, tn);
  double allSteps = ceilDiv(k, tk);
  double split = std::min<double>(shape.splitK, allSteps);
  steps = ceilDiv(allSteps, split);
  rowsA = std::min<double>(tm, this->m);
  rowsB = std::min<double>(tn, n);
  copiedB = rowsB / static_cast<double>(shape.pairedCtas);
  hertz = card.clockMHz * 1e6;
  latency = memoryLatencySeconds * hertz;
  multiprocessors = card.multiprocessors;
  tiles = tilesM * tilesN * split;
  tilesOfBusiest = ceilDiv(tiles, multiprocessors);
  ctas = std::min<double>(shape.ctasPerMultiprocessor, tilesOfBusiest);
}

double Model::mmasPerStep() const {
  auto [tm, tn, tk] = shape.tile;
  return ceilDiv(tm, mmaM) * ceilDiv(tn, mmaN) * ceilDiv(tk, mmaK);
}

/// `warps` share the sub-cores: fewer than four leave some idle. Multiplies out
/// of shared memory are the whole multiprocessor's.
double Model::tensorPerStep(double warps) const {
  if (shape.tensorMemory)
    warps = subCores;
  double macs = chip.fp4MacsPerCycle * sustainedTensor;
  return mmasPerStep() * (mmaM * mmaN * mmaK) / macs * subCores /
         std::min<double>(subCores, warps);
}

/// Of scale words, for 64 columns of K: one for each fragment, or packed ones
/// for 32, 64 or 128 rows.
double Model::scaleReads(double rows, double ofFragment) const {
  if (!shape.packedScales || std::fmod(rows, 32) != 0)
    return ceilDiv(rows, ofFragment);
  return rows / (std::fmod(rows, 128) == 0  ? 128
                 : std::fmod(rows, 64) == 0 ? 64
                                            : 32);
}

/// A warp reads its A once and its B once for each 64 columns of K, 16 rows of
/// data by one ldmatrix. Four scale factors are one asynchronous move; those of
/// producers are beside the multiplying warps, but issued like theirs.
double Model::issuePerStep(double warps) const {
  auto [wm, wn] = shape.warpTile();
  double slices = ceilDiv(shape.tile[2], mmaK);
  double reads = ceilDiv(wm, mmaM) + ceilDiv(wn, 16) + // data
                 scaleReads(wm, mmaM) + scaleReads(wn, mmaN);
  // What one thread asks for, nobody else waits to issue (weak).
  double instructions =
      shape.tensorMemory
          ? 0
          : mmasPerStep() + reads * slices * (shape.threads() / 32.0);
  double blocks =
      (shape.tile[0] + shape.tile[1]) * (shape.tile[2] / double(kBlock));
  double copies = 0;
  if (shape.copy == CopyKind::Register)
    copies = 2 * blocks / 32 * instructionsPerRegisterMove;
  else if (shape.copy == CopyKind::CpAsync)
    copies = 1.25 * blocks / 32 * instructionsPerAsyncMove;
  else if (shape.asyncScales)
    copies = 0.25 * blocks / 32 * instructionsPerAsyncMove;
  // A spilled register is stored and loaded once a step, by who copies.
  double copying =
      shape.producerWarps ? shape.producerWarps : shape.threads() / 32.0;
  copies += 2 * shape.spilledRegisters * copying;
  return instructions / std::min<double>(subCores, warps) +
         copies / std::min<double>(subCores, std::max(warps, copying));
}

/// ldmatrix reads 512 bytes without conflicts. Scale words of 16 rows of A (8
/// of B) lie a row's scales apart, and fall into the same banks from 128 bytes
/// on; packed ones are 128 bytes of 32 rows. Scale factors one by one waste a
/// wavefront.
double Model::wavefrontsPerStep() const {
  auto [tm, tn, tk] = shape.tile;
  auto [wm, wn] = shape.warpTile();
  double inStage = tm + tn / double(shape.pairedCtas); // rows of both operands
  double width = chip.sharedBytesPerCycle, scaleRow = tk / double(kBlock);
  double slices = ceilDiv(tk, mmaK);
  double data = (ceilDiv(wm, mmaM) + ceilDiv(wn, 16)) * 512 / width;
  auto scalesOf = [&](double rows, double ofFragment) {
    if (shape.packedScales && std::fmod(rows, 32) == 0)
      return rows * 4 / width;
    return ceilDiv(rows, ofFragment) *
           std::max(1.0, ofFragment * scaleRow / width);
  };
  double reads = (data + scalesOf(wm, mmaM) + scalesOf(wn, mmaN)) * slices *
                 (shape.threads() / 32.0);
  // Each operand once, and its scale factors on their way to tensor memory.
  if (shape.tensorMemory)
    reads = (inStage * (tk / 2.0) + (tm + tn) * scaleRow) / width;
  double filled = inStage * (tk / 2.0) / width * shape.fillPasses;
  double perWavefront = shape.copy == CopyKind::Register ? 32 : width;
  return reads + filled + (tm + tn) * scaleRow / perWavefront;
}

double Model::epilogueIssue() const {
  double each = shape.wholeSectorStores ? instructionsPerPackedElement
                                        : instructionsPerElement;
  double warps = shape.threads() / 32.0;
  return shape.tile[0] * shape.tile[1] / 32.0 * each /
         std::min<double>(subCores, warps);
}

/// That L2 sees of a tile of D, or of one part of it: the last part stores, and
/// each adds to sums in f32.
double Model::epilogueBytes() const {
  double bytes = rowsA * rowsB * byteWidth(problem.d);
  if (!shape.wholeSectorStores)
    bytes *= std::max(1.0, shape.storedSectors * 2 / byteWidth(problem.d));
  return shape.splitK > 1 ? bytes / shape.splitK + 2 * 4 * rowsA * rowsB
                          : bytes;
}

/// Each row of tiles reads A once for each column of tiles, and the other way
/// round. Rows and blocks outside are not read.
double Model::l2Bytes() const {
  double readsOfB = tilesM / static_cast<double>(shape.pairedCtas);
  double reads = (tilesN * m + readsOfB * n) * k * bytesPerElement;
  return reads + tiles * epilogueBytes();
}

/// Tiles walk along one operand, the fast one, again and again. What runs at
/// the same time shares what it reads. The slow operand is read once; the fast
/// one once if all of it stays in L2, else once for each pass: so a
/// least-recently-used cache would have it.
double Model::memoryBytes() const {
  bool alongN = shape.order == TileOrder::AlongN;
  double fastTiles = alongN ? tilesN : tilesM;
  double slowTiles = alongN ? tilesM : tilesN;
  double fastBytes = (alongN ? n : m) * k * bytesPerElement;
  double slowBytes = (alongN ? m : n) * k * bytesPerElement;
  double together = std::min(tiles, multiprocessors * ctas) / shape.splitK;
  double rowsTogether = std::max<double>(shape.group, together / fastTiles);
  double passes = ceilDiv(slowTiles, rowsTogether);
  if (fastBytes <= card.l2Bytes)
    passes = 1;
  return passes * fastBytes + slowBytes + m * n * byteWidth(problem.d);
}

double Model::stepTurnaround() const {
  double warps = shape.threads() / 32.0;
  double bytes = (rowsA + copiedB) * shape.tile[2] * bytesPerElement;
  return latency +
         std::max({tensorPerStep(warps), issuePerStep(warps),
                   wavefrontsPerStep(), bytes / l2BytesPerMultiprocessor});
}

/// With `inProgress` tiles beside each other, one waits while another works.
/// Warps of their own that copy begin with the next tile early.
double Model::waiting(double inProgress) const {
  double work = stepTurnaround() - latency;
  double step = std::max(work, stepTurnaround() / shape.stages);
  double store = epilogueBytes() / l2BytesPerMultiprocessor;
  double tile = steps * step + std::max(store, epilogueIssue());
  double rounds = tilesOfBusiest / inProgress;
  double all =
      shape.runsAhead() ? latency + rounds * tile : rounds * (latency + tile);
  // The ring is the CTA's, however many tiles take from it.
  return std::max(all, tilesOfBusiest * steps * stepTurnaround() /
                           (shape.stages * ctas));
}

void Model::placeTiles(Estimate &e) const {
  double places =
      multiprocessors * std::max<double>(1, shape.ctasPerMultiprocessor);
  e.tiles = static_cast<int64_t>(tiles);
  e.ctasAtATime = static_cast<int64_t>(std::min(places, tiles));
  e.waves = tiles / places;
  double last = tiles - places * std::floor(tiles / places);
  e.lastWaveFill = last == 0 ? 1 : last / places;
  e.multiprocessorsBusy =
      static_cast<int64_t>(std::min(tiles, multiprocessors));
  double ahead =
      std::min<double>(std::max<int64_t>(1, shape.stages - 1), steps);
  e.bytesInFlight = ctas * ahead * (rowsA + copiedB) *
                    std::min<double>(shape.tile[2], k) * bytesPerElement;
}

Estimate Model::run() const {
  Estimate e;
  if (tiles == 0)
    return e;
  placeTiles(e);
  double inProgress = std::min(
      static_cast<double>(shape.ctasPerMultiprocessor * shape.tilesAtATime),
      tilesOfBusiest);
  double warps = shape.threads() / 32.0 * inProgress;
  e.tensorCycles = tilesOfBusiest * steps * tensorPerStep(warps);
  e.issueCycles =
      tilesOfBusiest * (steps * issuePerStep(warps) + epilogueIssue());
  e.sharedWavefronts = tilesOfBusiest * steps * wavefrontsPerStep();
  e.l2Bytes = l2Bytes();
  e.memoryBytes = memoryBytes();
  double port = tilesOfBusiest * steps * (rowsA + copiedB) * shape.tile[2] *
                bytesPerElement / l2BytesPerMultiprocessor;
  e.seconds = {e.tensorCycles / hertz,
               e.issueCycles / hertz,
               e.sharedWavefronts / hertz,
               waiting(inProgress) / hertz,
               std::max(e.l2Bytes / card.l2BytesPerCycle, port) / hertz,
               secondsOfMemory(e.memoryBytes, card)};
  e.bound = static_cast<Resource>(
      std::max_element(e.seconds.begin(), e.seconds.end()) - e.seconds.begin());
  return e;
}

} // namespace

std::string_view nybl::compiler::name(Resource resource) {
  constexpr std::string_view names[resourceCount] = {
      "tensor cores", "issue", "shared memory", "latency", "L2", "memory"};
  return names[static_cast<size_t>(resource)];
}

/// Of one thread of those that copy, in a K step.
static double movesOf(const Schedule &s) {
  double threads =
      static_cast<double>(s.hasRoles() ? producerWarps * 32 : s.threads());
  return std::ceil((s.tile[0] + s.tile[1]) * s.tile[2] /
                   (static_cast<double>(kBlock) * threads));
}

static double accumulatorsOf(const Schedule &s) {
  return static_cast<double>(s.tile[0] / s.ctas * s.tile[1]) /
         static_cast<double>(s.warps[0] * s.warps[1] * 32);
}

static double registersOfProducer(const Schedule &s) {
  return s.byTma ? fewRegisters
                 : producerRegisters + producerRegistersPerMove * movesOf(s);
}

double nybl::compiler::registersWanted(const Schedule &s) {
  double accumulators = accumulatorsOf(s);
  if (s.hasRoles())
    return std::max(accumulators + consumerRegisters, registersOfProducer(s));
  return accumulators +
         (s.kind == "plain"
              ? plainRegisters
              : ringRegisters + ringRegistersPerMove * movesOf(s));
}

/// Roles that differ in registers share what all threads can have, and the
/// producer keeps few.
static void placeRegisters(const Schedule &s, const Chip &chip,
                           KernelShape &shape) {
  bool differ = s.hasRoles() && accumulatorsOf(s) > manyAccumulators;
  double wanted = registersWanted(s);
  double spilled =
      differ ? registersOfProducer(s) - fewRegisters : wanted - mostRegisters;
  shape.spilledRegisters = std::max(0.0, spilled);
  // Registers are given in eights.
  int64_t registers =
      differ ? chip.registersPerMultiprocessor / s.threads()
             : static_cast<int64_t>(
                   std::ceil(std::min(wanted, mostRegisters) / 8) * 8);
  shape.ctasPerMultiprocessor = std::max<int64_t>(
      1, std::min({chip.sharedPerMultiprocessor /
                       (sharedBytes(s) + 1024), // the system's own
                   chip.registersPerMultiprocessor / (registers * s.threads()),
                   chip.threadsPerMultiprocessor / s.threads()}));
  if (!s.inTensorMemory())
    return;
  // A CTA that finds no columns waits until another is over.
  if (auto plan = planTensorMemory(s, chip.tensorColumns))
    shape.ctasPerMultiprocessor = std::min(
        shape.ctasPerMultiprocessor, chip.tensorColumns / plan->allocated);
}

static double storedSectorsOf(const Schedule &s) {
  if (s.inTensorMemory())
    return s.swapped ? threadColumnSectors : threadRowSectors;
  return s.swapped ? columnSectors : rowSectors;
}

KernelShape nybl::compiler::describe(const Schedule &schedule,
                                     const Chip &chip) {
  KernelShape shape;
  shape.tile = schedule.tile;
  shape.tile[0] /= schedule.ctas;
  shape.pairedCtas = schedule.ctas;
  shape.warps = schedule.warps;
  shape.stages = schedule.stages;
  shape.copy = schedule.byTma             ? CopyKind::Tma
               : schedule.kind == "plain" ? CopyKind::Register
                                          : CopyKind::CpAsync;
  shape.tilesAtATime = schedule.consumers();
  shape.producerWarps = schedule.hasRoles() ? producerWarps : 0;
  shape.asyncScales = schedule.byTma;
  shape.splitK = schedule.split;
  shape.group = schedule.group;
  shape.packedScales = schedule.kind != "plain";
  bool padded = !schedule.byTma && schedule.tile[2] / 2 % bankBytes != 0;
  shape.fillPasses = padded ? paddedPasses : 1;
  shape.wholeSectorStores = schedule.storesByTma;
  shape.tensorMemory = schedule.inTensorMemory();
  shape.storedSectors = storedSectorsOf(schedule);
  placeRegisters(schedule, chip, shape);
  return shape;
}

Estimate nybl::compiler::estimate(const GemmProblem &problem, int64_t m,
                                  const KernelShape &shape, const Chip &chip,
                                  const Card &card) {
  return Model(problem, m, shape, chip, card).run();
}

double nybl::compiler::flopsPerSecond(const GemmProblem &problem, int64_t m,
                                      const Estimate &estimate) {
  double time = estimate.time();
  return time == 0
             ? 0
             : 2.0 * static_cast<double>(m) * static_cast<double>(problem.n) *
                   static_cast<double>(problem.k) / time;
}

double nybl::compiler::peakFlops(const Chip &chip, const Card &card) {
  return 2e6 * chip.fp4MacsPerCycle * card.multiprocessors * card.clockMHz;
}

double nybl::compiler::roofline(const GemmProblem &problem, int64_t rows,
                                const Chip &chip, const Card &card) {
  double m = static_cast<double>(rows), n = static_cast<double>(problem.n),
         k = static_cast<double>(problem.k);
  double bytes = (m + n) * k * bytesPerElement + m * n * byteWidth(problem.d);
  return std::max(2 * m * n * k / (sustainedTensor * peakFlops(chip, card)),
                  secondsOfMemory(bytes, card));
}

double nybl::compiler::secondsOfMemory(double bytes, const Card &card) {
  return bytes / (card.memoryMBPerSecond * 1e6 * sustainedMemory);
}

double nybl::compiler::secondsOfLatency() { return memoryLatencySeconds; }

double nybl::compiler::secondsOfIssue(double instructions, const Card &card) {
  return instructions / subCores / (card.clockMHz * 1e6);
}
