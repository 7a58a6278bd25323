// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl doctor: what is here, what is missing, what to do.

#include "nybl/nybl.h"
#include "runtime/Abi/LeastDriver.h"
#include "runtime/Cache/Cache.h"
#include "runtime/Driver/Device.h"
#include "runtime/Library/ChildCompiler.h"
#include "runtime/Library/CompileSettings.h"
#include "runtime/Library/Provider.h"
#include "runtime/Support/PtxAs.h"
#include "tools/nybl/Command.h"
#include "tools/sass/NvDisasm.h"
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

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
  return {name, true,
          fmt::format("{} ({}), {} multiprocessors, CUDA {}, {}",
                      (*device)->chip(), (*device)->name(),
                      (*device)->multiprocessors(),
                      driverText((*api)->version()), (*api)->path()),
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

/// Where nybl_prepare runs the compiler.
Item processItem() {
  constexpr const char *name = "compiles in";
  auto settings = library::CompileSettings::find(NYBL_COMPILE_DEFAULT, 0);
  if (!settings)
    return {name, false, settings.message(),
            "set the variable right, or unset it"};
  if (settings->isInProcess)
    return {name, true, "the process that asks (NYBL_COMPILE)", ""};
  auto server = library::ChildCompiler::findServer();
  if (!server)
    return {name, false, server.message(),
            "until then a compiler that aborts takes the process along"};
  return {name, true,
          fmt::format("a process of its own, {} s at most, {}",
                      settings->limit.count(), *server),
          ""};
}

/// As the compiler finds it, whose path is `compiler`.
Item ptxasItem(const std::string &compiler) {
  auto ptxas = findPtxAs("", compiler);
  if (!ptxas)
    return {"ptxas", false, ptxas.message(),
            "install CUDA 12.8 or newer, or set NYBL_PTXAS; without it the "
            "driver compiles the PTX, and `nybl bundle` makes none"};
  return {"ptxas", true, ptxas->version + ", " + ptxas->path, ""};
}

Item nvdisasmItem() {
  auto tool = sass::findNvDisasm("");
  if (!tool)
    return {"nvdisasm", false, tool.message(),
            "only `nybl verify-sass` needs it"};
  return {"nvdisasm", true, tool->version + ", " + tool->path, ""};
}

Item cacheItem() {
  auto settings = cache::Settings::find(nullptr);
  if (settings.tiers.empty())
    return {"cache folder", true, "none: " + settings.off, ""};
  std::string folders;
  for (const std::string &tier : settings.tiers)
    folders += (folders.empty() ? "" : ", then ") + tier;
  auto folder =
      cache::Folder::open(settings.tiers.front(), cache::Folder::Use::Read);
  if (!folder && folder.status().code() != ErrorCode::NotFound)
    return {"cache folder", false, folder.message(),
            "take the rights from others, or set NYBL_CACHE_PATH or "
            "NYBL_CACHE=off; until then kernels are compiled anew each time"};
  return {"cache folder", true, folders, ""};
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
      processItem(),
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
  return found("compiler") &&
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
      Status::environment("expected a compiler, and a GPU or an emulated "
                          "driver, and something is missing: see the lines "
                          "marked missing"));
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
