// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Asks another program one question.

#include "tools/nybl/Program.h"
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static std::string readAll(int file) {
  std::string text;
  char buffer[4096];
  for (ssize_t got;
       text.size() < 65536 && (got = read(file, buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<size_t>(got));
  return text;
}

std::string nybl::cli::outputOf(const std::string &path,
                                const std::string &argument) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0)
    return "";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null",
                                   O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  char *argv[] = {const_cast<char *>(path.c_str()),
                  const_cast<char *>(argument.c_str()), nullptr};
  pid_t child;
  bool started =
      posix_spawn(&child, path.c_str(), &actions, nullptr, argv, environ) == 0;
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string text = started ? readAll(ends[0]) : "";
  close(ends[0]);
  if (started)
    waitpid(child, nullptr, 0);
  return text;
}
