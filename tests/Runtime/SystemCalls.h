// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whether something makes a system call: a child does it under a filter that
// ends whoever makes one.
#ifndef NYBL_TESTS_RUNTIME_SYSTEMCALLS_H
#define NYBL_TESTS_RUNTIME_SYSTEMCALLS_H

#include <csignal>
#include <cstddef>
#include <iterator>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace nybl::tests {

enum class SystemCalls { None, Some, CannotTell };

/// From here on every system call but the end of the process ends it by SIGSYS.
inline bool forbidSystemCalls() {
  sock_filter code[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS)};
  sock_fprog program = {static_cast<unsigned short>(std::size(code)), code};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

template <typename Action>
SystemCalls systemCallsOf(Action action) {
  // Not fork(): handlers of forks would tell the library that it is in a child.
  auto child = static_cast<pid_t>(syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0));
  if (child == 0) {
    if (!forbidSystemCalls())
      _exit(1);
    action();
    syscall(SYS_exit_group, 0);
  }
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child)
    return SystemCalls::CannotTell;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
    return SystemCalls::Some;
  return WIFEXITED(status) && WEXITSTATUS(status) == 0
             ? SystemCalls::None
             : SystemCalls::CannotTell;
}

} // namespace nybl::tests

#endif // NYBL_TESTS_RUNTIME_SYSTEMCALLS_H
