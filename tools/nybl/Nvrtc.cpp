// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVRTC by dlopen; its interface in six declarations, so that no header of it
// is needed.

#include "tools/nybl/Nvrtc.h"
#include "runtime/Support/PtxAs.h"
#include <cstdlib>
#include <dlfcn.h>
#include <filesystem>
#include <fmt/format.h>
#include <vector>

using namespace nybl;
using namespace nybl::cli;

namespace {

using Program = struct OpaqueProgram *;

/// 0 is success in all of them.
template <typename... Arguments>
int call(void *handle, const char *name, Arguments... arguments) {
  auto *function = reinterpret_cast<int (*)(Arguments...)>(dlsym(handle, name));
  return function ? function(arguments...) : -1;
}

/// libnvrtc.so, with a version behind it or not, in the folders of a toolkit or
/// of a package.
void addFrom(std::vector<std::string> &paths, const std::string &root) {
  for (const char *folder : {"lib64", "lib"}) {
    std::error_code error;
    for (const auto &entry :
         std::filesystem::directory_iterator(root + "/" + folder, error)) {
      std::string name = entry.path().filename();
      bool isOther =
          name.find("builtins") != name.npos || name.find(".alt.") != name.npos;
      if (name.starts_with("libnvrtc.so") && !isOther)
        paths.push_back(entry.path());
    }
  }
}

std::vector<std::string> placesOf(const std::string &path,
                                  const std::string &ptxas) {
  if (!path.empty())
    return {path};
  if (const char *named = std::getenv("NYBL_NVRTC"); named && *named)
    return {named};
  std::vector<std::string> paths;
  if (auto found = findPtxAs(ptxas, ""))
    addFrom(paths, std::filesystem::path(found->path)
                       .parent_path()
                       .parent_path()
                       .string());
  if (const char *home = std::getenv("CUDA_HOME"); home && *home)
    addFrom(paths, home);
  addFrom(paths, "/usr/local/cuda");
  paths.insert(paths.end(),
               {"libnvrtc.so", "libnvrtc.so.13", "libnvrtc.so.12"});
  return paths;
}

std::string logOf(void *handle, Program program) {
  size_t size = 0;
  if (call(handle, "nvrtcGetProgramLogSize", program, &size) || size == 0)
    return "no log";
  std::string log(size, '\0');
  call(handle, "nvrtcGetProgramLog", program, log.data());
  return log.c_str();
}

} // namespace

Expected<Nvrtc> Nvrtc::load(const std::string &path, const std::string &ptxas) {
  std::string reason;
  for (const std::string &place : placesOf(path, ptxas)) {
    Nvrtc nvrtc;
    nvrtc.handle = dlopen(place.c_str(), RTLD_NOW | RTLD_LOCAL);
    int major = 0, minor = 0;
    if (!nvrtc.handle)
      reason = dlerror();
    else if (call(nvrtc.handle, "nvrtcVersion", &major, &minor))
      reason = place + " does not say its version";
    else {
      nvrtc.text = fmt::format("NVRTC {}.{}", major, minor);
      return nvrtc;
    }
  }
  return Status::environment(
      fmt::format("no NVRTC ({}); install CUDA, or set NYBL_NVRTC to the path "
                  "of libnvrtc.so",
                  reason));
}

Expected<std::string> Nvrtc::compile(const std::string &source,
                                     const std::string &chip) const {
  Program program = nullptr;
  std::string target = "--gpu-architecture=compute_" + chip.substr(3);
  const char *options[] = {target.c_str()};
  const char *const *none = nullptr;
  if (call(handle, "nvrtcCreateProgram", &program, source.c_str(), "naive.cu",
           0, none, none))
    return Status::environment(text + " takes no program");
  std::string ptx;
  size_t size = 0;
  Status status = Status::ok();
  if (call(handle, "nvrtcCompileProgram", program, 1,
           static_cast<const char *const *>(options)) ||
      call(handle, "nvrtcGetPTXSize", program, &size) || size == 0)
    status = Status::environment(fmt::format(
        "{} does not compile for {}: {}", text, chip, logOf(handle, program)));
  else {
    ptx.resize(size);
    call(handle, "nvrtcGetPTX", program, ptx.data());
    ptx.resize(size - 1); // its NUL
  }
  call(handle, "nvrtcDestroyProgram", &program);
  if (!status)
    return status;
  return ptx;
}
