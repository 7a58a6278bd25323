// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler in a process of its own: what aborts, or never ends, ends no
// more than that.
#ifndef NYBL_RUNTIME_LIBRARY_CHILDCOMPILER_H
#define NYBL_RUNTIME_LIBRARY_CHILDCOMPILER_H

#include "runtime/ForkServer/Client.h"
#include "runtime/Library/Provider.h"

namespace nybl::library {

/// Thread safe.
class ChildCompiler {
public:
  /// nybl-jit-server: beside the file that holds this code, or in
  /// ../libexec/nybl of it. Errors: NotFound.
  static Expected<std::string> findServer();

  /// `jit` as Provider::find gives it. Errors: as Provider::load and compile;
  /// Environment also if the process ended, or took longer than `limit`.
  /// isStarted becomes false if there is no process to ask.
  Expected<Compilation> compile(const std::string &jit,
                                const NyblCompileRequest &request,
                                std::chrono::seconds limit, bool &isStarted);

private:
  Expected<std::shared_ptr<forkserver::Client>> client(const std::string &jit);

  std::mutex mutex; ///< of the two below
  std::string openJit;
  std::shared_ptr<forkserver::Client> open;
};

} // namespace nybl::library

#endif // NYBL_RUNTIME_LIBRARY_CHILDCOMPILER_H
