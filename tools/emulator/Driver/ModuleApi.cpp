// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modules and libraries: PTX text in, functions and globals out.

#include "tools/emulator/Driver/State.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

using namespace nybl::emu;

namespace {
/// The log buffers among the options of a load.
struct JitLogs {
  char *buffer[2] = {nullptr, nullptr}; ///< info, error
  size_t size[2] = {0, 0};
  void **sizeSlot[2] = {nullptr, nullptr};

  JitLogs(unsigned count, const CUjit_option *options, void **values) {
    for (unsigned i = 0; i < count; ++i)
      take(options[i], &values[i]);
  }

  void take(CUjit_option option, void **value) {
    if (option == CU_JIT_INFO_LOG_BUFFER)
      buffer[0] = static_cast<char *>(*value);
    else if (option == CU_JIT_ERROR_LOG_BUFFER)
      buffer[1] = static_cast<char *>(*value);
    else if (option == CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES)
      setSize(0, value);
    else if (option == CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES)
      setSize(1, value);
  }

  void setSize(int which, void **value) {
    // An unsigned int in the low part of the pointer-sized slot.
    size[which] = static_cast<uint32_t>(reinterpret_cast<uintptr_t>(*value));
    sizeSlot[which] = value;
  }

  /// Writes what fits, ends it, and gives back the number of bytes.
  void write(int which, const std::string &text) const {
    size_t kept = 0;
    if (buffer[which] && size[which] > 0) {
      kept = std::min(text.size(), size[which] - 1);
      std::memcpy(buffer[which], text.data(), kept);
      buffer[which][kept++] = 0;
    }
    if (sizeSlot[which])
      *sizeSlot[which] = reinterpret_cast<void *>(uintptr_t(kept));
  }
};
} // namespace

/// What an image is, by its first bytes; the error says why it cannot be run.
static CUresult classify(const void *image, std::string &why) {
  static constexpr unsigned char elf[] = {0x7f, 'E', 'L', 'F'};
  static constexpr unsigned char fatbin[] = {0x50, 0xed, 0x55, 0xba};
  static constexpr unsigned char wrapper[] = {0xb1, 0x43, 0x62, 0x46};
  auto *bytes = static_cast<const unsigned char *>(image);
  // One by one: a text may be shorter than four bytes.
  auto startsWith = [&](const unsigned char *magic) {
    for (int i = 0; i < 4; ++i)
      if (bytes[i] != magic[i])
        return false;
    return true;
  };
  if (startsWith(elf))
    why = "the image is a cubin (ELF); the emulated driver runs PTX text only";
  else if (startsWith(fatbin) || startsWith(wrapper))
    why = "the image is a fatbin; the emulated driver runs PTX text only";
  if (!why.empty())
    return CUDA_ERROR_NO_BINARY_FOR_GPU;
  bool text = *bytes == '\t' || *bytes == '\n' || *bytes == '\r' ||
              (*bytes >= ' ' && *bytes < 0x7f);
  if (text)
    return CUDA_SUCCESS;
  why = "the image is neither PTX text nor a known binary";
  return CUDA_ERROR_INVALID_IMAGE;
}

/// Loads `image`; on failure the refusal is logged and kept as last message.
static CUresult load(const Entry &entry, const void *image, const JitLogs &logs,
                     std::shared_ptr<Module> &to) {
  std::string why;
  CUresult status = classify(image, why);
  if (status == CUDA_SUCCESS) {
    auto program =
        loadProgram(static_cast<const char *>(image),
                    *entry.state->settings.chip, entry.state->memory);
    if (program) {
      to = std::make_shared<Module>();
      to->program = *program;
      to->context = entry.context;
      logs.write(0, "");
      logs.write(1, "");
      return CUDA_SUCCESS;
    }
    status = CUDA_ERROR_INVALID_PTX;
    why = program.message();
  }
  logs.write(0, "");
  logs.write(1, why);
  return refuse(status, why);
}

static CUresult loadModule(CUmodule *module, const void *image,
                           const JitLogs &logs) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!module || !image)
    return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Module> made;
  CUresult status = load(entry, image, logs, made);
  if (status == CUDA_SUCCESS)
    *module = entry.state->modules.add(std::move(made));
  return status;
}

CUresult CUDAAPI cuModuleLoadData(CUmodule *module, const void *image) {
  return loadModule(module, image, JitLogs(0, nullptr, nullptr));
}

CUresult CUDAAPI cuModuleLoadDataEx(CUmodule *module, const void *image,
                                    unsigned int optionCount,
                                    CUjit_option *options, void **values) {
  if (optionCount > 0 && (!options || !values))
    return CUDA_ERROR_INVALID_VALUE;
  return loadModule(module, image, JitLogs(optionCount, options, values));
}

CUresult CUDAAPI cuModuleLoad(CUmodule *module, const char *path) {
  if (!path)
    return CUDA_ERROR_INVALID_VALUE;
  std::FILE *file = std::fopen(path, "rb");
  if (!file)
    return refuse(CUDA_ERROR_FILE_NOT_FOUND,
                  std::string("cuModuleLoad: cannot open ") + path);
  std::string image;
  char part[65536];
  while (size_t got = std::fread(part, 1, sizeof part, file))
    image.append(part, got);
  std::fclose(file);
  return cuModuleLoadData(module, image.c_str());
}

CUresult CUDAAPI cuModuleLoadFatBinary(CUmodule *, const void *) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  return refuse(
      CUDA_ERROR_NO_BINARY_FOR_GPU,
      "cuModuleLoadFatBinary: the emulated driver runs PTX text only; "
      "use cuModuleLoadData");
}

CUresult CUDAAPI cuModuleGetLoadingMode(CUmoduleLoadingMode *mode) {
  if (!mode)
    return CUDA_ERROR_INVALID_VALUE;
  *mode = CU_MODULE_EAGER_LOADING;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleUnload(CUmodule handle) {
  Entry entry = enterAnyContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto module = entry.state->modules.find(handle);
  if (!module)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a loaded module");
  if (module->libraryModule)
    return refuse(CUDA_ERROR_NOT_PERMITTED,
                  "a library's module goes with cuLibraryUnload");
  entry.state->functions.removeIf(
      [&](const Function &f) { return f.module == module; });
  entry.state->modules.remove(handle);
  return entry.context->stickyError();
}

/// The handle of a kernel, the same on each question.
static CUresult functionOf(State &s, const std::shared_ptr<Module> &module,
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

CUresult CUDAAPI cuModuleGetFunction(CUfunction *function, CUmodule handle,
                                     const char *name) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto module = entry.state->modules.find(handle);
  if (!module)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a loaded module");
  if (!function || !name)
    return CUDA_ERROR_INVALID_VALUE;
  return functionOf(*entry.state, module, handle, name, function);
}

CUresult CUDAAPI cuModuleGetFunctionCount(unsigned int *count,
                                          CUmodule handle) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto module = entry.state->modules.find(handle);
  if (!module || !count)
    return module ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
  *count = static_cast<unsigned>(module->program->kernelNames().size());
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuModuleEnumerateFunctions(CUfunction *functions,
                                            unsigned int count,
                                            CUmodule handle) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto module = entry.state->modules.find(handle);
  if (!module || !functions)
    return module ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
  std::vector<std::string> names = module->program->kernelNames();
  for (unsigned i = 0; i < count && i < names.size(); ++i)
    if (CUresult status = functionOf(*entry.state, module, handle,
                                     names[i].c_str(), &functions[i]))
      return status;
  return CUDA_SUCCESS;
}

static CUresult giveGlobal(const Module &module, const char *name,
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

CUresult CUDAAPI cuModuleGetGlobal_v2(CUdeviceptr *address, size_t *bytes,
                                      CUmodule handle, const char *name) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto module = entry.state->modules.find(handle);
  if (!module)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a loaded module");
  return name ? giveGlobal(*module, name, address, bytes)
              : CUDA_ERROR_INVALID_VALUE;
}

CUresult CUDAAPI cuLibraryLoadData(CUlibrary *library, const void *code,
                                   CUjit_option *jitOptions, void **jitValues,
                                   unsigned int jitCount,
                                   CUlibraryOption *libraryOptions,
                                   void **libraryValues,
                                   unsigned int libraryOptionCount) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!library || !code || (jitCount > 0 && (!jitOptions || !jitValues)))
    return CUDA_ERROR_INVALID_VALUE;
  std::shared_ptr<Module> made;
  CUresult status =
      load(entry, code, JitLogs(jitCount, jitOptions, jitValues), made);
  if (status != CUDA_SUCCESS)
    return status;
  made->libraryModule = entry.state->modules.add(made);
  *library = entry.state->libraries.add(std::move(made));
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryUnload(CUlibrary handle) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto library = entry.state->libraries.remove(handle);
  if (!library)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a loaded library");
  entry.state->functions.removeIf(
      [&](const Function &f) { return f.module == library; });
  entry.state->modules.remove(library->libraryModule);
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryGetKernel(CUkernel *kernel, CUlibrary handle,
                                    const char *name) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto library = entry.state->libraries.find(handle);
  if (!library)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a loaded library");
  if (!kernel || !name)
    return CUDA_ERROR_INVALID_VALUE;
  // A kernel and its function are one object here: there is one device.
  return functionOf(*entry.state, library, library->libraryModule, name,
                    reinterpret_cast<CUfunction *>(kernel));
}

CUresult CUDAAPI cuLibraryGetKernelCount(unsigned int *count,
                                         CUlibrary handle) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto library = entry.state->libraries.find(handle);
  if (!library || !count)
    return library ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
  *count = static_cast<unsigned>(library->program->kernelNames().size());
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryGetModule(CUmodule *module, CUlibrary handle) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto library = entry.state->libraries.find(handle);
  if (!library || !module)
    return library ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE;
  *module = library->libraryModule;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryGetGlobal(CUdeviceptr *address, size_t *bytes,
                                    CUlibrary handle, const char *name) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto library = entry.state->libraries.find(handle);
  if (!library)
    return refuse(CUDA_ERROR_INVALID_HANDLE, "expected a loaded library");
  return name ? giveGlobal(*library, name, address, bytes)
              : CUDA_ERROR_INVALID_VALUE;
}
