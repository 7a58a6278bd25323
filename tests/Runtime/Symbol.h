// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// How a test speaks with a library that the runtime opens by its path.
#ifndef NYBL_TESTS_RUNTIME_SYMBOL_H
#define NYBL_TESTS_RUNTIME_SYMBOL_H

#include <dlfcn.h>

namespace nybl::tests {

/// A function that the library exports; null where it does not.
template <typename Function>
Function *symbolOf(const char *library, const char *name) {
  void *handle = dlopen(library, RTLD_NOW | RTLD_LOCAL);
  return handle ? reinterpret_cast<Function *>(dlsym(handle, name)) : nullptr;
}

} // namespace nybl::tests

#endif // NYBL_TESTS_RUNTIME_SYMBOL_H
