// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Addresses first, since they cost little; then the emulated run.

#include "tests/Mutation/GroundTruth.h"
#include "compiler/Codegen/TranslateToPtx.h"
#include "compiler/Driver/MakeManifest.h"
#include "compiler/Pipeline/Pipeline.h"
#include "compiler/Select/Select.h"
#include "dialects/BlockScale/BlockScaleOps.h"
#include "dialects/BlockScale/Build.h"
#include "mlir/Dialect/Func/IR/FuncOps.h"
#include "mlir/IR/Verifier.h"
#include "tests/CtaInterpreter/Violations.h"
#include "tests/Mutation/Enumerate.h"
#include "llvm/ADT/Sequence.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

static Status runPhase(Subject &subject, ModuleOp module,
                       function_ref<void(OpPassManager &)> build) {
  std::string message;
  ScopedDiagnosticHandler handler(&subject.context, [&](Diagnostic &d) {
    if (message.empty())
      message = d.str();
    return success();
  });
  PassManager passes(&subject.context);
  passes.enableVerifier(false);
  build(passes);
  if (succeeded(verify(module)) && succeeded(passes.run(module)))
    return Status::ok();
  return Status::invalid(message.empty() ? "refused without a word" : message);
}

Status Subject::build(const std::string &schedule) {
  DialectRegistry registry;
  compiler::registerDialects(registry);
  compiler::registerPtxTranslations(registry);
  context.appendDialectRegistry(registry);
  context.loadDialect<block_scale::BlockScaleDialect, func::FuncDialect>();
  context.loadAllAvailableDialects();
  module = block_scale::buildModule(context, nybl::specialise(anyProblem));
  return runPhase(*this, *module, [&](OpPassManager &passes) {
    compiler::buildTilePhase(passes, {std::string(chip->name), schedule, ""});
    compiler::buildCtaPhase(passes);
  });
}

Status Subject::makeGemmBed(const std::string &schedule) {
  problem = std::get<GemmProblem>(anyProblem);
  auto parsed = compiler::parseSchedule(schedule);
  if (!parsed)
    return parsed.status();
  int64_t step = parsed->tile[2], steps = (problem.k + step - 1) / step;
  partElements = steps / parsed->split * step;
  auto made = Bed::make(
      problem, chip->tcgen05 ? tensorTrials() : defaultTrials(), partElements);
  if (!made)
    return made.status();
  bed = std::move(*made);
  return Status::ok();
}

/// What is right is what the kernel gives that nobody changed: that this is the
/// formula's is tests/EndToEnd/Quantize's to show.
Status Subject::makeConversionBed() {
  OwningOpRef<ModuleOp> copy = module->clone();
  Expected<Lowered> lowered = lower(*this, *copy);
  if (!lowered)
    return lowered.status();
  auto made =
      Bed::makeForConversion(anyProblem, lowered->ptx, lowered->manifest);
  if (!made)
    return made.status();
  bed = std::move(*made);
  return Status::ok();
}

Expected<std::unique_ptr<Subject>> Subject::make(const std::string &line,
                                                 const std::string &schedule,
                                                 const std::string &chipName) {
  auto problem = parseAnyProblem(line);
  if (!problem)
    return problem.status();
  auto chip = findChip(chipName);
  if (!chip)
    return chip.status();
  std::unique_ptr<Subject> subject(new Subject(line + ", " + schedule));
  subject->anyProblem = *problem;
  subject->chip = *chip;
  if (Status s = subject->build(schedule); !s)
    return s;
  bool isGemm = std::holds_alternative<GemmProblem>(*problem);
  Status made =
      isGemm ? subject->makeGemmBed(schedule) : subject->makeConversionBed();
  if (!made)
    return made;
  return std::move(subject);
}

static void certify(cta::KernelOp kernel) {
  MLIRContext *context = kernel.getContext();
  auto text = [&](const Twine &t) { return StringAttr::get(context, t); };
  SmallVector<cta::LemmaAttr> lemmas;
  for (unsigned i = 1; i <= 7; ++i)
    lemmas.push_back(cta::LemmaAttr::get(context, text("L" + Twine(i)),
                                         cta::LemmaState::Unproven,
                                         text("a mutant"), text("")));
  kernel.removeCertificateAttr();
  kernel.setCertificateAttr(cta::CertificateAttr::get(
      context, text("none"), int64_t(1) << 24, text(kernel.hash()),
      /*questions=*/0, /*searches=*/0, {}, lemmas));
}

Expected<Lowered> nybl::mutation::lower(Subject &subject, ModuleOp module) {
  const Chip &chip = *subject.chip;
  cta::KernelOp kernel = *module.getOps<cta::KernelOp>().begin();
  certify(kernel);
  Lowered result;
  result.manifest = compiler::makeManifest(
      kernel, nybl::specialise(subject.anyProblem), chip, "");
  Status lowered = runPhase(subject, module, [&](OpPassManager &passes) {
    compiler::buildLowerPhaseFor(passes, chip);
  });
  if (!lowered)
    return lowered;
  auto ptx = compiler::translateToPtx(module, chip, [](const char *) {});
  if (!ptx)
    return ptx.status();
  result.ptx = *ptx;
  return result;
}

/// What roles do to each other, seen by doing it in both orders. Of a kernel
/// with an op that the interpreter does not know, the emulated run decides.
static std::optional<std::string>
harmOfRoles(cta::KernelOp kernel, ArrayRef<int64_t> rows, int64_t ctas) {
  for (int64_t m : rows) {
    auto violations =
        enumeration::findViolations(kernel, {m, ctas}, /*untilFirst=*/true);
    if (violations && !violations->empty())
      return "M = " + std::to_string(m) + ": " + violations->front().lemma +
             ": " + violations->front().text;
  }
  return std::nullopt;
}

Truth nybl::mutation::findTruth(Subject &subject, const Mutant &mutant,
                                ModuleOp module) {
  cta::KernelOp kernel = *module.getOps<cta::KernelOp>().begin();
  {
    ScopedDiagnosticHandler quiet(&subject.context,
                                  [](Diagnostic &) { return success(); });
    if (failed(verify(module)))
      return {Verdict::Invalid, "verifier", ""};
  }
  // A lane may hold rows of one parity alone: odd and even M just past a tile.
  SmallVector<int64_t> few = {1, 5, 16, 17, 31, 33, 34, 140};
  // Of operands swapped in tensor memory each store has a row of its own.
  if (subject.chip->tcgen05 && subject.kernel().getSchedule().getSwap())
    few.append(llvm::to_vector(llvm::seq_inclusive<int64_t>(
        1, subject.kernel().getSchedule().getTile()[0])));
  auto *quantise = std::get_if<QuantizeProblem>(&subject.anyProblem);
  if (quantise) // padding begins with the first row of a tile, or with no row
    few.append({0, 8, 64, 128});
  if (subject.chip->tcgen05) // scale factors of 128 rows are whole, but one
    few.push_back(127);
  if (auto harm = harmOfAddresses(kernel, few, quantise && quantise->padRows))
    return {Verdict::Harmful, "addresses", *harm};
  // Several tiles for a CTA.
  SmallVector<int64_t> rows = {1, 97, 140};
  int64_t ctas = 2;
  if (subject.chip->tcgen05) {
    rows = {1, 200};
    ctas = 1;
  }
  if (auto harm = kernel.hasRoles() ? harmOfRoles(kernel, rows, ctas)
                                    : harmOfRings(kernel))
    return {Verdict::Harmful, "protocol", *harm};
  if (mutant.op->target == Target::Wrap)
    if (auto harm = harmOfWrapping(subject.kernel(), kernel))
      return {Verdict::Harmful, "wrap", *harm};
  Expected<Lowered> lowered = lower(subject, module);
  if (!lowered)
    return {Verdict::Invalid, "lowering", lowered.message()};
  if (auto symptom = subject.bed->run(lowered->ptx, lowered->manifest))
    return {Verdict::Harmful, nybl::mutation::name(symptom->sign),
            symptom->text};
  return {Verdict::Harmless, "", ""};
}
