// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler, loaded as the runtime loads it.
#ifndef NYBL_BENCH_LOADPROVIDER_H
#define NYBL_BENCH_LOADPROVIDER_H

#include "runtime/Abi/KernelProvider.h"
#include "runtime/Abi/Status.h"
#include <dlfcn.h>
#include <filesystem>
#include <fmt/format.h>
#include <string>
#include <string_view>

namespace nybl {

/// A file in ../lib of this program.
inline std::string ourFile(const char *name) {
  std::error_code error;
  return std::filesystem::read_symlink("/proc/self/exe", error).parent_path() /
         "../lib" / name;
}

/// libnybl_jit.so in ../lib of this program, unless a path is given.
inline Expected<const NyblKernelProvider *> loadProvider(std::string path) {
  if (path.empty())
    path = ourFile("libnybl_jit.so");
  void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library)
    return Status::environment(
        fmt::format("expected the compiler at {}: {}", path, dlerror()));
  auto entry = reinterpret_cast<NyblKernelProviderEntry>(
      dlsym(library, NYBL_KERNEL_PROVIDER_SYMBOL));
  const NyblKernelProvider *provider = entry ? entry() : nullptr;
  if (!provider || provider->magic != NYBL_KERNEL_PROVIDER_MAGIC ||
      provider->version != NYBL_KERNEL_PROVIDER_VERSION)
    return Status::environment(fmt::format(
        "expected a kernel provider of version {} in {}, found none",
        NYBL_KERNEL_PROVIDER_VERSION, path));
  return provider;
}

inline std::string_view view(const NyblBytes &bytes) {
  return {bytes.data, bytes.size};
}

} // namespace nybl

#endif // NYBL_BENCH_LOADPROVIDER_H
