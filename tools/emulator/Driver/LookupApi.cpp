// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// cuGetProcAddress: the newest form of a function that a version knows.

#include "tools/emulator/Driver/Lookup.h"
#include "tools/emulator/Driver/State.h"

#include <cstring>

using namespace nybl::emu;

static const std::vector<EntryPoint> entryPoints = {
#define NYBL_EMU_FUNCTION(name, symbol, version)                               \
  {#name, reinterpret_cast<void *>(&symbol), version},
#define NYBL_EMU_ABSENT(name, version) {#name, nullptr, version},
#include "tools/emulator/Driver/Functions.def"
#undef NYBL_EMU_FUNCTION
#undef NYBL_EMU_ABSENT
};

int nybl::emu::refuseUnsupported(const char *name) {
  Entry entry = enterDriver();
  return entry.status ? entry.status
                      : refuse(CUDA_ERROR_NOT_SUPPORTED,
                               std::string(name) +
                                   " is not supported by this emulated driver");
}

static CUdriverProcAddressQueryResult lookUp(const char *name, int version,
                                             void *&address) {
  const EntryPoint *best = nullptr;
  bool known = false;
  for (auto *table : {&entryPoints, &unsupportedEntryPoints})
    for (const EntryPoint &e : *table) {
      if (std::strcmp(e.name, name) != 0)
        continue;
      known = true;
      if (e.version <= version && (!best || e.version > best->version))
        best = &e;
    }
  address = best ? best->address : nullptr;
  if (address)
    return CU_GET_PROC_ADDRESS_SUCCESS;
  return known && !best ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                        : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
}

CUresult CUDAAPI cuGetProcAddress_v2(const char *name, void **address,
                                     int version, cuuint64_t flags,
                                     CUdriverProcAddressQueryResult *result) {
  lastMessage().clear();
  constexpr cuuint64_t known = CU_GET_PROC_ADDRESS_LEGACY_STREAM |
                               CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
  if (!name || !address || (flags & ~known))
    return reject(CUDA_ERROR_INVALID_VALUE);
  CUdriverProcAddressQueryResult found = lookUp(name, version, *address);
  // Those forms take stream 0 as the thread's own; handing out the others
  // instead would change the order of work.
  if (flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) {
    *address = nullptr;
    found = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  }
  if (result)
    *result = found;
  if (found == CU_GET_PROC_ADDRESS_SUCCESS)
    return CUDA_SUCCESS;
  return refuse(CUDA_ERROR_NOT_FOUND, std::string(name) + " as of CUDA " +
                                          std::to_string(version) +
                                          " is not in this emulated driver");
}

CUresult CUDAAPI cuGetProcAddress(const char *name, void **address, int version,
                                  cuuint64_t flags) {
  return cuGetProcAddress_v2(name, address, version, flags, nullptr);
}

/// NVRTC asks for a table without a look at whether this function exists.
CUresult CUDAAPI cuGetExportTable(const void **table, const CUuuid *) {
  if (!table)
    return reject(CUDA_ERROR_INVALID_VALUE);
  *table = nullptr;
  return refuse(CUDA_ERROR_NOT_FOUND,
                "this emulated driver has the public functions only, no tables "
                "beyond them");
}
