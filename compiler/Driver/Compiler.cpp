// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// problem -> blockscale -> tile -> cta -> prove -> lower -> PTX -> cubin.

#include "compiler/Driver/Compiler.h"
#include "compiler/Codegen/PtxAs.h"
#include "compiler/Codegen/PtxLint.h"
#include "compiler/Codegen/TranslateToPtx.h"
#include "compiler/Conversion/ScheduleAttribute.h"
#include "compiler/Driver/Expectations.h"
#include "compiler/Driver/KernelText.h"
#include "compiler/Driver/MakeManifest.h"
#include "compiler/Legality/Prove.h"
#include "compiler/Pipeline/Pipeline.h"
#include "compiler/Select/Select.h"
#include "dialects/BlockScale/Build.h"
#include "dialects/Cta/CtaOps.h"
#include "dialects/Tile/TileOps.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "llvm/Support/FileSystem.h"
#include <chrono>

using namespace nybl;
using namespace nybl::compiler;

namespace {

/// The stages `emit` may name, in order.
constexpr std::string_view stages[] = {"blockscale",  "tile",    "cta",
                                       "certificate", "llvm",    "ptx",
                                       "cubin",       "manifest"};

bool isStage(std::string_view name) {
  return std::ranges::find(stages, name) != std::end(stages);
}

/// One compilation: a context, the module, what came out so far.
class Compilation {
public:
  /// `chosen` is for where the options name no schedule.
  Compilation(const AnyProblem &problemClass, const Chip &chip,
              const CompileOptions &options, const Schedule &chosen)
      : problemClass(problemClass), chip(chip), options(options),
        schedule(options.schedule.empty() ? print(chosen) : options.schedule) {}

  Expected<Artefact> run();
  /// What run() left, when it gave nothing.
  Failure takeFailure() {
    return {std::move(counterexample), std::move(artefact.phases)};
  }

private:
  using Clock = std::chrono::steady_clock;
  using Build = llvm::function_ref<void(mlir::OpPassManager &)>;

  Status start();
  void lap(const char *phase);
  /// One phase: the first error is the message, with the line of the template
  /// where it has one. `code` is what a failure means, unless it refutes.
  Status attempt(const char *phase, ErrorCode code,
                 llvm::function_ref<mlir::LogicalResult()> work);
  /// A phase of passes over the module.
  Status runPhase(const char *phase, Build build,
                  ErrorCode code = ErrorCode::Invalid);
  Status dump(std::string_view phase, llvm::StringRef text);
  std::string textOf(mlir::ModuleOp module);
  /// True if this is the stage to emit; then artefact.text holds it.
  bool emits(std::string_view stage);
  Expected<cta::KernelOp> findKernel(mlir::ModuleOp in);
  /// The text of the template, or of the kernel that stands in its place.
  std::string sourceText() const;
  Status compileToKernel();
  /// The module becomes that of options.ctaText.
  Status takeKernelText();
  Status proveKernel(cta::KernelOp kernel);
  Status compileToCertificate();
  Status compileToPtx();
  Expected<PtxAs> ptxasToRun() const;
  Status compileToCubin();

  const AnyProblem &problemClass;
  const Chip &chip;
  const CompileOptions &options;
  std::string schedule;
  mlir::MLIRContext context{mlir::MLIRContext::Threading::DISABLED};
  mlir::OwningOpRef<mlir::ModuleOp> module;
  Manifest manifest;
  PtxCounts instructions; ///< of the proven kernel
  Artefact artefact;
  std::string counterexample; ///< JSON
  Clock::time_point last;
  unsigned dumped = 0;
};

void Compilation::lap(const char *phase) {
  Clock::time_point now = Clock::now();
  artefact.phases.push_back(
      {phase, std::chrono::duration<double, std::milli>(now - last).count()});
  last = Clock::now();
}

Status Compilation::start() {
  last = Clock::now();
  mlir::DialectRegistry registry;
  registerDialects(registry);
  registerPtxTranslations(registry);
  context.appendDialectRegistry(registry);
  context
      .loadDialect<block_scale::BlockScaleDialect, mlir::func::FuncDialect>();
  module = block_scale::buildModule(context, problemClass);
  // MLIR tells types apart by the names a C++ compiler gives them.
  if (!(*module)->hasTrait<mlir::OpTrait::SymbolTable>())
    return Status::environment(
        "this build of the compiler cannot run: expected MLIR and Nybl built "
        "by one C++ compiler, and they differ; build with clang");
  lap("blockscale");
  return Status::ok();
}

std::string Compilation::textOf(mlir::ModuleOp op) {
  std::string text;
  llvm::raw_string_ostream stream(text);
  op.print(stream);
  return text;
}

Status Compilation::dump(std::string_view phase, llvm::StringRef text) {
  if (options.dumpDir.empty())
    return Status::ok();
  std::string path = options.dumpDir + "/" + std::to_string(dumped / 10) +
                     std::to_string(dumped % 10) + "-" + std::string(phase);
  ++dumped;
  std::error_code error = llvm::sys::fs::create_directories(options.dumpDir);
  if (!error) {
    llvm::raw_fd_ostream file(path, error);
    if (!error) { // an error that is not cleared ends the process
      file << text;
      file.close();
      error = file.error();
      file.clear_error();
    }
  }
  last = Clock::now(); // dumping is not part of any phase
  return error ? Status::environment("cannot write the dump " + path + ": " +
                                     error.message())
               : Status::ok();
}

/// The first error of a phase as text, with the line of the template.
static std::string textOf(mlir::Diagnostic &diagnostic) {
  std::string message;
  llvm::raw_string_ostream stream(message);
  if (auto at = llvm::dyn_cast<mlir::FileLineColLoc>(diagnostic.getLocation()))
    stream << at.getFilename().getValue() << ":" << at.getLine() << ":"
           << at.getColumn() << ": ";
  stream << diagnostic;
  return message;
}

Status Compilation::attempt(const char *phase, ErrorCode code,
                            llvm::function_ref<mlir::LogicalResult()> work) {
  std::string message;
  mlir::ScopedDiagnosticHandler handler(
      &context, [&](mlir::Diagnostic &diagnostic) {
        if (diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error &&
            message.empty()) {
          message = ::textOf(diagnostic);
          if (std::optional<Counterexample> found = refutation(diagnostic)) {
            counterexample = toJson(*found);
            code = ErrorCode::Refused;
          }
        }
        return mlir::success();
      });
  bool ok = mlir::succeeded(work());
  lap(phase);
  if (ok)
    return dump(std::string(phase) + ".mlir",
                options.dumpDir.empty() ? "" : textOf(*module));
  return Status::error(code, message.empty()
                                 ? "the phase '" + std::string(phase) +
                                       "' failed without a message"
                                 : message);
}

Status Compilation::runPhase(const char *phase, Build build, ErrorCode code) {
  return attempt(phase, code, [&] {
    mlir::PassManager passes(&context);
    passes.enableVerifier(options.verifyEach);
    build(passes);
    return passes.run(*module);
  });
}

bool Compilation::emits(std::string_view stage) {
  if (options.emit != stage)
    return false;
  artefact.text = textOf(*module);
  return true;
}

Expected<cta::KernelOp> Compilation::findKernel(mlir::ModuleOp in) {
  auto kernels = llvm::to_vector(in.getOps<cta::KernelOp>());
  if (kernels.size() == 1)
    return kernels.front();
  return Status::invalid("expected one kernel, got " +
                         std::to_string(kernels.size()));
}

std::string Compilation::sourceText() const {
  if (options.ctaText)
    return *options.ctaText;
  return options.templateText.value_or(std::string(templateOf(problemClass)));
}

/// Up to a cta.kernel that nobody has looked at.
Status Compilation::compileToKernel() {
  std::string text = options.ctaText ? "" : sourceText();
  Status status = runPhase("tile", [&](mlir::OpPassManager &passes) {
    buildTilePhase(passes, {chip.name, schedule, text});
  });
  if (!status || emits("tile"))
    return status;
  return runPhase("cta", buildCtaPhase);
}

/// The schedule that the text names says which arguments the kernel has beside
/// the problem's operands.
Status Compilation::takeKernelText() {
  mlir::OwningOpRef<mlir::ModuleOp> given;
  Status status =
      attempt("parse", ErrorCode::Invalid, [&]() -> mlir::LogicalResult {
        auto parsed = parseKernel(*module, *options.ctaText);
        if (mlir::succeeded(parsed))
          given = std::move(*parsed);
        return parsed;
      });
  if (!status)
    return status;
  cta::KernelOp kernel = *given->getOps<cta::KernelOp>().begin();
  schedule = print(scheduleOf(kernel.getSchedule()));
  if (status = compileToKernel(); !status)
    return status;
  Expected<cta::KernelOp> reference = findKernel(*module);
  if (!reference)
    return reference.status();
  status = attempt("operands", ErrorCode::Invalid,
                   [&] { return checkOperands(kernel, *reference); });
  module = std::move(given);
  return status;
}

Status Compilation::proveKernel(cta::KernelOp kernel) {
  Status status = runPhase("prove", buildProvePhase, ErrorCode::Unproven);
  if (status.code() != ErrorCode::Refused || !options.keepRefuted)
    return status;
  kernel.setCertificateAttr(certifyNothing(kernel, status.message()));
  return Status::ok();
}

/// Up to a cta.kernel with its certificate; stops early when an earlier stage
/// is wanted.
Status Compilation::compileToCertificate() {
  Status status = options.ctaText ? takeKernelText() : compileToKernel();
  if (!status || !artefact.text.empty())
    return status;
  Expected<cta::KernelOp> kernel = findKernel(*module);
  if (!kernel)
    return kernel.status();
  if (status = checkShared(*kernel, chip); !status)
    return status;
  status = proveKernel(*kernel);
  if (!status || emits("cta"))
    return status;
  instructions = countInstructions(*kernel);
  manifest = makeManifest(*kernel, problemClass, chip, sourceText());
  if (options.emit != "certificate")
    return status;
  setKey(manifest, ptxasArguments(chip.name));
  artefact.manifest = print(manifest);
  artefact.text = print(manifest.certificate);
  return status;
}

Status Compilation::compileToPtx() {
  Status lowered = runPhase("lower", [&](mlir::OpPassManager &passes) {
    buildLowerPhaseFor(passes, chip);
  });
  if (!lowered)
    return lowered;
  if (options.emit == "llvm") {
    Expected<std::string> text = translateToLlvmText(*module, chip);
    if (text)
      artefact.text = *text;
    return text.status();
  }
  Expected<std::string> ptx =
      translateToPtx(*module, chip, [&](const char *step) { lap(step); });
  if (!ptx)
    return ptx.status();
  artefact.ptx = *ptx;
  if (Status status = dump("kernel.ptx", artefact.ptx); !status)
    return status;
  Status lint = lintPtx(artefact.ptx, manifest.kernel, instructions);
  lap("lint");
  return lint;
}

/// A program that was replaced since it told its version, or that runs another
/// than it says, made another kernel.
Status checkVersion(const PtxAs &ptxas, const Cubin &cubin) {
  if (cubin.version.empty() || cubin.version == ptxas.version)
    return Status::ok();
  return Status::environment(
      "expected a cubin of ptxas " + ptxas.version + ", as " + ptxas.path +
      " was said to be, but its cubin is of " + cubin.version +
      ": either it was replaced meanwhile, so ask again, or its --version is "
      "not that of the ptxas it runs, so name that one itself with NYBL_PTXAS "
      "or --ptxas");
}

Expected<PtxAs> Compilation::ptxasToRun() const {
  if (options.ptxasVersion.empty())
    return findPtxAs(options.ptxas);
  if (!isPtxAsVersion(options.ptxasVersion))
    return Status::invalid("expected a version of ptxas, as 13.0.88, got '" +
                           options.ptxasVersion + "'");
  return PtxAs{options.ptxas, options.ptxasVersion};
}

Status Compilation::compileToCubin() {
  Expected<PtxAs> ptxas = ptxasToRun();
  if (!ptxas)
    return ptxas.status();
  last = Clock::now();
  Expected<Cubin> cubin = assemble(*ptxas, artefact.ptx, chip.name);
  if (!cubin)
    return cubin.status();
  if (Status status = checkVersion(*ptxas, *cubin); !status)
    return status;
  lap("ptxas");
  artefact.cubin = std::move(cubin->image);
  manifest.ptxas = ptxas->version;
  manifest.registers = cubin->registers;
  manifest.spillBytes = cubin->spillBytes;
  manifest.staticShared = cubin->staticSharedBytes;
  return Status::ok();
}

Expected<Artefact> Compilation::run() {
  if (Status status = start(); !status)
    return status;
  if (Status status = dump("blockscale.mlir", textOf(*module)); !status)
    return status;
  if (emits("blockscale"))
    return artefact;
  if (Status status = compileToCertificate(); !status)
    return status;
  if (!artefact.text.empty())
    return artefact;
  if (Status status = compileToPtx(); !status)
    return status;
  if (options.emit == "llvm")
    return artefact;
  if (options.emit != "ptx")
    if (Status status = compileToCubin(); !status)
      return status;
  setKey(manifest, ptxasArguments(chip.name));
  artefact.manifest = print(manifest);
  artefact.text = options.emit == "ptx"        ? artefact.ptx
                  : options.emit == "manifest" ? artefact.manifest
                                               : artefact.cubin;
  if (Status status = dump("manifest.json", artefact.manifest); !status)
    return status;
  return std::move(artefact);
}

} // namespace

static Status checkOptions(const CompileOptions &options) {
  if (!isStage(options.emit))
    return Status::invalid(
        "unknown stage '" + options.emit +
        "': expected blockscale, tile, cta, certificate, llvm, ptx, cubin "
        "or manifest");
  if (options.ctaText &&
      (options.templateText || !options.schedule.empty() ||
       options.emit == "blockscale" || options.emit == "tile"))
    return Status::invalid("a kernel in the Cta dialect comes after template, "
                           "schedule and the stages blockscale and tile: "
                           "expected none of them beside it");
  if (options.templateText && options.templateText->empty())
    return Status::invalid(
        "the template is empty: expected a kernel in the Tile dialect "
        "(docs/templates.md); leave it out to take the built-in one");
  return Status::ok();
}

Expected<Artefact> nybl::compiler::compile(std::string_view problemLine,
                                           std::string_view chipName,
                                           const CompileOptions &options,
                                           Failure *failure) {
  if (Status status = checkOptions(options); !status)
    return status;
  Expected<AnyProblem> problem = parseAnyProblem(problemLine);
  if (!problem)
    return problem.status();
  Expected<const Chip *> chip = findChip(chipName);
  if (!chip)
    return chip.status();
  AnyProblem problemClass = specialise(*problem);
  if (auto *gemm = std::get_if<GemmProblem>(&problemClass);
      gemm && gemm->n == 0)
    return Status::invalid("a problem with n=0 needs no kernel");
  Expected<Selection> selection =
      select(problemClass, **chip,
             options.templateText ? std::string_view(*options.templateText)
                                  : std::string_view());
  if (!selection)
    return selection.status();
  Compilation compilation(problemClass, **chip, options, selection->schedule);
  Expected<Artefact> artefact = compilation.run();
  if (!artefact && failure)
    *failure = compilation.takeFailure();
  return artefact;
}
