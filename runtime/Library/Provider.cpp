// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finds, loads and calls libnybl_jit.

#include "runtime/Library/Provider.h"
#include "runtime/Support/Environment.h"
#include "runtime/Support/OwnFolder.h"
#include <dlfcn.h>
#include <fmt/format.h>
#include <unistd.h>
#include <vector>

using namespace nybl;
using namespace nybl::library;

namespace {

constexpr const char *libraryName = "libnybl_jit.so";

std::vector<std::string> placesOf(const std::string &path) {
  if (!path.empty())
    return {path};
  if (std::string named = environmentVariable("NYBL_JIT"); !named.empty())
    return {named};
  // An absolute path only: the current folder is nobody's to trust.
  std::string folder = ownFolder();
  if (folder.empty())
    return {};
  return {folder + "/" + libraryName, folder + "/../lib/" + libraryName};
}

std::string take(const NyblBytes &bytes) {
  return bytes.data ? std::string(bytes.data, bytes.size) : std::string();
}

Expected<const NyblKernelProvider *> enter(void *handle,
                                           const std::string &file) {
  auto entry = reinterpret_cast<NyblKernelProviderEntry>(
      dlsym(handle, NYBL_KERNEL_PROVIDER_SYMBOL));
  const NyblKernelProvider *table = entry ? entry() : nullptr;
  if (!table || table->magic != NYBL_KERNEL_PROVIDER_MAGIC)
    return Status::environment(fmt::format(
        "expected a Nybl compiler at '{}', but it does not answer as one ({}): "
        "install libnybl_jit.so of this version",
        file, entry ? "wrong magic number" : "no symbol nybl_kernel_provider"));
  if (table->version != NYBL_KERNEL_PROVIDER_VERSION ||
      table->size < sizeof(NyblKernelProvider) || !table->compile ||
      !table->release_result || !table->describe || !table->explain ||
      !table->release_explanation || !table->candidates ||
      !table->release_candidates)
    return Status::environment(
        fmt::format("expected a compiler with interface version {}, but '{}' "
                    "has version {}: "
                    "install libnybl_jit.so of this version",
                    NYBL_KERNEL_PROVIDER_VERSION, file, table->version));
  return table;
}

ErrorCode errorCode(int code) {
  return code > 0 && code <= static_cast<int>(ErrorCode::NotFound)
             ? static_cast<ErrorCode>(code)
             : ErrorCode::Environment;
}

Status statusOf(int code, const std::string &message) {
  return Status::error(errorCode(code),
                       message.empty()
                           ? fmt::format("the compiler failed with code {} and "
                                         "gave no reason",
                                         code)
                           : message);
}

} // namespace

Expected<std::string> Provider::find(const std::string &path) {
  std::string tried;
  for (const std::string &file : placesOf(path)) {
    tried += (tried.empty() ? "'" : ", '") + file + "'";
    if (access(file.c_str(), F_OK) == 0)
      return file;
  }
  return Status::error(
      ErrorCode::NotFound,
      fmt::format("no compiler: looked for {}; install libnybl_jit.so, or set "
                  "NYBL_JIT to its path",
                  tried.empty() ? libraryName : tried));
}

Expected<Provider> Provider::load(const std::string &path) {
  auto file = find(path);
  if (!file)
    return file.status();
  void *handle = dlopen(file->c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!handle)
    return Status::environment(
        fmt::format("expected the compiler at '{}', but it cannot be loaded: "
                    "{}",
                    *file, dlerror()));
  auto table = enter(handle, *file);
  if (!table)
    return table.status();
  Provider provider;
  provider.table = *table;
  provider.file = *file;
  return provider;
}

Expected<Compilation> Provider::compile(NyblCompileRequest request,
                                        CompileFailure *failure) const {
  request.size = sizeof request;
  NyblCompileResult result = {};
  result.size = sizeof result;
  int code = table->compile(&request, &result);
  Compilation out{take(result.text), take(result.manifest), take(result.ptx),
                  take(result.cubin), take(result.phases)};
  std::string message = take(result.message);
  if (code != 0 && failure)
    *failure = {take(result.counterexample), take(result.phases)};
  table->release_result(&result);
  if (code == 0)
    return out;
  return statusOf(code, message);
}

Expected<std::string> Provider::explain(NyblExplainRequest request) const {
  request.size = sizeof request;
  NyblExplainResult result = {};
  result.size = sizeof result;
  int code = table->explain(&request, &result);
  std::string json = take(result.json), message = take(result.message);
  table->release_explanation(&result);
  if (code == 0)
    return json;
  return statusOf(code, message);
}

Expected<std::string>
Provider::candidates(NyblCandidatesRequest request) const {
  request.size = sizeof request;
  NyblCandidatesResult result = {};
  result.size = sizeof result;
  int code = table->candidates(&request, &result);
  std::string text = take(result.text), message = take(result.message);
  table->release_candidates(&result);
  if (code != 0)
    return statusOf(code, message);
  constexpr std::string_view header = NYBL_CANDIDATES_HEADER "\n";
  if (!text.starts_with(header))
    return Status::environment(fmt::format(
        "expected candidates that begin with '{}', but the compiler '{}' gives "
        "'{}': install libnybl_jit.so of this version",
        NYBL_CANDIDATES_HEADER, file, text.substr(0, text.find('\n'))));
  return text.substr(header.size());
}

std::string Provider::describe() const { return table->describe(); }
