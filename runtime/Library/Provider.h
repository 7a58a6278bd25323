// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler across the wall: finds and loads libnybl_jit, checks who
// answers, and turns its results into values of our own.
#ifndef NYBL_RUNTIME_LIBRARY_PROVIDER_H
#define NYBL_RUNTIME_LIBRARY_PROVIDER_H

#include "runtime/Abi/KernelProvider.h"
#include "runtime/Abi/Status.h"
#include <string>

namespace nybl::library {

/// What one compilation gave; empty where the stage was not reached.
struct Compilation {
  std::string text, manifest, ptx, cubin, phases;
};

/// What a compilation that gave nothing leaves (KernelProvider.h).
struct CompileFailure {
  std::string counterexample, phases;
};

/// A loaded compiler. Copyable, thread safe; the library stays loaded.
class Provider {
public:
  /// The file that load would load. `path` empty: NYBL_JIT in the environment;
  /// without that libnybl_jit.so beside the file that holds this code, or in
  /// ../lib of it. Errors: NotFound.
  static Expected<std::string> find(const std::string &path);

  /// Errors: NotFound as of find; Environment if it is not one of ours.
  static Expected<Provider> load(const std::string &path);

  /// request.size is filled in here. The provider's code and message become the
  /// status.
  Expected<Compilation> compile(NyblCompileRequest request,
                                CompileFailure *failure = nullptr) const;

  /// The JSON of KernelProvider.h. request.size is filled in here.
  Expected<std::string> explain(NyblExplainRequest request) const;

  /// The JSON of KernelProvider.h, of the version that is known here.
  /// request.size is filled in here.
  Expected<std::string> candidates(NyblCandidatesRequest request) const;

  std::string describe() const;
  const std::string &path() const { return file; }

private:
  const NyblKernelProvider *table = nullptr;
  std::string file;
};

} // namespace nybl::library

#endif // NYBL_RUNTIME_LIBRARY_PROVIDER_H
