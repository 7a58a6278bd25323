// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl_test_echo_server MILLISECONDS: a server that answers each request with
// its own process id, or ends by SIGPIPE if asked for a "pipe", and goes when
// nothing was asked for so long.

#include "runtime/ForkServer/Server.h"
#include <csignal>
#include <cstdlib>
#include <unistd.h>

using nybl::forkserver::Message;

int main(int argc, char **argv) {
  std::chrono::milliseconds idle(argc > 1 ? std::atoi(argv[1]) : 0);
  return nybl::forkserver::serve(idle, [](const Message &request) {
    if (request == Message{"pipe"})
      raise(SIGPIPE);
    return Message{std::to_string(getppid())};
  });
}
