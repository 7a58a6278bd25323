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

/// What is executed, and in which folder; none: this one.
struct Program {
  std::string path, folder;
};

/// In the child: nothing returns from here.
[[noreturn]] void become(const Program &program,
                         const std::vector<std::string> &arguments,
                         const std::map<std::string, std::string> &environment,
                         const std::string &out, const std::string &err) {
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
  if (program.folder.empty() || chdir(program.folder.c_str()) == 0)
    execv(program.path.c_str(), argv.data());
  _exit(127);
}

/// `prepare` is called in the child.
Outcome run(const Program &program, const std::vector<std::string> &arguments,
            const std::map<std::string, std::string> &environment,
            void (*prepare)()) {
  Folder folder;
  std::string out = folder / "out", err = folder / "err";
  pid_t child = fork();
  if (child == 0) {
    prepare();
    become(program, arguments, environment, out, err);
  }
  int status = 0;
  waitpid(child, &status, 0);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status),
          contentOf(out), contentOf(err)};
}

} // namespace

Outcome nybl::tests::nyblCommand(
    const std::vector<std::string> &arguments,
    const std::map<std::string, std::string> &environment) {
  return run({NYBL_TEST_COMMAND, ""}, arguments, environment,
             [] { setenv("NYBL_CACHE", "off", 1); });
}

Outcome nybl::tests::programAlone(
    const std::string &program, const std::string &folder,
    const std::vector<std::string> &arguments,
    const std::map<std::string, std::string> &environment) {
  return run({program, folder}, arguments, environment, [] { clearenv(); });
}
