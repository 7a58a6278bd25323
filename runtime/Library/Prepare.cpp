// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a problem line to a kernel on a device: parse, specialise, get the
// kernel once, check the certificate, load.

#include "runtime/Abi/LeastDriver.h"
#include "runtime/Abi/RowClasses.h"
#include "runtime/Library/Handles.h"
#include "runtime/Support/Digest.h"
#include "runtime/Support/Environment.h"
#include <chrono>
#include <fmt/format.h>
#include <set>

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

/// Digests first: parts cannot run into each other.
std::string fingerprintOf(const bundle::Kernel &kernel) {
  return sha256(sha256(kernel.manifest) + sha256(kernel.ptx) +
                sha256(kernel.cubin));
}

/// A slot, and the right to what is in it.
struct HeldSlot {
  explicit HeldSlot(std::shared_ptr<KernelSlot> one)
      : slot(std::move(one)), lock(slot->mutex) {}
  void fill(Artefact artefact) {
    slot->artefact = std::move(artefact);
    slot->fingerprint = fingerprintOf(slot->artefact->kernel);
  }
  std::shared_ptr<KernelSlot> slot;
  std::unique_lock<std::mutex> lock;
};

/// The slot of the problem's class with its artefact. A kernel of a wider class
/// goes to the slot of that, so that the next call looks for its own again.
Expected<HeldSlot> filledSlot(Device &device, const std::string &problemClass,
                              const nybl_prepare_options &options) {
  auto slotOf = [&](const std::string &name) {
    return device.slot(requestKey(name, device.gpu->chip(), options));
  };
  // Who wants dumps wants this compilation's own.
  HeldSlot own(options.dump_dir ? std::make_shared<KernelSlot>()
                                : slotOf(problemClass));
  if (own.slot->artefact)
    return own;
  auto artefact = device.library->artefacts.make(
      wishOf(problemClass, *device.gpu, options));
  if (!artefact)
    return artefact.status();
  if (artefact->manifest.problem == problemClass) {
    own.fill(std::move(*artefact));
    return own;
  }
  own.lock.unlock();
  HeldSlot wider(slotOf(artefact->manifest.problem));
  if (!wider.slot->artefact)
    wider.fill(std::move(*artefact));
  return wider;
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

/// How it came that the driver compiled the PTX itself.
std::string ptxFallbackOf(const Artefact &artefact, int driver) {
  const Manifest &manifest = artefact.manifest;
  std::string why =
      artefact.kernel.cubin.empty() ? "there is no ptxas"
      : driver < leastDriverOfCubin(manifest)
          ? fmt::format("the driver is of CUDA {}, and the cubin of ptxas {} "
                        "needs one of {}",
                        driverText(driver), manifest.ptxas,
                        driverText(leastDriverOfCubin(manifest)))
          : "the driver has no binary for the cubin";
  return fmt::format("{}: the driver compiled the PTX of '{}'", why,
                     manifest.problem);
}

/// The class of another kernel than the one that was wanted.
std::string servedBy(const std::string &problemClass) {
  auto gemm = parseProblem(problemClass);
  return fmt::format(", for '{}'{}", problemClass,
                     gemm && gemm->isGeneric() ? " (generic fallback)" : "");
}

Status loadInto(KernelSlot &slot, Device &device) {
  auto start = std::chrono::steady_clock::now();
  Artefact &artefact = *slot.artefact;
  auto kernel =
      launch::Kernel::load(device.gpu, artefact.manifest,
                           {artefact.kernel.cubin, artefact.kernel.ptx});
  if (!kernel)
    return kernel.status();
  std::chrono::duration<double, std::milli> taken =
      std::chrono::steady_clock::now() - start;
  artefact.phases = withLoadPhase(artefact.phases, taken.count());
  slot.kernel = *kernel;
  if (slot.kernel->ptxFallback())
    // The emulated driver runs nothing but PTX.
    device.library->log(
        device.gpu->driver().isEmulated() ? NYBL_LOG_INFO : NYBL_LOG_WARNING,
        ptxFallbackOf(artefact, device.gpu->driver().version()));
  // The driver has its own copy now.
  artefact.kernel.cubin.clear();
  artefact.kernel.ptx.clear();
  return Status::ok();
}

/// Makes the kernel of a part of the plan's problem, or takes it if it is made.
/// `timed`: the key that it must have, or null.
Expected<PlanKernel> takeKernel(const Plan &plan, const AnyProblem &part,
                                const nybl_prepare_options &options,
                                const std::string *timed) {
  Device &device = *plan.device;
  std::string wanted = print(classOf(part, options));
  auto held = filledSlot(device, wanted, options);
  if (!held)
    return held.status();
  KernelSlot *slot = held->slot.get();
  const Artefact &artefact = *slot->artefact;
  if (timed && artefact.manifest.key != *timed)
    return Status::refused(fmt::format(
        "it was timed as kernel {:.12}, and is kernel {:.12} here (another "
        "compiler, ptxas or template): run `nybl tune` anew",
        *timed, artefact.manifest.key));
  if (Status status = checkCertificate(artefact.manifest, options); !status)
    return status;
  PlanKernel made;
  if (Status status = makeRecipe(artefact.manifest, plan.problem, made);
      !status)
    return status;
  if (!slot->kernel)
    if (Status status = loadInto(*slot, device); !status)
      return status;
  made.most = rowsOf(part).high;
  made.kernel = slot->kernel;
  made.manifestJson = artefact.kernel.manifest;
  made.phasesJson = artefact.phases;
  made.origin = artefact.origin;
  if (artefact.manifest.problem != wanted)
    made.origin += servedBy(artefact.manifest.problem);
  made.tuned = artefact.kernel.tuned;
  made.fingerprint = slot->fingerprint;
  made.problemClass = artefact.manifest.problem;
  return made;
}

/// The kernel that the tune file chooses; none where there is none to be had,
/// and the log says why.
std::optional<PlanKernel> takeTuned(const Plan &plan, const AnyProblem &part,
                                    const nybl_prepare_options &options) {
  const Device &device = *plan.device;
  auto *gemm = std::get_if<GemmProblem>(&part);
  if (!gemm || options.schedule || options.template_text || options.generic)
    return std::nullopt;
  const driver::Device &gpu = *device.gpu;
  auto choice = tune::choose(device.library->tuned, *gemm,
                             {gpu.name(), gpu.chip(), gpu.multiprocessors()});
  if (!choice)
    return std::nullopt;
  nybl_prepare_options tuned = options;
  tuned.schedule = choice->schedule.c_str();
  tuned.exact_class = 1; // another was not timed
  auto made = takeKernel(plan, part, tuned, &choice->kernel);
  if (made) {
    made->tuned = choice->reason;
    return std::move(*made);
  }
  device.library->log(
      NYBL_LOG_WARNING,
      fmt::format("the tune file's schedule '{}' for '{}' is not used: {}",
                  choice->schedule, print(specialise(part)), made.message()));
  return std::nullopt;
}

Expected<PlanKernel> takePart(const Plan &plan, const AnyProblem &part,
                              const nybl_prepare_options &options) {
  if (auto tuned = takeTuned(plan, part, options))
    return std::move(*tuned);
  return takeKernel(plan, part, options, nullptr);
}

/// The kernels of all parts. That for the most rows comes first: without it
/// there is no plan, and it serves who has none of its own.
Status takeKernels(Plan &plan, const nybl_prepare_options &options) {
  auto parts = partsOf(plan.problem, options);
  nybl_prepare_options own = options;
  std::string without;
  Status why;
  for (auto part = parts.rbegin(); part != parts.rend(); ++part) {
    auto made = takePart(plan, *part, own);
    if (made) {
      plan.kernels.insert(plan.kernels.begin(), std::move(*made));
    } else if (plan.kernels.empty() || !allowsWider(options, made.status())) {
      return made.status();
    } else {
      without =
          fmt::format("m={}..{}{}{}", rowsOf(*part).low, rowsOf(*part).high,
                      without.empty() ? "" : ", ", without);
      why = made.status();
    }
    own.exact_class = 1; // the wider one is this plan's
  }
  if (!why)
    plan.device->library->log(
        NYBL_LOG_WARNING,
        fmt::format("'{}' on {}: {} are served by the plan's kernel for more "
                    "rows, right but not made for so few: {}",
                    print(plan.problem), plan.device->gpu->chip(), without,
                    why.message()));
  return Status::ok();
}

/// What is said of the plan as a whole.
void describe(Plan &plan) {
  plan.problemClass = plan.kernels.back().problemClass;
  std::string digests;
  std::set<std::string> origins;
  for (const PlanKernel &one : plan.kernels) {
    digests += one.fingerprint;
    if (origins.insert(one.origin).second)
      plan.origin += (plan.origin.empty() ? "" : "; ") + one.origin;
  }
  plan.fingerprint = plan.kernels.size() == 1 ? digests : sha256(digests);
}

bool isCheckOn() {
  std::string text = environmentVariable("NYBL_CHECK");
  return !text.empty() && text != "0";
}

} // namespace

std::vector<Status>
nybl::library::faultsOf(const nybl_prepare_options &options) {
  std::vector<Status> faults;
  for (auto [name, flag] : {std::pair("allow_unproven", options.allow_unproven),
                            std::pair("verify_each", options.verify_each),
                            std::pair("check", options.check),
                            std::pair("exact_class", options.exact_class),
                            std::pair("all_classes", options.all_classes),
                            std::pair("generic", options.generic)})
    if (flag > 1)
      faults.push_back(Status::invalid(fmt::format(
          "nybl_prepare_options.{}: expected 0 or 1, got {}", name, flag)));
  for (auto [name, word] : {std::pair("reserved", options.reserved),
                            std::pair("reserved_2", options.reserved_2),
                            std::pair("reserved_3", options.reserved_3),
                            std::pair("reserved_4", options.reserved_4)})
    if (word != 0)
      faults.push_back(Status::invalid(fmt::format(
          "nybl_prepare_options.{}: expected 0, got {}: set the struct to "
          "zero, then its size",
          name, word)));
  if (options.template_text && !*options.template_text)
    faults.push_back(Status::invalid(
        "nybl_prepare_options.template_text: expected a kernel in the Tile "
        "dialect, got an empty text; null takes the built-in one"));
  if (options.dump_dir && options.all_classes == 1)
    faults.push_back(Status::invalid(
        "nybl_prepare_options.dump_dir: expected null with all_classes, since "
        "the dumps of one class would replace those of another: prepare the "
        "class that is wanted alone, as m=0..16"));
  return faults;
}

Wish nybl::library::wishOf(const std::string &problemClass,
                           const driver::Device &gpu,
                           const nybl_prepare_options &options) {
  Wish wish;
  wish.problemClass = problemClass;
  wish.chip = gpu.chip();
  wish.driver = "driver " + driverText(gpu.driver().version());
  wish.schedule = options.schedule;
  wish.templateText = options.template_text;
  wish.dumpDir = options.dump_dir;
  wish.ptxas = options.ptxas;
  wish.verifyEach = options.verify_each != 0;
  wish.orWider = !options.exact_class;
  wish.driverVersion = gpu.driver().version();
  return wish;
}

Status nybl::library::checkCertificate(const Manifest &manifest,
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

Status nybl::library::makeRecipe(const Manifest &manifest,
                                 const AnyProblem &problem,
                                 PlanKernel &kernel) {
  if (auto *gemm = std::get_if<GemmProblem>(&problem)) {
    auto recipe = launch::Recipe::make(manifest, *gemm);
    if (recipe)
      kernel.recipe = std::move(*recipe);
    return recipe.status();
  }
  auto *quantize = std::get_if<QuantizeProblem>(&problem);
  auto recipe = quantize ? launch::QuantizeRecipe::make(manifest, *quantize)
                         : launch::QuantizeRecipe::make(
                               manifest, std::get<DequantizeProblem>(problem));
  if (recipe)
    kernel.quantizeRecipe = std::move(*recipe);
  return recipe.status();
}

const Extent &nybl::library::rowsOf(const AnyProblem &problem) {
  return std::visit([](const auto &p) -> const Extent & { return p.m; },
                    problem);
}

AnyProblem nybl::library::classOf(const AnyProblem &part,
                                  const nybl_prepare_options &options) {
  auto *gemm = std::get_if<GemmProblem>(&part);
  if (gemm && options.generic)
    return genericClass(*gemm);
  return specialise(part);
}

Status nybl::library::checkProduct(const AnyProblem &problem,
                                   const nybl_prepare_options &options) {
  auto *gemm = std::get_if<GemmProblem>(&problem);
  if (!gemm && options.generic)
    return Status::invalid(fmt::format(
        "nybl_prepare_options.generic: expected 0 for a '{}', since the "
        "generic kernel is one of a gemm: leave it 0",
        operationOf(problem)));
  if (!gemm || !gemm->isGeneric())
    return Status::ok();
  return Status::invalid(fmt::format(
      "'{}': expected numbers for n and k in a plan's problem: n=? k=? is the "
      "class of the generic kernel, which serves every plan that has none of "
      "its own to be had, or asks for it (nybl_prepare_options.generic)",
      print(problem)));
}

std::vector<AnyProblem>
nybl::library::partsOf(const AnyProblem &problem,
                       const nybl_prepare_options &options) {
  // The generic kernel has one class.
  bool byClass = options.all_classes && !options.generic;
  return byClass ? partsByClass(problem) : std::vector{problem};
}

bool nybl::library::allowsWider(const nybl_prepare_options &options,
                                const Status &failure) {
  return !options.exact_class && (failure.code() == ErrorCode::NotFound ||
                                  failure.code() == ErrorCode::Environment);
}

std::shared_ptr<KernelSlot> Device::slot(const std::string &key) {
  std::lock_guard lock(mutex);
  auto &slot = slots[key];
  if (!slot)
    slot = std::make_shared<KernelSlot>();
  return slot;
}

Expected<std::shared_ptr<const launch::OperandCheck>> Device::operandCheck() {
  std::lock_guard lock(mutex);
  if (check)
    return check;
  auto loaded = launch::OperandCheck::load(gpu);
  if (loaded)
    check = *loaded;
  return loaded;
}

Expected<std::unique_ptr<Plan>>
nybl::library::prepare(const std::shared_ptr<Device> &device,
                       const char *problemLine,
                       const nybl_prepare_options &options) {
  auto problem = parseAnyProblem(problemLine);
  if (!problem)
    return problem.status();
  if (auto faults = faultsOf(options); !faults.empty())
    return faults.front();
  if (Status status = checkProduct(*problem, options); !status)
    return status;
  auto plan = std::make_unique<Plan>();
  plan->problem = *problem;
  plan->device = device;
  plan->problemClass = print(specialise(*problem));
  if (auto *gemm = std::get_if<GemmProblem>(&*problem); gemm && gemm->n == 0)
    return plan;
  if (Status status = takeKernels(*plan, options); !status)
    return status;
  describe(*plan);
  if (!options.check && !isCheckOn())
    return plan;
  auto check = device->operandCheck();
  if (!check)
    return check.status();
  plan->check = *check;
  return plan;
}
