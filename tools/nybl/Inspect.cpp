// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// nybl inspect: what a bundle, or an entry of the cache, holds. Nothing of it
// is loaded or run.

#include "runtime/Abi/FreeSizes.h"
#include "runtime/Abi/LeastDriver.h"
#include "runtime/Abi/Manifest.h"
#include "runtime/Bundle/Bundle.h"
#include "runtime/Support/File.h"
#include "tools/nybl/Command.h"
#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

using namespace nybl;
using namespace nybl::cli;
using Json = nlohmann::json;

namespace {

struct Inspected {
  bundle::Kernel kernel;
  Manifest manifest;
};

/// All of it, with every digest checked.
Expected<std::vector<Inspected>> read(const std::string &path, uint64_t &size) {
  auto bytes = readFile(path);
  if (!bytes)
    return bytes.status();
  size = bytes->size();
  auto named = [&](const Status &status) {
    return Status::error(status.code(),
                         fmt::format("'{}': {}", path, status.message()));
  };
  auto bundle = bundle::Bundle::read(std::move(*bytes));
  if (!bundle)
    return named(bundle.status());
  std::vector<Inspected> all;
  for (const bundle::Row &row : bundle->rows()) {
    auto kernel = bundle->kernel(row);
    if (!kernel)
      return named(kernel.status());
    auto manifest = parseManifest(kernel->manifest);
    if (!manifest)
      return named(manifest.status());
    all.push_back({std::move(*kernel), std::move(*manifest)});
  }
  return all;
}

std::string provenText(const Manifest &manifest) {
  std::string unproven = manifest.certificate.unproven();
  return unproven.empty()
             ? fmt::format("proven by {} for M up to {}{}",
                           manifest.certificate.prover,
                           manifest.certificate.rowsMax, boundsText(manifest))
             : "not proven: " + unproven;
}

std::string choiceText(const bundle::Kernel &kernel) {
  if (!kernel.tuned.empty())
    return "tuned: " + kernel.tuned;
  return kernel.request.schedule.empty() ? "chosen" : "asked for";
}

void printText(const std::string &path, uint64_t size,
               const std::vector<Inspected> &all) {
  printOut(fmt::format("{}: {}, {}, every SHA-256 is right\n", path,
                       countText(all.size(), "kernel"),
                       bytesText(double(size))));
  for (const auto &[kernel, manifest] : all) {
    const KernelRequest &request = kernel.request;
    printOut(fmt::format("{}\n  on {}, {} ({})\n", request.problem,
                         request.chip, manifest.schedule, choiceText(kernel)));
    if (!request.templateDigest.empty())
      printOut(fmt::format("  template {}\n", request.templateDigest));
    printOut(fmt::format(
        "  {}\n  cubin {}, PTX {}; {} registers, {} bytes spilled\n  {}; ptxas "
        "{}\n  for drivers of CUDA {} and later, by its PTX of {}\n",
        provenText(manifest), bytesText(double(kernel.cubin.size())),
        bytesText(double(kernel.ptx.size())), manifest.registers,
        manifest.spillBytes, request.compiler, request.ptxas,
        driverText(leastDriverOfCubin(manifest)),
        driverText(leastDriverOfPtx(manifest))));
  }
}

void printJson(const std::string &path, uint64_t size,
               const std::vector<Inspected> &all) {
  Json kernels = Json::array();
  for (const auto &[kernel, manifest] : all)
    kernels.push_back(
        {{"problem", kernel.request.problem},
         {"chip", kernel.request.chip},
         {"schedule_asked", kernel.request.schedule},
         {"tuned", kernel.tuned},
         {"template", kernel.request.templateDigest},
         {"compiler", kernel.request.compiler},
         {"ptxas", kernel.request.ptxas},
         {"least_driver", leastDriverOfCubin(manifest)},
         {"least_driver_by_ptx", leastDriverOfPtx(manifest)},
         {"cubin_bytes", kernel.cubin.size()},
         {"ptx_bytes", kernel.ptx.size()},
         {"unproven", manifest.certificate.unproven()},
         {"manifest", Json::parse(kernel.manifest, nullptr, false)}});
  Json root = {
      {"file", path}, {"bytes", size}, {"kernels", std::move(kernels)}};
  printOut(root.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

Status runInspect(const std::string &path, bool json) {
  uint64_t size = 0;
  auto all = read(path, size);
  if (!all)
    return all.status();
  json ? printJson(path, size, *all) : printText(path, size, *all);
  return Status::ok();
}

} // namespace

void nybl::cli::addInspect(CLI::App &app, int &code) {
  auto path = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  CLI::App *verb = app.add_subcommand(
      "inspect", "Check a bundle, or an entry of the cache, and say what is in "
                 "it: problems, chips, certificates, sizes");
  verb->add_option("file", *path, "the file")->required();
  verb->add_flag("--json", *json, "as JSON, with the manifests");
  verb->callback([=, &code] { code = report(runInspect(*path, *json)); });
}
