// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a problem line to a kernel on a device: parse, specialise, compile once,
// check the certificate, load.

#include "runtime/Library/Handles.h"
#include <chrono>
#include <fmt/format.h>

using namespace nybl;
using namespace nybl::library;

namespace {

const char *orEmpty(const char *text) { return text ? text : ""; }

/// Everything that decides the kernel. Fields cannot run into each other: no
/// line of text holds a NUL.
std::string requestKey(const std::string &problemClass, const std::string &chip,
                       const nybl_prepare_options &options) {
  std::string key;
  for (std::string_view part :
       {std::string_view(problemClass), std::string_view(chip),
        std::string_view(orEmpty(options.schedule)),
        std::string_view(orEmpty(options.template_text)),
        std::string_view(orEmpty(options.ptxas))}) {
    key += part;
    key += '\0';
  }
  return key + (options.verify_each ? "verified" : "");
}

Status checkOptions(const nybl_prepare_options &options) {
  for (auto [name, flag] : {std::pair("allow_unproven", options.allow_unproven),
                            std::pair("verify_each", options.verify_each)})
    if (flag > 1)
      return Status::invalid(fmt::format(
          "nybl_prepare_options.{}: expected 0 or 1, got {}", name, flag));
  if (options.template_text && !*options.template_text)
    return Status::invalid(
        "nybl_prepare_options.template_text: expected a kernel in the Tile "
        "dialect, got an empty text; null takes the built-in one");
  return Status::ok();
}

/// NotFound says what would have made the kernel.
Status withCommand(const Status &status, const std::string &problemClass,
                   const std::string &chip) {
  if (status.code() != ErrorCode::NotFound)
    return status;
  return Status::error(
      ErrorCode::NotFound,
      fmt::format(
          "no kernel for '{}' on {}, and {}; where there is a compiler, "
          "`nybl compile \"{}\" --chip {} --emit cubin -o gemm.cubin` makes "
          "it",
          problemClass, chip, status.message(), problemClass, chip));
}

Status checkAnswer(const Manifest &manifest, const std::string &problemClass,
                   const std::string &chip) {
  if (manifest.problem == problemClass && manifest.chip == chip)
    return Status::ok();
  return Status::environment(fmt::format(
      "expected a kernel for '{}' on {}, but the compiler made one for "
      "'{}' on {}: install libnybl_jit.so of this version",
      problemClass, chip, manifest.problem, manifest.chip));
}

Status compileInto(CacheEntry &entry, Device &device,
                   const std::string &problemClass,
                   const nybl_prepare_options &options) {
  const std::string &chip = device.gpu->chip();
  auto provider = device.library->provider();
  if (!provider)
    return withCommand(provider.status(), problemClass, chip);
  NyblCompileRequest request = {};
  request.problem = problemClass.c_str();
  request.chip = chip.c_str();
  request.schedule = options.schedule;
  request.template_text = options.template_text;
  request.dump_dir = options.dump_dir;
  request.ptxas = options.ptxas;
  request.verify_each = static_cast<int>(options.verify_each);
  auto compilation = provider->compile(request);
  if (!compilation)
    return compilation.status();
  auto manifest = parseManifest(compilation->manifest);
  if (!manifest)
    return Status::environment("the compiler's manifest: " +
                               manifest.message());
  if (Status status = checkAnswer(*manifest, problemClass, chip); !status)
    return status;
  entry.artefact = std::move(*compilation);
  entry.manifest = std::move(*manifest);
  entry.compiled = true;
  device.library->log(NYBL_LOG_INFO,
                      fmt::format("compiled '{}' for {}", problemClass, chip));
  return Status::ok();
}

Status checkCertificate(const Manifest &manifest,
                        const nybl_prepare_options &options) {
  std::string unproven = manifest.certificate.unproven();
  if (unproven.empty() || options.allow_unproven)
    return Status::ok();
  return Status::error(
      ErrorCode::Unproven,
      fmt::format(
          "expected a complete certificate for kernel '{}', but nobody has "
          "proven {}: set allow_unproven, or pass --allow-unproven, to use it "
          "all the same",
          manifest.kernel, unproven));
}

/// Adds the load to the compiler's phases: "[a, b]" becomes "[a, b, load]".
std::string withLoadPhase(std::string phases, double milliseconds) {
  size_t end = phases.rfind(']');
  if (end == phases.npos)
    phases = "[]", end = 1;
  bool empty = phases.find('{') == phases.npos;
  return phases.substr(0, end) +
         fmt::format("{}{{\"phase\": \"load\", \"ms\": {:.3f}}}]",
                     empty ? "" : ", ", milliseconds);
}

Status loadInto(CacheEntry &entry, Device &device) {
  auto start = std::chrono::steady_clock::now();
  auto kernel = launch::Kernel::load(
      device.gpu, entry.manifest, {entry.artefact.cubin, entry.artefact.ptx});
  if (!kernel)
    return kernel.status();
  std::chrono::duration<double, std::milli> taken =
      std::chrono::steady_clock::now() - start;
  entry.artefact.phases = withLoadPhase(entry.artefact.phases, taken.count());
  entry.kernel = *kernel;
  // The driver has its own copy now.
  entry.artefact.cubin.clear();
  entry.artefact.ptx.clear();
  if (entry.kernel->ptxFallback())
    device.library->log(NYBL_LOG_WARNING,
                        fmt::format("the driver has no binary for the cubin of "
                                    "'{}': it compiled the PTX",
                                    entry.manifest.problem));
  return Status::ok();
}

} // namespace

Expected<Provider> Library::provider() {
  std::lock_guard lock(mutex);
  if (loaded)
    return jit;
  auto found = Provider::load(jitPath);
  if (!found)
    return found.status();
  jit = *found;
  loaded = true;
  return jit;
}

std::shared_ptr<CacheEntry> Device::entry(const std::string &key) {
  std::lock_guard lock(mutex);
  auto &entry = entries[key];
  if (!entry)
    entry = std::make_shared<CacheEntry>();
  return entry;
}

Expected<std::unique_ptr<Plan>>
nybl::library::prepare(const std::shared_ptr<Device> &device,
                       const char *problemLine,
                       const nybl_prepare_options &options) {
  auto problem = parseProblem(problemLine);
  if (!problem)
    return problem.status();
  if (Status status = checkOptions(options); !status)
    return status;
  auto plan = std::make_unique<Plan>();
  plan->problem = *problem;
  plan->device = device;
  plan->problemClass = print(specialise(*problem));
  if (problem->n == 0)
    return plan;
  // Who wants dumps wants this compilation's own.
  auto entry = options.dump_dir
                   ? std::make_shared<CacheEntry>()
                   : device->entry(requestKey(plan->problemClass,
                                              device->gpu->chip(), options));
  std::lock_guard lock(entry->mutex);
  if (!entry->compiled)
    if (Status status =
            compileInto(*entry, *device, plan->problemClass, options);
        !status)
      return status;
  if (Status status = checkCertificate(entry->manifest, options); !status)
    return status;
  auto recipe = launch::Recipe::make(entry->manifest, *problem);
  if (!recipe)
    return recipe.status();
  if (!entry->kernel)
    if (Status status = loadInto(*entry, *device); !status)
      return status;
  plan->kernel = entry->kernel;
  plan->recipe = std::move(*recipe);
  plan->manifestJson = entry->artefact.manifest;
  plan->phasesJson = entry->artefact.phases;
  return plan;
}

Status nybl::library::enqueue(const Plan &plan, const nybl_gemm_args &args) {
  if (!plan.kernel)
    return launch::checkRows(plan.problem, args.m);
  return plan.kernel->launch(*plan.recipe, args);
}
