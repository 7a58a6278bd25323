// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Names of the driver, found once.

#include "tests/Mutation/Machine.h"

using namespace nybl;
using namespace nybl::mutation;

Expected<Machine> Machine::open() {
  // A mutant may run on and on; parts of a tile may wait while the host does
  // something else.
  ::setenv("NYBL_EMU_MAX_STEPS", "20000000", 1);
  ::setenv("NYBL_EMU_REPORT", "off", 1);
  auto api = driver::Driver::open(NYBL_BINARY_DIR "/lib/emu/libcuda.so.1");
  if (!api)
    return api.status();
  auto device = driver::Device::open(*api, 0);
  if (!device)
    return device.status();
  Machine m;
  m.api = *api;
  m.device = *device;
#define NYBL_EXTENSION(name)                                                   \
  m.name = m.api->extension<decltype(::name)>(#name);                          \
  if (!m.name)                                                                 \
    return Status::environment("the emulated driver has no " #name);
  NYBL_EXTENSIONS
#undef NYBL_EXTENSION
  return m;
}

Expected<const Machine *> Machine::get() {
  static const Expected<Machine> machine = open();
  return machine ? Expected<const Machine *>(&*machine)
                 : Expected<const Machine *>(machine.status());
}

Loaded::Loaded(const Machine &machine, const std::string &ptx,
               const std::string &kernel)
    : machine(machine) {
  const driver::Driver &api = *machine.api;
  if (api.cuModuleLoadDataEx(&module, ptx.c_str(), 0, nullptr, nullptr) == 0)
    api.cuModuleGetFunction(&function, module, kernel.c_str());
}

Loaded::~Loaded() {
  if (module)
    machine.api->cuModuleUnload(module);
}

bool Loaded::allowShared(unsigned bytes) const {
  return machine.api->cuFuncSetAttribute(
             function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
             static_cast<int>(bytes)) == 0;
}

int nybl::mutation::launchOn(const Machine &machine, CUfunction function,
                             unsigned grid, const CtaShape &cta,
                             void **parameters, void *on, bool dependent) {
  CUlaunchAttribute attribute = {};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  CUlaunchConfig config = {};
  config.gridDimX = grid;
  config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = cta.threads;
  config.blockDimY = config.blockDimZ = 1;
  config.sharedMemBytes = cta.dynamicShared;
  config.hStream = static_cast<CUstream>(on);
  config.attrs = &attribute;
  config.numAttrs = dependent ? 1 : 0;
  return machine.cuLaunchKernelEx(&config, function, parameters, nullptr);
}

Symptom nybl::mutation::takeFinding(const Machine &machine) {
  std::string text;
  if (machine.nyblEmuReportCount() > 0) {
    char line[512];
    machine.nyblEmuReportText(0, line, sizeof line);
    text = line;
  }
  machine.nyblEmuClearReports();
  machine.nyblEmuResetContext();
  return Symptom{Sign::Finding,
                 text.empty() ? "an error without a report" : text};
}
