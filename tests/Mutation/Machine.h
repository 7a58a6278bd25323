// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The emulated driver in this process: modules, launches, what it found.
#ifndef NYBL_TESTS_MUTATION_MACHINE_H
#define NYBL_TESTS_MUTATION_MACHINE_H

#include "runtime/Driver/Memory.h"
#include "tests/Mutation/Bed.h"
#include "tools/emulator/include/nybl-emu.h"

namespace nybl::mutation {

/// The emulated driver in this process, and its extension.
struct Machine {
  std::shared_ptr<const driver::Driver> api;
  std::shared_ptr<const driver::Device> device;
#define NYBL_EXTENSION(name) decltype(&::name) name = nullptr;
#define NYBL_EXTENSIONS                                                        \
  NYBL_EXTENSION(nyblEmuMarkPoison)                                            \
  NYBL_EXTENSION(nyblEmuDeclareOutput)                                         \
  NYBL_EXTENSION(nyblEmuReportCount)                                           \
  NYBL_EXTENSION(nyblEmuReportText)                                            \
  NYBL_EXTENSION(nyblEmuClearReports)                                          \
  NYBL_EXTENSION(nyblEmuResetContext)                                          \
  NYBL_EXTENSION(nyblEmuSetSchedule)                                           \
  NYBL_EXTENSION(nyblEmuSetRaces)                                              \
  NYBL_EXTENSION(cuLaunchKernelEx)                                             \
  NYBL_EXTENSION(cuLaunchHostFunc)
  NYBL_EXTENSIONS
#undef NYBL_EXTENSION

  static Expected<const Machine *> get();

private:
  static Expected<Machine> open();
};

/// A loaded module; nothing where the driver refuses it.
class Loaded {
public:
  Loaded(const Machine &machine, const std::string &ptx,
         const std::string &kernel);
  ~Loaded();
  Loaded(const Loaded &) = delete;

  /// False where the chip has less.
  bool allowShared(unsigned bytes) const;

  CUfunction function = nullptr;

private:
  const Machine &machine;
  CUmodule module = nullptr;
};

/// What a launch says of each CTA.
struct CtaShape {
  unsigned threads;
  unsigned dynamicShared = 0; ///< bytes
  unsigned cluster = 1;       ///< CTAs that have a tile together
};

/// `dependent`: may start before the grid ahead of it is over. CUDA's error.
int launchOn(const Machine &machine, CUfunction function, unsigned grid,
             const CtaShape &cta, void **parameters, void *stream,
             bool dependent);

/// The first finding; there are none afterwards.
Symptom takeFinding(const Machine &machine);

} // namespace nybl::mutation

#endif // NYBL_TESTS_MUTATION_MACHINE_H
