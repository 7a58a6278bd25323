// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl-first-contact: first contact as one file that needs libc and a driver,
// with its kernels in a second file beside it.

#include "nybl/nybl.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Program.h"
#include <CLI/CLI.hpp>
#include <filesystem>

using namespace nybl;

/// The bundle beside this program; empty where there is none.
static std::string bundleBeside() {
  std::error_code error;
  auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  auto bundle = self.parent_path() / "first-contact.nybl";
  return std::filesystem::exists(bundle, error) ? bundle.string() : "";
}

int main(int argc, char **argv) {
  cli::beginProgram();
  CLI::App app("", "nybl-first-contact");
  app.set_version_flag("--version", std::string("nybl ") + nybl_version());
  int code = 0;
  cli::addFirstContact(app, code, bundleBeside());
  return cli::runProgram(app, argc, argv, code);
}
