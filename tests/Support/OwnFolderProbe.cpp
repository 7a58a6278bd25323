// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program and a library that say where they lie.

#include "runtime/Support/OwnFolder.h"
#include <cstdio>

extern "C" __attribute__((visibility("default"))) const char *
nyblTestOwnFolder() {
  static const std::string folder = nybl::ownFolder();
  return folder.c_str();
}

int main() { std::puts(nyblTestOwnFolder()); }
