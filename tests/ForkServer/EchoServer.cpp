// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl_test_echo_server MILLISECONDS: a server that answers each request with
// its own process id, and goes when nothing was asked for so long.

#include "runtime/ForkServer/Server.h"
#include <cstdlib>
#include <unistd.h>

using nybl::forkserver::Message;

int main(int argc, char **argv) {
  std::chrono::milliseconds idle(argc > 1 ? std::atoi(argv[1]) : 0);
  return nybl::forkserver::serve(
      idle, [](const Message &) { return Message{std::to_string(getppid())}; });
}
