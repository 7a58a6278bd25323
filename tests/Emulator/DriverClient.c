/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * A program that knows only the CUDA driver API: loads the library it is given,
 * runs a kernel from a PTX text of its own, checks the result. In C, to show
 * that the headers are C. */
#include "tools/emulator/include/nybl-emu.h"
#include <cuda.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const ptx =
    ".version 8.7\n.target sm_90\n.address_size 64\n"
    ".visible .entry square(.param .u64 to)\n{\n"
    "  .reg .b32 %r<3>;\n  .reg .b64 %rd<4>;\n"
    "  ld.param.u64 %rd1, [to];\n  mov.u32 %r1, %tid.x;\n"
    "  mul.lo.u32 %r2, %r1, %r1;\n  mul.wide.u32 %rd2, %r1, 4;\n"
    "  add.u64 %rd3, %rd1, %rd2;\n  st.global.u32 [%rd3], %r2;\n  ret;\n}\n";

#define LOAD(name) typeof(&name) p_##name = (typeof(&name))dlsym(library, #name)
#define LOAD_AS(name, symbol)                                                  \
  typeof(&name) p_##name = (typeof(&name))dlsym(library, symbol)
#define TRY(call)                                                              \
  if ((call) != CUDA_SUCCESS)                                                  \
  return fprintf(stderr, "%s failed\n", #call), 1

static typeof(&cuModuleUnload) unload;
static CUmodule kept;

/* As static objects of C++ programs do, when the thread's own are gone. */
static void callLate(void) {
  unload(NULL);
  unload(kept);
}

int main(int argc, char **argv) {
  void *library = dlopen(argc > 1 ? argv[1] : "libcuda.so.1", RTLD_NOW);
  if (!library)
    return fprintf(stderr, "%s\n", dlerror()), 1;
  LOAD(cuInit);
  LOAD_AS(cuCtxCreate, "cuCtxCreate_v4");
  LOAD(cuModuleLoadData);
  LOAD(cuModuleGetFunction);
  LOAD_AS(cuMemAlloc, "cuMemAlloc_v2");
  LOAD_AS(cuMemcpyDtoH, "cuMemcpyDtoH_v2");
  LOAD(cuLaunchKernel);
  LOAD(nyblEmuVersion);
  LOAD(cuModuleUnload);
  CUcontext context;
  CUmodule module;
  CUfunction function;
  CUdeviceptr to;
  unsigned out[128];
  TRY(p_cuInit(0));
  TRY(p_cuCtxCreate(&context, NULL, 0, 0));
  TRY(p_cuModuleLoadData(&module, ptx));
  TRY(p_cuModuleGetFunction(&function, module, "square"));
  TRY(p_cuMemAlloc(&to, sizeof out));
  void *parameters[] = {&to};
  TRY(p_cuLaunchKernel(function, 1, 1, 1, 128, 1, 1, 0, NULL, parameters,
                       NULL));
  TRY(p_cuMemcpyDtoH(out, to, sizeof out));
  for (unsigned i = 0; i < 128; ++i)
    if (out[i] != i * i)
      return fprintf(stderr, "element %u is %u\n", i, out[i]), 1;
  if (p_nyblEmuVersion() != NYBL_EMU_VERSION)
    return fprintf(stderr, "the header and the library disagree\n"), 1;
  unload = p_cuModuleUnload;
  kept = module;
  if (atexit(callLate) != 0)
    return fprintf(stderr, "atexit failed\n"), 1;
  return 0;
}
