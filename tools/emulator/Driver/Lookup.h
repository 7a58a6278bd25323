// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What cuGetProcAddress chooses from. Does not include cuda.h; see
// UnsupportedApi.cpp.
#ifndef NYBL_EMULATOR_DRIVER_LOOKUP_H
#define NYBL_EMULATOR_DRIVER_LOOKUP_H

#include <vector>

namespace nybl::emu {

struct EntryPoint {
  const char *name;
  void *address; ///< null: this form is absent
  int version;
};
extern const std::vector<EntryPoint> unsupportedEntryPoints;

/// CUDA_ERROR_NOT_SUPPORTED with a sentence.
int refuseUnsupported(const char *name);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_LOOKUP_H
