// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What nybl_library_create makes: its log, where its kernels come from, and
// what was tuned.

#include "runtime/Library/Handles.h"
#include "runtime/Support/Environment.h"
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::library;

namespace {

const char *orEmpty(const char *text) { return text ? text : ""; }

/// Paths separated by ':'.
Status addBundles(Artefacts &artefacts, std::string_view paths) {
  while (!paths.empty()) {
    size_t end = std::min(paths.find(':'), paths.size());
    if (end > 0)
      if (Status status =
              artefacts.addBundle(std::string(paths.substr(0, end)));
          !status)
        return status;
    paths.remove_prefix(std::min(end + 1, paths.size()));
  }
  return Status::ok();
}

Status addMemory(Artefacts &artefacts, const nybl_library_options &options) {
  constexpr size_t most = size_t(1) << 31;
  if (!options.bundle_data)
    return Status::ok();
  if (options.bundle_bytes > most)
    return Status::invalid(fmt::format(
        "nybl_library_options.bundle_bytes: expected at most {}, got {}", most,
        options.bundle_bytes));
  return artefacts.addBundle(
      std::string(static_cast<const char *>(options.bundle_data),
                  options.bundle_bytes),
      "in memory");
}

} // namespace

Library::Library(const nybl_library_options &options,
                 const CompileSettings &compiling)
    : callback(options.log), callbackUser(options.log_user),
      artefacts(
          orEmpty(options.jit_path), cache::Settings::find(options.cache_path),
          [this](nybl_log_level level, const std::string &message) {
            log(level, message);
          },
          compiling) {}

Expected<std::shared_ptr<Library>>
nybl::library::openLibrary(const nybl_library_options &options) {
  auto compiling =
      CompileSettings::find(options.compile, options.compile_seconds);
  if (!compiling)
    return compiling.status();
  auto library = std::make_shared<Library>(options, *compiling);
  if (Status status = addMemory(library->artefacts, options); !status)
    return status;
  if (Status status =
          addBundles(library->artefacts, orEmpty(options.bundle_path));
      !status)
    return status;
  std::string path =
      options.tune_path ? options.tune_path : environmentVariable("NYBL_TUNE");
  if (!path.empty()) {
    auto file = tune::readRecords(path);
    if (!file)
      return file.status();
    library->tuned = std::move(file->records);
  }
  return library;
}
