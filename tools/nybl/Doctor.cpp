// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl doctor: what is here, what is missing, what to do.

#include "nybl/nybl.h"
#include "runtime/Driver/Device.h"
#include "runtime/Library/Provider.h"
#include "tools/nybl/Command.h"
#include "tools/nybl/Program.h"
#include "tools/sass/NvDisasm.h"
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <filesystem>
#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <unistd.h>

using namespace nybl;
using namespace nybl::cli;
using Json = nlohmann::json;

namespace {

/// One line of the report.
struct Item {
  std::string name;
  bool found = false;
  std::string what;   ///< what was found, or why nothing was
  std::string advice; ///< what to do, if nothing was found
};

std::string fromEnvironment(const char *name) {
  const char *value = std::getenv(name);
  return value ? value : "";
}

Item driverItem(const std::string &name, const std::string &path,
                const std::string &advice) {
  auto api = driver::Driver::open(path);
  if (!api)
    return {name, false, api.message(), advice};
  auto device = driver::Device::open(*api, 0);
  if (!device)
    return {name, false, device.message(), advice};
  int version = (*api)->version();
  return {name, true,
          fmt::format("{} ({}), {} multiprocessors, CUDA {}.{}, {}",
                      (*device)->chip(), (*device)->name(),
                      (*device)->multiprocessors(), version / 1000,
                      version % 1000 / 10, (*api)->path()),
          ""};
}

Item compilerItem(std::string &path) {
  auto provider = library::Provider::load("");
  const char *advice =
      "build with LLVM and MLIR 22, or set NYBL_JIT to the path of "
      "libnybl_jit.so; without it only what is compiled runs";
  if (!provider)
    return {"compiler", false, provider.message(), advice};
  path = provider->path();
  return {"compiler", true, provider->describe() + ", " + provider->path(), ""};
}

/// In the order in which the compiler looks: as in compiler/Codegen/PtxAs.cpp.
/// `compiler`: path of its library.
std::vector<std::string> ptxasCandidates(const std::string &compiler) {
  if (const char *named = std::getenv("NYBL_PTXAS"); named && *named)
    return {named};
  std::vector<std::string> paths;
  if (const char *home = std::getenv("CUDA_HOME"); home && *home)
    paths.push_back(std::string(home) + "/bin/ptxas");
  if (!compiler.empty())
    paths.push_back(
        (std::filesystem::absolute(compiler).parent_path().parent_path() /
         "cuda/bin/ptxas")
            .string());
  paths.push_back("/usr/local/cuda/bin/ptxas");
  std::string path = fromEnvironment("PATH");
  for (size_t begin = 0; begin < path.size();) {
    size_t end = std::min(path.find(':', begin), path.size());
    if (end > begin)
      paths.push_back(path.substr(begin, end - begin) + "/ptxas");
    begin = end + 1;
  }
  return paths;
}

Item ptxasItem(const std::string &compiler) {
  std::string tried;
  for (const std::string &path : ptxasCandidates(compiler)) {
    tried += (tried.empty() ? "" : ", ") + path;
    if (access(path.c_str(), X_OK) != 0)
      continue;
    std::string text = outputOf(path, "--version");
    size_t at = text.find(", V");
    if (at == text.npos)
      return {"ptxas", false, path + " does not say its version",
              "set NYBL_PTXAS to a ptxas of CUDA 12.8 or newer"};
    std::string version = text.substr(at + 3);
    version = version.substr(0, version.find_first_not_of("0123456789."));
    return {"ptxas", true, version + ", " + path, ""};
  }
  return {"ptxas", false, "not found at " + tried,
          "install CUDA 12.8 or newer, or set NYBL_PTXAS; without it --emit "
          "ptx works, and `nybl run` does not"};
}

Item nvdisasmItem() {
  auto tool = sass::findNvDisasm("");
  if (!tool)
    return {"nvdisasm", false, tool.message(),
            "only `nybl verify-sass` needs it"};
  return {"nvdisasm", true, tool->version + ", " + tool->path, ""};
}

Item cacheItem() {
  return {"cache folder", true,
          "none: this version keeps kernels in memory, and nothing on disk",
          ""};
}

std::vector<Item> examine() {
  // The real driver first: once the emulated one is loaded, its soname is
  // taken.
  std::string named = fromEnvironment("NYBL_DRIVER");
  // What the emulated driver has to say is said in its line.
  setenv("NYBL_EMU_REPORT", "off", /*overwrite=*/0);
  std::string compiler;
  Item compilerLine = compilerItem(compiler);
  return {
      {"nybl", true, nybl_version(), ""},
      driverItem(named.empty() ? "GPU" : "NYBL_DRIVER", named,
                 "install NVIDIA's driver for a Blackwell GPU, or use --device "
                 "emu:sm_120a"),
      driverItem(
          "emulated driver", emulatedDriverPath(),
          "set the variable it names right, or build the target nybl_emu; "
          "only runs without a GPU need it"),
      compilerLine,
      ptxasItem(compiler),
      nvdisasmItem(),
      cacheItem()};
}

/// Something to compile with and something to run on.
bool usable(const std::vector<Item> &items) {
  auto found = [&](const char *name) {
    for (const Item &item : items)
      if (item.name == name)
        return item.found;
    return false;
  };
  return found("compiler") && found("ptxas") &&
         (found("GPU") || found("NYBL_DRIVER") || found("emulated driver"));
}

void printText(const std::vector<Item> &items) {
  for (const Item &item : items) {
    printOut(fmt::format("{:<8}{:<17}{}\n", item.found ? "ok" : "missing",
                         item.name, item.what));
    if (!item.found)
      printOut(fmt::format("{:<25}-> {}\n", "", item.advice));
  }
}

void printJson(const std::vector<Item> &items) {
  Json out = Json::array();
  for (const Item &item : items)
    out.push_back({{"name", item.name},
                   {"found", item.found},
                   {"what", item.what},
                   {"advice", item.advice}});
  Json root = {{"usable", usable(items)}, {"items", out}};
  printOut(root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

int runDoctor(bool json) {
  std::vector<Item> items = examine();
  json ? printJson(items) : printText(items);
  std::fflush(stdout);
  if (usable(items))
    return Fine;
  return report(
      Status::environment("expected a compiler, ptxas, and a GPU or an "
                          "emulated driver, and something is missing: "
                          "see the lines marked missing"));
}

} // namespace

void nybl::cli::addDoctor(CLI::App &app, int &code) {
  auto json = std::make_shared<bool>(false);
  CLI::App *verb = app.add_subcommand(
      "doctor",
      "Say what is here (chip, driver, ptxas, LLVM, cache folder), what is "
      "missing and what to do");
  verb->add_flag("--json", *json, "as JSON");
  verb->callback([json, &code] { code = runDoctor(*json); });
}
