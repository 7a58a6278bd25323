// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading PTX and running kernels: what the driver needs of the executor.
#ifndef NYBL_EMULATOR_EXEC_ENGINE_H
#define NYBL_EMULATOR_EXEC_ENGINE_H

#include "tools/emulator/Device/Chips.h"
#include "tools/emulator/Memory/GlobalMemory.h"
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
  uint32_t maxThreads = 1024;
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

struct LaunchConfig {
  Dim3 grid, block;
  uint32_t dynamicShared = 0;
  unsigned hostThreads = 0;              ///< 0: all cores
  unsigned multiprocessors = 1;          ///< %nsmid
  bool checks = true;                    ///< reads of uninitialised memory
  bool poison = true;                    ///< follow marked bytes
  uint64_t maxSteps = uint64_t(1) << 36; ///< warp instructions per CTA
};

struct Counters {
  uint64_t warpInstructions = 0, multiplies = 0, globalLoads = 0,
           globalStores = 0, sharedLoads = 0, sharedStores = 0;
  void add(const Counters &other);
};

struct LaunchResult {
  std::vector<Report> reports; ///< of the lowest CTA that had any
  Counters counters;
};

/// `parameters` holds KernelInfo::parameterBytes. Results do not depend on the
/// number of host threads.
LaunchResult runKernel(const Program &program, const KernelInfo &kernel,
                       const LaunchConfig &config, const uint8_t *parameters,
                       GlobalMemory &memory);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_EXEC_ENGINE_H
