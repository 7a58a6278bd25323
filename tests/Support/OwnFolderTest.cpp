// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Whoever names a library or a program does not decide where it looks for what
// was installed with it.

#include "tests/Tools/Folder.h"
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

using namespace nybl::tests;
namespace fs = std::filesystem;

namespace {

/// What the program prints that is called by a name of the caller's choice.
std::string printedBy(const char *program, const char *name) {
  int ends[2];
  if (pipe(ends) != 0)
    return "no pipe";
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execl(program, name, nullptr);
    _exit(1);
  }
  close(ends[1]);
  char text[4096];
  ssize_t got = read(ends[0], text, sizeof text);
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return std::string(text, size_t(std::max<ssize_t>(got, 0)));
}

TEST(OwnFolder, OfAProgramIsNotWhatItsCallerCallsIt) {
  Folder evil;
  fs::copy_file("/bin/true", evil / "nybl");
  std::string right =
      fs::canonical(NYBL_TEST_PROBE).parent_path().string() + "\n";
  for (const std::string &name :
       {std::string(NYBL_TEST_PROBE), std::string(evil / "nybl"),
        std::string("nybl"), std::string("./nybl")})
    EXPECT_EQ(printedBy(NYBL_TEST_PROBE, name.c_str()), right) << name;
}

/// Loads good/probe.so as "./probe.so", asks it in the folder `evil`, which has
/// a file of that name too.
bool staysInItsFolder(const fs::path &good, const fs::path &evil) {
  fs::copy_file(NYBL_TEST_PROBE_LIBRARY, good / "probe.so");
  fs::copy_file(NYBL_TEST_PROBE_LIBRARY, evil / "probe.so");
  fs::current_path(good);
  void *library = dlopen("./probe.so", RTLD_NOW);
  fs::current_path(evil);
  auto ask = library ? reinterpret_cast<const char *(*)()>(
                           dlsym(library, "nyblTestOwnFolder"))
                     : nullptr;
  return ask && ask() == fs::canonical(good).string();
}

TEST(OwnFolder, OfALibraryStaysWhenTheCurrentFolderChanges) {
  Folder good, evil;
  // In a process of its own, whose current folder nobody else shares.
  pid_t child = fork();
  if (child == 0)
    _exit(staysInItsFolder(std::string(good / ""), std::string(evil / "")) ? 0
                                                                           : 1);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

} // namespace
