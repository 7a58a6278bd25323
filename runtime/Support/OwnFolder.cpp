// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks the dynamic linker.

#include "runtime/Support/OwnFolder.h"
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>

std::string nybl::ownFolder() {
  Dl_info info;
  if (!dladdr(reinterpret_cast<const void *>(&ownFolder), &info) ||
      !info.dli_fname)
    return "";
  // A program found through PATH is known by its bare name alone.
  bool isBare = !std::strchr(info.dli_fname, '/');
  char *absolute =
      realpath(isBare ? "/proc/self/exe" : info.dli_fname, nullptr);
  std::string file = absolute ? absolute : "";
  std::free(absolute);
  size_t slash = file.rfind('/');
  return slash == file.npos ? "" : file.substr(0, slash);
}
