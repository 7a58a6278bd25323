// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where compiled kernels come from, in this order: bundles, the cache, the
// compiler, which fills the cache.
#ifndef NYBL_RUNTIME_LIBRARY_ARTEFACTS_H
#define NYBL_RUNTIME_LIBRARY_ARTEFACTS_H

#include "nybl/nybl.h"
#include "runtime/Abi/Manifest.h"
#include "runtime/Abi/Problem.h"
#include "runtime/Bundle/Bundle.h"
#include "runtime/Cache/Cache.h"
#include "runtime/Library/ChildCompiler.h"
#include "runtime/Library/CompileSettings.h"
#include "runtime/Library/Provider.h"
#include <functional>
#include <mutex>

namespace nybl::library {

/// What a kernel is asked for with. Null: not given (nybl_prepare_options).
struct Wish {
  std::string problemClass, chip;
  const char *schedule = nullptr;
  const char *templateText = nullptr;
  const char *dumpDir = nullptr; ///< asks for a compilation of its own
  const char *ptxas = nullptr;
  bool verifyEach = false;
  /// "driver 13.0": where nobody names a ptxas and there is none, a kernel of
  /// PTX alone will do, which this driver compiles. Empty: it will not.
  std::string driver;
  /// Where the kernel cannot be had for want of a compiler or of what that
  /// needs, one of a wider class (more rows, or without weights=static) that is
  /// there will do, and else the generic one of any N and K, if neither
  /// schedule nor template is asked for.
  bool orWider = false;
  /// As cuDriverGetVersion has it: a family's kernel in a bundle that it cannot
  /// load is passed over. 0: not known, nothing is.
  int driverVersion = 0;
};

struct Artefact {
  bundle::Kernel kernel;
  Manifest manifest;  ///< of it
  std::string phases; ///< JSON, as KernelProvider.h has them
  /// "compiler", "cache", or "bundle" and its path; and ", for sm_120f" where
  /// the kernel is that of the chip's family.
  std::string origin;
};

/// Thread safe.
class Artefacts {
public:
  using Log = std::function<void(nybl_log_level, const std::string &)>;
  Artefacts(std::string jitPath, cache::Settings cache, Log log,
            CompileSettings compiling = {});

  /// Kernels are looked for in it before all else, after those added earlier.
  /// Before the first make. Errors: Invalid, Environment, with the path.
  Status addBundle(const std::string &path);
  /// `name` is for messages.
  Status addBundle(std::string bytes, const std::string &name);

  /// A kernel is compiled once, however many threads of this process ask for it
  /// at a time, if there is a cache to find it in again. Errors: as
  /// nybl_prepare; NotFound has the command that would make the kernel. The
  /// manifest's problem is a wider class where the wish allows it, and the log
  /// says so.
  Expected<Artefact> make(const Wish &wish);

private:
  struct OpenBundle {
    std::string path;
    bundle::Bundle content;
  };
  /// The tools that a compilation would take. Without ptxas its path is empty,
  /// and its version the driver's that compiles the PTX.
  struct Tools {
    std::string fingerprint, ptxasPath, ptxasVersion;
  };
  /// One call of make.
  struct Search {
    int driverVersion;
    /// A compiler gave a kernel, be it the right one or not.
    bool isAnswered = false;
    std::string passedOver; ///< the first that the driver cannot load, and why
  };
  /// Of the class that is asked for.
  Expected<Artefact> makeOwn(const Wish &wish, KernelRequest request,
                             Search &search);
  std::optional<Artefact>
  findWider(const Wish &wish, const KernelRequest &request, Search &search);
  std::optional<Artefact> findOf(const GemmProblem &problemClass,
                                 KernelRequest request,
                                 const Expected<Tools> &tools, Search &search);
  /// Of that chip, or of its family, if the driver can load that.
  std::optional<Expected<Artefact>> findInBundles(const KernelRequest &request,
                                                  Search &search);
  std::optional<Expected<Artefact>> findRow(const KernelRequest &request);
  std::optional<Artefact> findInCache(const KernelRequest &request) const;
  Expected<Tools> findTools(const Wish &wish) const;
  /// Without tools the compiler itself says what it lacks.
  Expected<Artefact> compile(const Wish &wish, KernelRequest request,
                             const Expected<Tools> &tools, Search &search);
  void store(const Artefact &artefact) const;
  Expected<Provider> provider();
  /// In the process that the settings say.
  Expected<Compilation> run(const NyblCompileRequest &request);

  std::string jitPath;
  cache::Cache cache;
  Log log;
  const CompileSettings compiling;
  ChildCompiler child;
  std::vector<OpenBundle> bundles;
  std::mutex mutex; ///< of the two below
  bool loaded = false;
  Provider jit;
};

} // namespace nybl::library

#endif // NYBL_RUNTIME_LIBRARY_ARTEFACTS_H
