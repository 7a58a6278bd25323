// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What FakeProvider.cpp exports beside the provider, found by dlsym.
#ifndef NYBL_TESTS_RUNTIME_FAKEPROVIDER_H
#define NYBL_TESTS_RUNTIME_FAKEPROVIDER_H

#include "runtime/Abi/KernelProvider.h"

/// extern "C" int nyblTestCompilations(void): calls of compile so far.
using CompilationsEntry = int();

#endif // NYBL_TESTS_RUNTIME_FAKEPROVIDER_H
