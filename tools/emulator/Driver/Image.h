// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a program gives as code: PTX text, or a fatbin that holds some.
#ifndef NYBL_EMULATOR_DRIVER_IMAGE_H
#define NYBL_EMULATOR_DRIVER_IMAGE_H

#include "tools/emulator/Driver/State.h"

namespace nybl::emu {

/// The log buffers among the options of a load.
struct JitLogs {
  JitLogs() = default;
  JitLogs(unsigned count, const CUjit_option *options, void **values);

  /// Writes what fits of each, ends it, and gives back the number of bytes.
  void write(const std::string &info, const std::string &error) const;

private:
  char *buffer[2] = {nullptr, nullptr}; ///< info, error
  size_t size[2] = {0, 0};
  void **sizeSlot[2] = {nullptr, nullptr};

  void setSize(int which, void **value);
  void write(int which, const std::string &text) const;
};

/// The length of an image of which only the start is known: a text ends with 0,
/// a fatbin says its length.
inline constexpr size_t unknownLength = SIZE_MAX;

/// Loads `image`; on failure the refusal is logged and kept as last message.
CUresult loadImage(const Entry &entry, const void *image, size_t bytes,
                   const JitLogs &logs, std::shared_ptr<Module> &to);

/// The bytes of a file.
CUresult readImage(const char *path, std::string &to);

/// The handle of a module's kernel, the same on each question.
CUresult functionOf(State &s, const std::shared_ptr<Module> &module,
                    CUmodule moduleHandle, const char *name, CUfunction *to);

CUresult globalOf(const Module &module, const char *name, CUdeviceptr *address,
                  size_t *bytes);

} // namespace nybl::emu

#endif // NYBL_EMULATOR_DRIVER_IMAGE_H
