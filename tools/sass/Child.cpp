// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Children and files in memory.

#include "tools/sass/Child.h"
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

using namespace nybl::sass;

Scratch::Scratch() : file(memfd_create("nybl-scratch", MFD_CLOEXEC)) {}

Scratch::~Scratch() {
  if (file >= 0)
    close(file);
}

std::string Scratch::path() const {
  return "/proc/" + std::to_string(getpid()) + "/fd/" + std::to_string(file);
}

bool Scratch::write(std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t done = ::write(file, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR)
      continue;
    if (done <= 0)
      return false;
    bytes.remove_prefix(static_cast<size_t>(done));
  }
  return file >= 0;
}

std::string Scratch::read() const {
  std::string text;
  char buffer[65536];
  for (ssize_t got; (got = pread(file, buffer, sizeof buffer,
                                 static_cast<off_t>(text.size()))) > 0;)
    text.append(buffer, static_cast<size_t>(got));
  return text;
}

/// True where nobody can tell: kernels before Linux 5.3.
static bool endsWithin(pid_t child, int seconds) {
  int handle = static_cast<int>(syscall(SYS_pidfd_open, child, 0));
  if (handle < 0)
    return true;
  pollfd ended = {handle, POLLIN, 0};
  int count = 0;
  while ((count = poll(&ended, 1, seconds * 1000)) < 0 && errno == EINTR)
    ;
  close(handle);
  return count != 0;
}

Outcome nybl::sass::runChild(const std::string &path,
                             std::vector<std::string> arguments, int seconds) {
  Scratch out, err;
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                   O_RDONLY, 0);
  std::string outPath = out.path(), errPath = err.path();
  posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, outPath.c_str(),
                                   O_WRONLY, 0);
  posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, errPath.c_str(),
                                   O_WRONLY, 0);
  std::vector<char *> argv{const_cast<char *>(path.c_str())};
  for (std::string &argument : arguments)
    argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t child = 0;
  int failed = posix_spawn(&child, path.c_str(), &actions, nullptr, argv.data(),
                           environ);
  posix_spawn_file_actions_destroy(&actions);
  if (failed)
    return {-1, "", std::strerror(failed)};
  bool late = !endsWithin(child, seconds);
  if (late)
    kill(child, SIGKILL);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR)
    ;
  if (WIFEXITED(status))
    return {WEXITSTATUS(status), out.read(), err.read()};
  std::string how =
      late ? "it did not end within " + std::to_string(seconds) + " seconds"
           : std::string("signal ") + strsignal(WTERMSIG(status));
  return {-1, out.read(), how + "\n" + err.read()};
}
