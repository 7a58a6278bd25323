// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Finding and running nvdisasm.

#include "tools/sass/NvDisasm.h"
#include "tools/sass/Child.h"
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <unistd.h>
#include <vector>

using namespace nybl;
using namespace nybl::sass;

namespace {

std::string environment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

std::vector<std::string> candidates(const std::string &given) {
  if (!given.empty())
    return {given};
  if (std::string named = environment("NYBL_NVDISASM"); !named.empty())
    return {named};
  std::vector<std::string> paths;
  if (std::string home = environment("CUDA_HOME"); !home.empty())
    paths.push_back(home + "/bin/nvdisasm");
  std::error_code error;
  auto self = std::filesystem::read_symlink("/proc/self/exe", error);
  std::string build = self.parent_path().parent_path();
  paths.push_back(build + "/packages/nvdisasm/nvidia/cu13/bin/nvdisasm");
  paths.push_back(build + "/cuda/bin/nvdisasm");
  paths.push_back("/usr/local/cuda/bin/nvdisasm");
  std::string path = environment("PATH");
  for (size_t begin = 0; begin < path.size();) {
    size_t end = std::min(path.find(':', begin), path.size());
    if (end > begin)
      paths.push_back(path.substr(begin, end - begin) + "/nvdisasm");
    begin = end + 1;
  }
  return paths;
}

constexpr const char *advice =
    "; './dev build' fetches it (the Python package nvidia-cuda-nvdisasm), or "
    "install CUDA's nvdisasm and name it with NYBL_NVDISASM or --nvdisasm";

std::string firstLine(const std::string &text) {
  return text.substr(0, text.find('\n'));
}

} // namespace

Expected<NvDisasm> nybl::sass::findNvDisasm(const std::string &given) {
  std::string tried;
  for (const std::string &path : candidates(given)) {
    tried += (tried.empty() ? "" : ", ") + path;
    if (access(path.c_str(), X_OK) != 0)
      continue;
    Outcome outcome = runChild(path, {"--version"});
    size_t at = outcome.out.find(", V");
    if (outcome.code != 0 || at == std::string::npos)
      return Status::environment(
          "expected nvdisasm at " + path + ", but it does not print a version" +
          (outcome.code < 0 ? ": " + firstLine(outcome.err) : std::string()) +
          advice);
    std::string version = outcome.out.substr(at + 3);
    return NvDisasm{
        path, version.substr(0, version.find_first_not_of("0123456789."))};
  }
  return Status::environment("no nvdisasm was found at " + tried + advice);
}

Expected<std::string> nybl::sass::disassemble(const NvDisasm &tool,
                                              std::string_view cubin) {
  Scratch image;
  if (!image.write(cubin))
    return Status::environment("the cubin does not fit into a file in memory");
  Outcome outcome = runChild(tool.path, {"-c", "-hex", image.path()});
  if (outcome.code < 0)
    return Status::environment(
        tool.path + " did not run to its end: " + firstLine(outcome.err));
  if (outcome.code != 0)
    return Status::invalid(
        "expected a cubin that nvdisasm " + tool.version +
        " can read, it says: " +
        firstLine(outcome.err.empty() ? outcome.out : outcome.err));
  return outcome.out;
}
