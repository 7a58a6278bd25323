// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Libraries. There is one device, so a library is loaded when it is given, has
// one module, and a kernel is the same object as its function.

#include "tools/emulator/Driver/Image.h"

using namespace nybl::emu;

static CUresult loadLibrary(CUlibrary *library, const void *code, size_t bytes,
                            const JitLogs &logs) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!library || !code)
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::shared_ptr<Module> made;
  if (CUresult status = loadImage(entry, code, bytes, logs, made))
    return status;
  made->libraryModule = entry.state->modules.add(made);
  *library = entry.state->libraries.add(std::move(made));
  return CUDA_SUCCESS;
}

/// Library options only say how a real driver keeps the code.
CUresult CUDAAPI cuLibraryLoadData(CUlibrary *library, const void *code,
                                   CUjit_option *jitOptions, void **jitValues,
                                   unsigned int jitCount,
                                   CUlibraryOption *libraryOptions, void **,
                                   unsigned int libraryOptionCount) {
  bool complete = (jitCount == 0 || (jitOptions && jitValues)) &&
                  (libraryOptionCount == 0 || libraryOptions);
  if (!complete)
    return reject(CUDA_ERROR_INVALID_VALUE);
  return loadLibrary(library, code, unknownLength,
                     JitLogs(jitCount, jitOptions, jitValues));
}

CUresult CUDAAPI cuLibraryLoadFromFile(CUlibrary *library, const char *path,
                                       CUjit_option *jitOptions,
                                       void **jitValues, unsigned int jitCount,
                                       CUlibraryOption *libraryOptions, void **,
                                       unsigned int libraryOptionCount) {
  bool complete = path && (jitCount == 0 || (jitOptions && jitValues)) &&
                  (libraryOptionCount == 0 || libraryOptions);
  if (!complete)
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::string image;
  if (CUresult status = readImage(path, image))
    return status;
  return loadLibrary(library, image.data(), image.size(),
                     JitLogs(jitCount, jitOptions, jitValues));
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
    return reject(CUDA_ERROR_INVALID_VALUE);
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
    return library ? reject(CUDA_ERROR_INVALID_VALUE)
                   : reject(CUDA_ERROR_INVALID_HANDLE);
  *count = static_cast<unsigned>(library->program->kernelNames().size());
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryGetModule(CUmodule *module, CUlibrary handle) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto library = entry.state->libraries.find(handle);
  if (!library || !module)
    return library ? reject(CUDA_ERROR_INVALID_VALUE)
                   : reject(CUDA_ERROR_INVALID_HANDLE);
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
  return name ? globalOf(*library, name, address, bytes)
              : reject(CUDA_ERROR_INVALID_VALUE);
}

CUresult CUDAAPI cuLibraryEnumerateKernels(CUkernel *kernels,
                                           unsigned int count,
                                           CUlibrary handle) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto library = entry.state->libraries.find(handle);
  if (!library || !kernels)
    return library ? reject(CUDA_ERROR_INVALID_VALUE)
                   : reject(CUDA_ERROR_INVALID_HANDLE);
  std::vector<std::string> names = library->program->kernelNames();
  for (unsigned i = 0; i < count && i < names.size(); ++i)
    if (CUresult status = functionOf(
            *entry.state, library, library->libraryModule, names[i].c_str(),
            reinterpret_cast<CUfunction *>(&kernels[i])))
      return status;
  return CUDA_SUCCESS;
}

CUresult CUDAAPI cuLibraryGetManaged(CUdeviceptr *, size_t *, CUlibrary handle,
                                     const char *name) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!entry.state->libraries.find(handle) || !name)
    return name ? reject(CUDA_ERROR_INVALID_HANDLE)
                : reject(CUDA_ERROR_INVALID_VALUE);
  return refuse(CUDA_ERROR_NOT_FOUND,
                std::string("no managed variable is named '") + name +
                    "': there is no managed memory in this emulated driver");
}

CUresult CUDAAPI cuLibraryGetUnifiedFunction(void **, CUlibrary handle,
                                             const char *name) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!entry.state->libraries.find(handle) || !name)
    return name ? reject(CUDA_ERROR_INVALID_HANDLE)
                : reject(CUDA_ERROR_INVALID_VALUE);
  return refuse(CUDA_ERROR_NOT_FOUND,
                std::string("no unified function is named '") + name + "'");
}

CUresult CUDAAPI cuKernelGetLibrary(CUlibrary *library, CUkernel kernel) {
  Entry entry = enterDriver();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto function =
      entry.state->functions.find(reinterpret_cast<CUfunction>(kernel));
  if (!function || !library)
    return function ? reject(CUDA_ERROR_INVALID_VALUE)
                    : reject(CUDA_ERROR_INVALID_HANDLE);
  *library = entry.state->libraries.handleOf(function->module);
  return *library ? CUDA_SUCCESS : reject(CUDA_ERROR_INVALID_HANDLE);
}
