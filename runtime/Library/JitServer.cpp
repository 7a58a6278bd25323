// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl-jit-server PATH: loads the compiler, libnybl_jit.so, once, and compiles
// in a process for each request of who started it (ForkServer/Server.h).

#include "runtime/ForkServer/Server.h"
#include "runtime/Library/CompileMessage.h"
#include <cstdio>
#include <unistd.h>

using namespace nybl;
using namespace nybl::library;

int main(int argc, char **argv) {
  if (argc != 2) {
    std::fprintf(stderr, "nybl-jit-server: expected the path of libnybl_jit.so "
                         "from the library that starts it\n");
    return 2;
  }
  std::string path = argv[1];
  auto loaded = Provider::load(path);
  auto compile = [&](const forkserver::Message &request) {
    // It may have been installed since.
    return answer(loaded ? loaded : Provider::load(path), request);
  };
  // So long nothing is asked when an engine has all its kernels.
  int code = forkserver::serve(std::chrono::seconds(60), compile);
  _exit(code); // the compiler's memory need not be tidied up
}
