// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading PTX and running kernels: what the driver needs of the executor.
#ifndef NYBL_EMULATOR_EXEC_ENGINE_H
#define NYBL_EMULATOR_EXEC_ENGINE_H

#include "tools/emulator/Device/Chips.h"
#include "tools/emulator/Exec/NumericModel.h"
#include "tools/emulator/Memory/GlobalMemory.h"
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nybl::emu {

struct ParameterInfo {
  uint32_t offset, size;
};

struct KernelInfo {
  std::string name;
  std::vector<ParameterInfo> parameters;
  uint32_t parameterBytes = 0;
  uint32_t staticShared = 0;     ///< bytes
  uint32_t localBytes = 0;       ///< per thread
  Dim3 requiredThreads{0, 0, 0}; ///< .reqntid; 0: not stated
  Dim3 requiredCluster{0, 0, 0}; ///< .reqnctapercluster; 0: not stated
  uint32_t maxThreads = 1024;
  uint32_t maxClusterRank = 0;    ///< CTAs in a cluster; 0: not stated
  bool explicitCluster = false;   ///< .explicitcluster
  bool blocksAreClusters = false; ///< a launch counts clusters
};

struct ModuleGlobal {
  uint64_t address = 0, bytes = 0;
};

/// One loaded module; immutable, shared by threads.
class Program {
public:
  virtual ~Program() = default;
  virtual const KernelInfo *findKernel(std::string_view name) const = 0;
  virtual std::vector<std::string> kernelNames() const = 0;
  /// Null if there is none of that name.
  virtual const ModuleGlobal *findGlobal(std::string_view name) const = 0;
};

/// Parses and decodes. An unknown instruction, qualifier or target is refused
/// here, with its line; nothing is ever skipped.
Expected<std::shared_ptr<const Program>>
loadProgram(std::string_view ptx, const ChipLimits &chip, GlobalMemory &memory);

/// In which order warps run and when asynchronous operations complete.
enum class SchedulePolicy : uint8_t {
  Eager,    ///< warps in order; operations complete at issue
  Lazy,     ///< warps in order; operations complete when nothing else can run
  Random,   ///< all at random, by a seed
  Adversary ///< warps backward; only what somebody waits for completes, late
};

class LabelRecorder;

struct LaunchConfig {
  Dim3 grid, block;
  Dim3 cluster{1, 1, 1};        ///< divides the grid
  bool explicitCluster = false; ///< a cluster was asked for, even of 1
  bool cooperative = false;     ///< the grid may synchronise
  uint32_t dynamicShared = 0;
  unsigned hostThreads = 0;      ///< 0: all cores (Eager), one (the others)
  unsigned multiprocessors = 1;  ///< %nsmid; bounds how many CTAs are resident
  bool checks = true;            ///< reads of uninitialised memory
  bool poison = true;            ///< follow marked bytes
  bool races = false;            ///< accesses that nothing orders; one thread
  bool strictProxyFence = false; ///< with races: the storing thread's own
  bool count = false; ///< wavefronts, sectors, bytes, per instruction
  NumericModel numericModel = NumericModel::MmaSim;
  SchedulePolicy policy = SchedulePolicy::Eager;
  uint64_t seed = 0; ///< of Random
  /// Operands of a tcgen05.mma in tensor memory are read before a later
  /// tcgen05.cp or .mma of the same thread overwrites them, which PTX does not
  /// promise but kernels rely on.
  bool axiomMmaBeforeCp = true;
  /// A tcgen05.ld has read tensor memory once a register of it is used. PTX
  /// wants tcgen05.wait::ld before the cells change; CuTe DSL's block-scaled
  /// GEMM has none.
  bool axiomUsedLoadIsComplete = true;
  /// Registers of tcgen05.ld may not be used before tcgen05.wait::ld. PTX lets
  /// them be (§9.7.16.6.4.5), and Triton's code does so.
  bool strictTensorLoads = false;
  bool hasPrerequisites = false;         ///< griddepcontrol.wait waits
  uint64_t maxSteps = uint64_t(1) << 32; ///< warp instructions per CTA
  /// Is told the marks at every multiply (Labels.h); they are no findings then.
  LabelRecorder *recorder = nullptr;
  /// What the kernel prints, a call of vprintf at a time; null: to stdout.
  std::function<void(std::string_view)> print;
};

/// Those after bulkBytes, tensorBytes and roles are zero unless
/// LaunchConfig::count.
struct Counters {
  uint64_t warpInstructions = 0, multiplies = 0, globalLoads = 0,
           globalStores = 0, sharedLoads = 0, sharedStores = 0;
  /// Of global memory that bulk and tensor copies move.
  uint64_t bulkBytes = 0, tensorBytes = 0;
  uint64_t asyncBytesLoaded = 0; ///< of both, those that come from it
  static constexpr unsigned mostRoles = 32;
  /// Warp instructions by the warp's number within its CTA.
  std::array<uint64_t, mostRoles> roles{};
  uint64_t sharedWavefronts = 0, idealWavefronts = 0;
  /// 32-byte sectors of global memory that warp accesses touched, and how many
  /// bytes of them they used.
  uint64_t sectorsLoaded = 0, sectorsStored = 0, bytesLoaded = 0,
           bytesStored = 0;
  uint64_t mostBytesInFlight = 0; ///< into the shared memory of one CTA
  void add(const Counters &other);
};

/// What one PTX instruction did (LaunchConfig::count).
struct LineCounts {
  uint64_t executions = 0; ///< by warps
  uint64_t wavefronts = 0, idealWavefronts = 0, sectors = 0, bytes = 0;
  void add(const LineCounts &other);
};

struct CountedLine {
  unsigned line = 0; ///< of the PTX
  std::string text;
  LineCounts counts;
};

struct LaunchResult {
  std::vector<Report> reports; ///< of the lowest CTA that had any
  Counters counters;
  std::vector<CountedLine> lines; ///< those executed, in order of the text
};

/// One launch in progress. Its functions are for one thread at a time.
class GridRun {
public:
  virtual ~GridRun() = default;
  /// Until the grid has finished, or all that is left of it waits for
  /// prerequisites (griddepcontrol.wait).
  virtual void advance() = 0;
  virtual bool finished() const = 0;
  virtual void prerequisitesComplete() = 0;
  /// Called once, from within advance(), when every CTA has executed
  /// griddepcontrol.launch_dependents or ended.
  std::function<void()> onTriggered;
  virtual LaunchResult takeResult() = 0;
};

/// `parameters` holds KernelInfo::parameterBytes and is copied. Program and
/// memory must outlive the run. Without communication between CTAs, results do
/// not depend on the number of host threads.
std::unique_ptr<GridRun> startKernel(const Program &program,
                                     const KernelInfo &kernel,
                                     const LaunchConfig &config,
                                     const uint8_t *parameters,
                                     GlobalMemory &memory);

/// Start to end, for a launch without prerequisites.
LaunchResult runKernel(const Program &program, const KernelInfo &kernel,
                       const LaunchConfig &config, const uint8_t *parameters,
                       GlobalMemory &memory);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_ENGINE_H
