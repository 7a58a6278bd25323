// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs the command as a user does.

#include "tests/Tools/Command.h"
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nybl::tests;

namespace {

/// In the child: nothing returns from here.
[[noreturn]] void become(const std::vector<std::string> &arguments,
                         const std::map<std::string, std::string> &environment,
                         const std::string &out, const std::string &err) {
  setenv("NYBL_CACHE", "off", 1);
  for (auto &[name, value] : environment)
    value.empty() ? unsetenv(name.c_str())
                  : setenv(name.c_str(), value.c_str(), 1);
  std::signal(SIGINT, SIG_DFL); // whoever started the tests may ignore it
  int files[] = {open("/dev/null", O_RDONLY),
                 open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600),
                 open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600)};
  for (int i = 0; i < 3; ++i)
    dup2(files[i], i);
  std::vector<char *> argv = {const_cast<char *>("nybl")};
  for (const std::string &argument : arguments)
    argv.push_back(const_cast<char *>(argument.c_str()));
  argv.push_back(nullptr);
  execv(NYBL_TEST_COMMAND, argv.data());
  _exit(127);
}

} // namespace

Outcome nybl::tests::nyblCommand(
    const std::vector<std::string> &arguments,
    const std::map<std::string, std::string> &environment) {
  Folder folder;
  std::string out = folder / "out", err = folder / "err";
  pid_t child = fork();
  if (child == 0)
    become(arguments, environment, out, err);
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          contentOf(out), contentOf(err)};
}
