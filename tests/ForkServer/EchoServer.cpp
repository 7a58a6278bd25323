// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl_test_echo_server MILLISECONDS [alone]: a server that answers each
// request with its own process id, and goes when nothing was asked for so long.
// A "pipe" ends by SIGPIPE, a "widow" kills the server; a "family" does so once
// it has a child, whose process id it adds to the file named next. Alone: it
// can start no process.

#include "runtime/ForkServer/Server.h"
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

using nybl::forkserver::Message;

namespace {

/// As where a limit is reached, which does not bind root.
bool forbidProcesses() {
  sock_filter steps[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clone, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EAGAIN),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
  sock_fprog program = {static_cast<unsigned short>(std::size(steps)), steps};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

void startChild(const std::string &file) {
  pid_t child = fork();
  if (child == 0)
    for (;;)
      pause();
  std::ofstream(file, std::ios::app) << child << std::endl;
}

} // namespace

int main(int argc, char **argv) {
  if (argc > 2 && !forbidProcesses())
    return 1;
  std::chrono::milliseconds idle(argc > 1 ? std::atoi(argv[1]) : 0);
  int code = nybl::forkserver::serve(idle, [](const Message &request) {
    if (request == Message{"pipe"})
      raise(SIGPIPE);
    if (request.size() == 2)
      startChild(*request[1]);
    if ((request.size() == 2 || request == Message{"widow"}) &&
        kill(getppid(), SIGKILL) == 0)
      pause(); // it ends with its server
    return Message{std::to_string(getppid())};
  });
  if (argc > 2)
    _exit(code); // who looks for leaks at the end would start a process
  return code;
}
