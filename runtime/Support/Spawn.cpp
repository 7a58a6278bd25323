// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A process in between starts the program and is gone at once.

#include "runtime/Support/Spawn.h"
#include "runtime/Support/Environment.h"
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nybl;

extern char **environ;

/// clone(2) by the name that sanitizers do not replace: theirs takes the new
/// process for one with memory of its own.
extern "C" int __clone(int (*function)(void *), void *stack, int flags,
                       void *argument, ...);

namespace {

constexpr int firstFile = 3;

/// What posix_spawn takes, and gives.
struct Call {
  const char *path;
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  char *const *arguments, *const *environment;
  int process = -1; ///< descriptor
  int error = 0;
};

/// Runs in the process in between, with this process's memory and files. Only
/// here the program is a child, whose number can be nobody else's.
int start(void *argument) {
  Call &call = *static_cast<Call *>(argument);
  pid_t pid;
  call.error = posix_spawn(&pid, call.path, &call.actions, &call.attributes,
                           call.arguments, call.environment);
  if (call.error == 0)
    call.process = static_cast<int>(syscall(SYS_pidfd_open, pid, 0));
  return 0;
}

/// Runs `start` with exit signal 0, which wait() passes over and nobody is told
/// of. (The program cannot be started so itself: exec makes it SIGCHLD again.)
/// Signals are blocked, since a handler would run in both. 0 or an error.
int startInBetween(Call &call) {
  constexpr size_t stackBytes = size_t(256) << 10;
  void *stack = mmap(nullptr, stackBytes, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
  if (stack == MAP_FAILED)
    return errno;
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, &before);
  int between = __clone(start, static_cast<char *>(stack) + stackBytes,
                        CLONE_VM | CLONE_FILES | CLONE_VFORK, &call);
  int error = between < 0 ? errno : 0;
  while (between > 0 && waitpid(between, nullptr, __WCLONE) < 0 &&
         errno == EINTR)
    ;
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  munmap(stack, stackBytes);
  return error;
}

void setAttributes(posix_spawnattr_t &attributes, bool hasOwnSession) {
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_init(&attributes);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes,
                           POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF |
                               (hasOwnSession ? POSIX_SPAWN_SETSID : 0));
}

void setFiles(posix_spawn_file_actions_t &actions,
              const std::vector<Descriptor> &files, const Descriptor &output) {
  posix_spawn_file_actions_init(&actions);
  int next = firstFile;
  for (const Descriptor &file : files)
    if (int to = next++; file.isOpen())
      posix_spawn_file_actions_adddup2(&actions, *file, to);
    else
      posix_spawn_file_actions_addclose(&actions, to);
  auto openNull = [&](int stream) {
    posix_spawn_file_actions_addopen(&actions, stream, "/dev/null", O_RDWR, 0);
  };
  openNull(STDIN_FILENO);
  if (output.isOpen())
    posix_spawn_file_actions_adddup2(&actions, *output, STDOUT_FILENO);
  else
    openNull(STDOUT_FILENO);
  if (fcntl(STDERR_FILENO, F_GETFD) < 0)
    openNull(STDERR_FILENO);
  posix_spawn_file_actions_addclosefrom_np(&actions, next);
}

std::vector<char *> pointersTo(std::vector<std::string> &texts) {
  std::vector<char *> pointers;
  for (std::string &text : texts)
    pointers.push_back(text.data());
  pointers.push_back(nullptr);
  return pointers;
}

} // namespace

Expected<Descriptor> nybl::spawnUnnoticed(const Program &program) {
  // None of them has one of the numbers that they become.
  int behind = firstFile + static_cast<int>(program.files.size());
  auto copy = [&](int file) {
    return Descriptor(fcntl(file, F_DUPFD_CLOEXEC, behind));
  };
  std::vector<Descriptor> files;
  for (int file : program.files)
    files.push_back(copy(file));
  Descriptor output = copy(program.output);
  std::vector<std::string> arguments = {program.path};
  arguments.insert(arguments.end(), program.arguments.begin(),
                   program.arguments.end());
  std::vector<char *> argv = pointersTo(arguments);
  char *nothing[] = {nullptr};
  Call call;
  call.path = program.path.c_str();
  call.arguments = argv.data();
  call.environment = hasRaisedRights() ? nothing : environ;
  setFiles(call.actions, files, output);
  setAttributes(call.attributes, program.hasOwnSession);
  int error = startInBetween(call);
  posix_spawn_file_actions_destroy(&call.actions);
  posix_spawnattr_destroy(&call.attributes);
  error = error ? error : call.error;
  if (error)
    return Status::environment(fmt::format("cannot start '{}': {}",
                                           program.path, std::strerror(error)));
  return Descriptor(call.process);
}

void nybl::reapIfOurs(const Descriptor &process) {
  siginfo_t end;
  if (process.isOpen())
    while (waitid(P_PIDFD, static_cast<id_t>(*process), &end, WEXITED) < 0 &&
           errno == EINTR)
      ;
}
