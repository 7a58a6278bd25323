// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Modules: code in, functions and globals out.

#include "tools/emulator/Driver/Image.h"

using namespace nybl::emu;

static CUresult loadModule(CUmodule *module, const void *image, size_t bytes,
                           const JitLogs &logs) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  if (!module || !image)
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::shared_ptr<Module> made;
  CUresult status = loadImage(entry, image, bytes, logs, made);
  if (status == CUDA_SUCCESS)
    *module = entry.state->modules.add(std::move(made));
  return status;
}

CUresult CUDAAPI cuModuleLoadData(CUmodule *module, const void *image) {
  return loadModule(module, image, unknownLength, {});
}

CUresult CUDAAPI cuModuleLoadFatBinary(CUmodule *module, const void *image) {
  return loadModule(module, image, unknownLength, {});
}

CUresult CUDAAPI cuModuleLoadDataEx(CUmodule *module, const void *image,
                                    unsigned int optionCount,
                                    CUjit_option *options, void **values) {
  if (optionCount > 0 && (!options || !values))
    return reject(CUDA_ERROR_INVALID_VALUE);
  return loadModule(module, image, unknownLength,
                    JitLogs(optionCount, options, values));
}

CUresult CUDAAPI cuModuleLoad(CUmodule *module, const char *path) {
  if (!path)
    return reject(CUDA_ERROR_INVALID_VALUE);
  std::string image;
  if (CUresult status = readImage(path, image))
    return status;
  return loadModule(module, image.data(), image.size(), {});
}

CUresult CUDAAPI cuModuleGetLoadingMode(CUmoduleLoadingMode *mode) {
  if (!mode)
    return reject(CUDA_ERROR_INVALID_VALUE);
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
  return answerOf(*entry.context);
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
    return reject(CUDA_ERROR_INVALID_VALUE);
  return functionOf(*entry.state, module, handle, name, function);
}

CUresult CUDAAPI cuModuleGetFunctionCount(unsigned int *count,
                                          CUmodule handle) {
  Entry entry = enterContext();
  if (entry.status != CUDA_SUCCESS)
    return entry.status;
  auto module = entry.state->modules.find(handle);
  if (!module || !count)
    return module ? reject(CUDA_ERROR_INVALID_VALUE)
                  : reject(CUDA_ERROR_INVALID_HANDLE);
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
    return module ? reject(CUDA_ERROR_INVALID_VALUE)
                  : reject(CUDA_ERROR_INVALID_HANDLE);
  std::vector<std::string> names = module->program->kernelNames();
  for (unsigned i = 0; i < count && i < names.size(); ++i)
    if (CUresult status = functionOf(*entry.state, module, handle,
                                     names[i].c_str(), &functions[i]))
      return status;
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
  return name ? globalOf(*module, name, address, bytes)
              : reject(CUDA_ERROR_INVALID_VALUE);
}
