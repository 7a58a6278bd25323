// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// MLIR -> LLVM IR -> PTX.

#include "compiler/Codegen/TranslateToPtx.h"
#include "mlir/Target/LLVMIR/Dialect/Builtin/BuiltinToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/LLVMIR/LLVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Dialect/NVVM/NVVMToLLVMIRTranslation.h"
#include "mlir/Target/LLVMIR/Export.h"
#include "llvm/IR/InstIterator.h"
#include "llvm/IR/LegacyPassManager.h"
#include "llvm/IR/Module.h"
#include "llvm/IR/OptBisect.h"
#include "llvm/MC/TargetRegistry.h"
#include "llvm/Passes/PassBuilder.h"
#include "llvm/Target/TargetMachine.h"

using namespace nybl;
using namespace nybl::compiler;

extern "C" {
void LLVMInitializeNVPTXTargetInfo();
void LLVMInitializeNVPTXTarget();
void LLVMInitializeNVPTXTargetMC();
void LLVMInitializeNVPTXAsmPrinter();
}

static void initialiseTarget() {
  static const bool once = [] {
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    return true;
  }();
  (void)once;
}

static Expected<std::unique_ptr<llvm::TargetMachine>>
makeTargetMachine(const Chip &chip) {
  initialiseTarget();
  std::string error;
  llvm::Triple triple("nvptx64-nvidia-cuda");
  const llvm::Target *target =
      llvm::TargetRegistry::lookupTarget(triple, error);
  if (!target)
    return Status::environment("this LLVM has no NVPTX target: " + error);
  llvm::TargetOptions options;
  // What is written is what runs: no multiply and add are fused behind our
  // back.
  options.AllowFPOpFusion = llvm::FPOpFusion::Strict;
  std::string features =
      "+ptx" + std::to_string(chip.ptxMajor) + std::to_string(chip.ptxMinor);
  return std::unique_ptr<llvm::TargetMachine>(target->createTargetMachine(
      triple, chip.name, features, options, std::nullopt, std::nullopt,
      llvm::CodeGenOptLevel::Aggressive));
}

/// What there is to optimise in a kernel: it has no calls, no memory that LLVM
/// sees, and its loops are unrolled and vectorised before LLVM sees them, or
/// not at all.
static constexpr const char *optimisations =
    "function(sroa,early-cse<memssa>,instcombine<no-verify-fixpoint>,"
    "simplifycfg,loop-mssa(loop-rotate,licm),loop(indvars),gvn,"
    "instcombine<no-verify-fixpoint>,dce)";

namespace {

/// The back end has strength reduction of straight lines, which takes longer
/// than instruction selection, and finds little in addresses that GVN has seen.
class PassGate : public llvm::OptPassGate {
public:
  bool shouldRunPass(llvm::StringRef pass, llvm::StringRef) const override {
    return pass != "slsr";
  }
  bool isEnabled() const override { return true; }
};

} // namespace

static void optimise(llvm::Module &module, llvm::TargetMachine &machine) {
  llvm::LoopAnalysisManager loops;
  llvm::FunctionAnalysisManager functions;
  llvm::CGSCCAnalysisManager callGraph;
  llvm::ModuleAnalysisManager modules;
  llvm::PassBuilder builder(&machine);
  builder.registerModuleAnalyses(modules);
  builder.registerCGSCCAnalyses(callGraph);
  builder.registerFunctionAnalyses(functions);
  builder.registerLoopAnalyses(loops);
  builder.crossRegisterProxies(loops, functions, callGraph, modules);
  llvm::ModulePassManager pipeline;
  llvm::cantFail(builder.parsePassPipeline(pipeline, optimisations));
  pipeline.run(module, modules);
}

/// Many statements are of a whole warp (elect.sync, tcgen05.*.sync.aligned,
/// waits in whose loops lanes part): none may come to depend on more
/// conditions than it was written under.
static void makeStatementsConvergent(llvm::Module &module) {
  for (llvm::Function &function : module)
    for (llvm::Instruction &instruction : llvm::instructions(function))
      if (auto *call = llvm::dyn_cast<llvm::CallInst>(&instruction);
          call && call->isInlineAsm())
        call->setConvergent();
}

static Expected<std::unique_ptr<llvm::Module>>
translate(mlir::ModuleOp module, llvm::LLVMContext &context,
          llvm::TargetMachine &machine) {
  std::unique_ptr<llvm::Module> result =
      mlir::translateModuleToLLVMIR(module, context, "nybl");
  if (!result)
    return Status::invalid("the lowered module does not translate to LLVM IR");
  result->setTargetTriple(machine.getTargetTriple());
  result->setDataLayout(machine.createDataLayout());
  makeStatementsConvergent(*result);
  return result;
}

Expected<std::string> nybl::compiler::translateToPtx(mlir::ModuleOp module,
                                                     const Chip &chip,
                                                     const StepDone &done) {
  auto machine = makeTargetMachine(chip);
  if (!machine)
    return machine.status();
  llvm::LLVMContext context;
  PassGate gate;
  context.setOptPassGate(gate);
  auto translated = translate(module, context, **machine);
  if (!translated)
    return translated.status();
  done("translate");
  optimise(**translated, **machine);
  done("llvm");
  llvm::SmallVector<char, 0> text;
  llvm::raw_svector_ostream stream(text);
  llvm::legacy::PassManager codegen;
  if ((*machine)->addPassesToEmitFile(codegen, stream, nullptr,
                                      llvm::CodeGenFileType::AssemblyFile))
    return Status::environment("this LLVM cannot print PTX");
  codegen.run(**translated);
  done("codegen");
  return std::string(text.begin(), text.end());
}

Expected<std::string> nybl::compiler::translateToLlvmText(mlir::ModuleOp module,
                                                          const Chip &chip) {
  auto machine = makeTargetMachine(chip);
  if (!machine)
    return machine.status();
  llvm::LLVMContext context;
  auto translated = translate(module, context, **machine);
  if (!translated)
    return translated.status();
  optimise(**translated, **machine);
  std::string text;
  llvm::raw_string_ostream stream(text);
  (*translated)->print(stream, nullptr);
  return text;
}

void nybl::compiler::registerPtxTranslations(mlir::DialectRegistry &registry) {
  mlir::registerBuiltinDialectTranslation(registry);
  mlir::registerLLVMDialectTranslation(registry);
  mlir::registerNVVMDialectTranslation(registry);
}
