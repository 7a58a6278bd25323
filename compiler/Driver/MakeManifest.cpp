// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The manifest is read off the kernel: its arguments are the launch recipe, its
// types are the preconditions, its certificate is the certificate.

#include "compiler/Driver/MakeManifest.h"
#include "compiler/Conversion/CtaShared.h"
#include "compiler/Conversion/ScheduleAttribute.h"
#include "compiler/Driver/Compiler.h"
#include "compiler/Legality/Slice.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/SHA256.h"

using namespace nybl;
using namespace nybl::compiler;

static std::string sha256(std::string_view text) {
  return llvm::toHex(llvm::SHA256::hash(llvm::arrayRefFromStringRef(text)),
                     /*LowerCase=*/true);
}

static std::string typeName(mlir::Type type) {
  if (type.isF32())
    return "f32";
  if (llvm::isa<cta::TensorMapType>(type))
    return "tensor_map";
  return type.isInteger(32) ? "i32" : type.isInteger(64) ? "i64" : "pointer";
}

/// What accesses need: 8 bytes of codes or 16 of elements are moved at a time,
/// but of a product's elements one; TMA takes 16.
static int64_t alignmentOf(cta::KernelOp kernel, const std::string &name,
                           const AnyProblem &problemClass) {
  if (name == "x" || name == "y" || kernel.argumentFor(name + ".map"))
    return 16;
  auto *gemm = std::get_if<GemmProblem>(&problemClass);
  return name == "d" && gemm ? byteWidth(gemm->d) : 8;
}

/// Of a free N or K: the bytes that each column, or each K block, adds to a
/// row.
static Precondition rowsFit(const std::string &name, cta::MatrixType type) {
  if (!type.hasFreeRowBytes())
    return {"rows_fit", name, type.getRowBytes()};
  return {name == "d" ? "rows_fit_columns" : "rows_fit_blocks", name,
          -type.getRowBytes()};
}

static void addMatrix(Manifest &manifest, const std::string &name,
                      cta::MatrixType type, int64_t alignment, bool isOutput) {
  auto &list = manifest.preconditions;
  list.push_back({"alignment", name, alignment});
  list.push_back({"stride_multiple", name, alignment});
  list.push_back({"stride_max", name, strideMax});
  list.push_back(rowsFit(name, type));
  if (isOutput)
    list.push_back({"no_overlap", name, 0});
}

/// Copies of four scale factors need an address to match, bulk copies 16 bytes.
static void addScales(Manifest &manifest, const std::string &name,
                      mlir::BlockArgument scales, bool isOutput) {
  manifest.preconditions.push_back({"scale_bytes", name, 0});
  if (isOutput)
    manifest.preconditions.push_back({"no_overlap", name, 0});
  auto users = scales.getUsers();
  if (llvm::any_of(users, llvm::IsaPred<cta::CopyScaleAtomsOp>))
    manifest.preconditions.push_back({"alignment", name, 16});
  else if (llvm::any_of(users, llvm::IsaPred<cta::CopyScalesOp>))
    manifest.preconditions.push_back({"alignment", name, 4});
}

/// Sums are moved 16 bytes at a time; whole lines of the cache are faster.
static void addWorkspace(Manifest &manifest, const std::string &name,
                         cta::WorkspaceType type) {
  manifest.preconditions.push_back({"alignment", name, 128});
  manifest.preconditions.push_back({"tile_bytes", name, type.tileBytes()});
  manifest.preconditions.push_back({"no_overlap", name, 0});
}

static void addParameters(Manifest &manifest, cta::KernelOp kernel,
                          const AnyProblem &problemClass) {
  for (mlir::BlockArgument argument : kernel.getBody().getArguments()) {
    std::string source = kernel.sourceOf(argument).str();
    mlir::Type type = argument.getType();
    manifest.parameters.push_back({source, typeName(type)});
    if (auto matrix = llvm::dyn_cast<cta::MatrixType>(type))
      addMatrix(manifest, source, matrix,
                alignmentOf(kernel, source, problemClass),
                kernel.isOutput(argument));
    else if (llvm::isa<cta::ScalesType>(type))
      addScales(manifest, source, argument, kernel.isOutput(argument));
    else if (auto map = llvm::dyn_cast<cta::TensorMapType>(type))
      manifest.tensorMaps.push_back(
          {llvm::StringRef(source).split('.').first.str(), map.getRows(),
           map.getBytes(),
           /*swizzle=*/map.getBytes()});
    else if (auto workspace = llvm::dyn_cast<cta::WorkspaceType>(type))
      addWorkspace(manifest, source, workspace);
    else if (llvm::isa<cta::ScalarType>(type))
      manifest.preconditions.push_back({"alignment", source, 4});
  }
}

static Certificate makeCertificate(cta::CertificateAttr attribute) {
  Certificate result;
  result.prover = attribute.getProver().str();
  result.moduleHash = attribute.getHash().str();
  result.rowsMax = attribute.getRowsMax();
  for (cta::LemmaAttr lemma : attribute.getLemmas())
    result.lemmas.push_back({lemma.getName().str(),
                             lemma.getState() == cta::LemmaState::Proven,
                             lemma.getDomain().str(), lemma.getSample().str()});
  result.questions = attribute.getQuestions();
  result.searches = attribute.getSearches();
  for (cta::AccessClassAttr access : attribute.getAccesses())
    result.accesses.push_back(
        {access.getOperand().str(), access.getKind().str(), access.getCount()});
  return result;
}

/// What a launch gives for stages. A CTA that begins and finds no room in
/// tensor memory waits for the end of another: nobody could take over its tile.
/// So of such kernels no more CTAs fit a multiprocessor than have room there.
static int64_t dynamicSharedOf(cta::KernelOp kernel, const Manifest &manifest,
                               const Chip &chip) {
  if (!usesDynamicShared(kernel))
    return 0;
  int64_t bytes = stageBytes(kernel);
  if (!manifest.takesOver || manifest.tensorColumns == 0)
    return bytes;
  int64_t ctas = Manifest::tensorColumnsOfAll / manifest.tensorColumns;
  return std::max<int64_t>(bytes, chip.sharedPerMultiprocessor / (ctas + 1));
}

/// What the proof holds for, and what tensor maps of A and B need of their
/// rows.
static void addSizes(Manifest &manifest, cta::KernelOp kernel) {
  auto &list = manifest.preconditions;
  list.push_back({"n_max", "n", columnsMax});
  list.push_back({"k_max", "k", blocksMax * kBlock});
  bool byMap = kernel.argumentFor("a.map") || kernel.argumentFor("b.map");
  list.push_back({"k_multiple", "k", byMap ? 2 * kBlock : kBlock});
}

Manifest nybl::compiler::makeManifest(cta::KernelOp kernel,
                                      const AnyProblem &problemClass,
                                      const Chip &chip,
                                      std::string_view templateText) {
  Schedule schedule = scheduleOf(kernel.getSchedule());
  Manifest manifest;
  manifest.problem = print(problemClass);
  manifest.chip = chip.name;
  manifest.schedule = print(schedule);
  manifest.kernel = kernel.getSymName().str();
  manifest.templateDigest = sha256(templateText);
  manifest.compiler = describe();
  manifest.ptxVersion =
      std::to_string(chip.ptxMajor) + "." + std::to_string(chip.ptxMinor);
  manifest.threads = kernel.getThreads();
  manifest.tileM = schedule.tile[0];
  manifest.tileN = schedule.tile[1];
  manifest.split = schedule.split;
  manifest.cluster = schedule.ctas;
  manifest.takesOver = schedule.takesOver;
  addParameters(manifest, kernel, problemClass);
  // Columns that are not the plan's are an error here and when it is lowered.
  if (auto plan = tensorMemoryOf(kernel); succeeded(plan)) {
    manifest.tensorColumns = plan->allocated;
    manifest.tensorMemory = plan->map;
  }
  manifest.dynamicShared = dynamicSharedOf(kernel, manifest, chip);
  manifest.certificate = makeCertificate(*kernel.getCertificate());
  // The proof is for more rows than a class of few may have.
  int64_t most =
      std::visit([](const auto &p) { return p.m.high; }, problemClass);
  manifest.preconditions.push_back(
      {"rows_max", "m", std::min(manifest.certificate.rowsMax, most)});
  if (kernel.argumentFor("k.blocks"))
    addSizes(manifest, kernel);
  return manifest;
}

void nybl::compiler::setKey(Manifest &manifest,
                            llvm::ArrayRef<std::string> ptxasArguments) {
  std::string text;
  for (const std::string *part :
       {&manifest.problem, &manifest.chip, &manifest.schedule,
        &manifest.templateDigest, &manifest.compiler, &manifest.ptxVersion,
        &manifest.ptxas, &manifest.certificate.prover})
    text += *part + "\n";
  for (const std::string &argument : ptxasArguments)
    text += argument + "\n";
  manifest.key = sha256(text);
}
