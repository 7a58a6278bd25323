// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From an image to a loaded module, and from names to what is in it.

#include "tools/emulator/Driver/Image.h"

#include "tools/emulator/Fatbin/Fatbin.h"
#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace nybl::emu;

JitLogs::JitLogs(unsigned count, const CUjit_option *options, void **values) {
  for (unsigned i = 0; i < count; ++i) {
    if (options[i] == CU_JIT_INFO_LOG_BUFFER)
      buffer[0] = static_cast<char *>(values[i]);
    else if (options[i] == CU_JIT_ERROR_LOG_BUFFER)
      buffer[1] = static_cast<char *>(values[i]);
    else if (options[i] == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES)
      setSize(0, &values[i]);
    else if (options[i] == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
      setSize(1, &values[i]);
  }
}

void JitLogs::setSize(int which, void **value) {
  // An unsigned int in the low part of the pointer-sized slot.
  size[which] = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(*value));
  sizeSlot[which] = value;
}

void JitLogs::write(int which, const std::string &text) const {
  size_t kept = 0;
  if (buffer[which] && size[which] > 0) {
    kept = std::min(text.size(), size[which] - 1);
    std::memcpy(buffer[which], text.data(), kept);
    buffer[which][kept++] = 0;
  }
  if (sizeSlot[which])
    *sizeSlot[which] = reinterpret_cast<void *>(uintptr_t(kept));
}

void JitLogs::write(const std::string &info, const std::string &error) const {
  write(0, info);
  write(1, error);
}

static bool startsWith(const void *image, size_t bytes, uint32_t magic) {
  auto *at = static_cast<const unsigned char *>(image);
  // One by one: a text may be shorter than four bytes.
  for (unsigned i = 0; i < 4; ++i)
    if (i >= bytes || at[i] != (magic >> 8 * i & 0xff))
      return false;
  return true;
}

/// The container that an image is or points at; null if it is none.
static const uint8_t *fatbinOf(const void *image, size_t &bytes) {
  if (startsWith(image, bytes, fatbinMagic))
    return static_cast<const uint8_t *>(image);
  if (bytes != unknownLength || !startsWith(image, bytes, fatbinWrapperMagic))
    return nullptr;
  // The structure that a compiled program holds: two ints, then this pointer.
  const uint8_t *data = nullptr;
  std::memcpy(&data, static_cast<const uint8_t *>(image) + 8, sizeof data);
  return data && startsWith(data, bytes, fatbinMagic) ? data : nullptr;
}

/// The PTX of `image`; on failure `text` says why there is none.
static CUresult textOfImage(const Entry &entry, const void *image, size_t bytes,
                            std::string &text) {
  constexpr uint32_t elf = 0x464c457f;
  if (const uint8_t *fatbin = fatbinOf(image, bytes)) {
    if (bytes == unknownLength)
      bytes = fatbinBytes(fatbin);
    auto chosen = choosePtx(fatbin, bytes, *entry.state->settings.chip);
    text = chosen ? *chosen : chosen.message();
    return chosen ? CUDA_SUCCESS : CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  if (startsWith(image, bytes, elf)) {
    text = "the image is a cubin (ELF); the emulated driver runs PTX only";
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  }
  char first = bytes > 0 ? *static_cast<const char *>(image) : 0;
  if (!std::strchr("\t\n\r", first) && (first < ' ' || first == 0x7f)) {
    text = "the image is neither PTX text nor a known binary";
    return CUDA_ERROR_INVALID_IMAGE;
  }
  if (first == 0) {
    text = "the image is empty";
    return CUDA_ERROR_INVALID_IMAGE;
  }
  auto *characters = static_cast<const char *>(image);
  text = bytes == unknownLength ? std::string(characters)
                                : std::string(characters, bytes);
  return CUDA_SUCCESS;
}

CUresult nybl::emu::loadImage(const Entry &entry, const void *image,
                              size_t bytes, const JitLogs &logs,
                              std::shared_ptr<Module> &to) {
  std::string text;
  CUresult status = textOfImage(entry, image, bytes, text);
  if (status == CUDA_SUCCESS) {
    auto program =
        loadProgram(text, *entry.state->settings.chip, entry.state->memory);
    if (program) {
      to = std::make_shared<Module>();
      to->program = *program;
      to->context = entry.context;
      logs.write("", "");
      return CUDA_SUCCESS;
    }
    status = CUDA_ERROR_INVALID_PTX;
    text = program.message();
  }
  logs.write("", text);
  return refuse(status, text);
}

CUresult nybl::emu::readImage(const char *path, std::string &to) {
  std::FILE *file = std::fopen(path, "rb");
  if (!file)
    return refuse(CUDA_ERROR_FILE_NOT_FOUND,
                  std::string("load: cannot open ") + path);
  char part[65536];
  while (size_t got = std::fread(part, 1, sizeof part, file))
    to.append(part, got);
  std::fclose(file);
  return CUDA_SUCCESS;
}

CUresult nybl::emu::functionOf(State &s, const std::shared_ptr<Module> &module,
                               CUmodule moduleHandle, const char *name,
                               CUfunction *to) {
  const KernelInfo *kernel = module->program->findKernel(name);
  if (!kernel) {
    std::string known;
    for (const std::string &other : module->program->kernelNames())
      known += (known.empty() ? "" : ", ") + other;
    return refuse(CUDA_ERROR_NOT_FOUND,
                  std::string("no kernel is named '") + name +
                      "'; the module has: " + (known.empty() ? "none" : known));
  }
  std::lock_guard lock(module->mutex);
  CUfunction &handle = module->functions[kernel->name];
  if (!handle) {
    auto function = std::make_shared<Function>();
    function->module = module;
    function->kernel = kernel;
    function->moduleHandle = moduleHandle;
    handle = s.functions.add(std::move(function));
  }
  *to = handle;
  return CUDA_SUCCESS;
}

CUresult nybl::emu::globalOf(const Module &module, const char *name,
                             CUdeviceptr *address, size_t *bytes) {
  const ModuleGlobal *global = module.program->findGlobal(name);
  if (!global)
    return refuse(CUDA_ERROR_NOT_FOUND,
                  std::string("no global variable is named '") + name + "'");
  if (address)
    *address = global->address;
  if (bytes)
    *bytes = global->bytes;
  return CUDA_SUCCESS;
}
