// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Loading: variables get their places, bodies are decoded.

#include "tools/emulator/Exec/Decode.h"

#include <algorithm>
#include <memory>

using namespace nybl::emu;

namespace {

struct LoadedProgram : Program {
  explicit LoadedProgram(GlobalMemory &memory) : memory(memory) {}
  ~LoadedProgram() override {
    for (auto &[name, global] : globals)
      memory.release(global.address);
  }

  GlobalMemory &memory;
  std::vector<std::unique_ptr<Kernel>> kernels;
  std::map<std::string, ModuleGlobal, std::less<>> globals;

  const KernelInfo *findKernel(std::string_view name) const override {
    for (auto &kernel : kernels)
      if (kernel->info.name == name)
        return &kernel->info;
    return nullptr;
  }
  std::vector<std::string> kernelNames() const override {
    std::vector<std::string> names;
    for (auto &kernel : kernels)
      names.push_back(kernel->info.name);
    return names;
  }
  const ModuleGlobal *findGlobal(std::string_view name) const override {
    auto found = globals.find(name);
    return found == globals.end() ? nullptr : &found->second;
  }
};

uint64_t roundUp(uint64_t value, uint64_t to) {
  return (value + to - 1) / to * to;
}

class Loader {
public:
  Loader(const ptx::Module &module, const PtxTarget &target,
         const ChipLimits &chip, GlobalMemory &memory)
      : module(module), target(target), chip(chip), memory(memory),
        program(std::make_shared<LoadedProgram>(memory)) {}

  Expected<std::shared_ptr<const Program>> run() {
    symbols.version = module.versionMajor * 10 + module.versionMinor;
    for (const ptx::Variable &variable : module.variables)
      if (std::string error = placeModuleVariable(variable); !error.empty())
        return Error{error};
    for (const ptx::Variable &variable : module.variables)
      if (std::string error = writeReferences(variable); !error.empty())
        return Error{error};
    for (const ptx::Function &function : module.functions) {
      if (!function.isEntry)
        continue;
      Expected<ptx::Function> flat = ptx::inlineCalls(module, function);
      if (!flat)
        return flat.error();
      if (std::string error = loadKernel(*flat); !error.empty())
        return Error{error};
    }
    return std::shared_ptr<const Program>(program);
  }

private:
  std::string placeModuleVariable(const ptx::Variable &v) {
    if (v.space == ptx::Space::Shared) {
      moduleShared.push_back(&v);
      return "";
    }
    if (v.isExtern || v.bytes == 0)
      return "the variable '" + v.name + "' is declared elsewhere: link first";
    Expected<uint64_t> address = memory.allocate(v.bytes);
    if (!address)
      return address.message();
    std::vector<uint8_t> bytes = v.initial;
    bytes.resize(v.bytes); // without an initialiser: zero
    memory.write(*address, bytes.data(), bytes.size());
    if (v.space == ptx::Space::Const)
      memory.protect(*address);
    symbols.places[v.name] = {MemorySpace::Global, *address};
    program->globals[v.name] = {*address, v.bytes};
    return "";
  }

  /// Addresses in initialisers, once all variables have theirs.
  std::string writeReferences(const ptx::Variable &v) {
    for (const ptx::Reference &r : v.references) {
      auto target = symbols.places.find(r.symbol);
      if (target == symbols.places.end())
        return "the initialiser of '" + v.name + "' needs the address of '" +
               r.symbol + "', which is no global variable";
      uint64_t bits =
          (target->second.second + static_cast<uint64_t>(r.addend)) >> r.shift;
      memory.write(symbols.places[v.name].second + r.at, &bits, r.bytes);
    }
    return "";
  }

  std::string loadKernel(const ptx::Function &f) {
    auto kernel = std::make_unique<Kernel>();
    kernel->info.name = f.name;
    kernel->chip = &chip;
    Symbols own = symbols;
    placeParameters(f, *kernel, own);
    if (std::string error = placeVariables(f, *kernel, own); !error.empty())
      return error;
    Dim3 required = f.requiredThreads, most = f.maxThreads;
    kernel->info.requiredThreads = required;
    kernel->info.requiredCluster = f.requiredCluster;
    kernel->info.maxClusterRank = f.maxClusterRank;
    kernel->info.explicitCluster = f.explicitCluster;
    kernel->info.blocksAreClusters = f.blocksAreClusters;
    if (most.x)
      kernel->info.maxThreads = most.x * most.y * most.z;
    if (required.x)
      kernel->info.maxThreads = required.x * required.y * required.z;
    Decoder decoder(f, own, target, *kernel);
    std::string error = decoder.run();
    program->kernels.push_back(std::move(kernel));
    return error;
  }

  void placeParameters(const ptx::Function &f, Kernel &kernel, Symbols &own) {
    uint64_t at = 0;
    for (const ptx::Variable &p : f.parameters) {
      at = roundUp(at, p.align);
      own.places[p.name] = {MemorySpace::Param, at};
      kernel.info.parameters.push_back(
          {static_cast<uint32_t>(at), static_cast<uint32_t>(p.bytes)});
      at += p.bytes;
    }
    kernel.info.parameterBytes = static_cast<uint32_t>(at);
    own.places["\1parameter bytes"] = {MemorySpace::Param, at};
  }

  /// Gives the bytes of static shared memory. Extern arrays all begin where it
  /// ends: with ptxas 13.0 at a multiple of 16 at least, and what aligns them
  /// counts as static.
  uint64_t placeShared(const ptx::Function &f, Symbols &own) {
    std::vector<const ptx::Variable *> all = moduleShared, dynamic;
    for (const ptx::Variable &v : f.variables)
      if (v.space == ptx::Space::Shared)
        all.push_back(&v);
    uint64_t top = 0, align = 16;
    for (const ptx::Variable *v : all) {
      if (v->isExtern && v->bytes == 0) {
        dynamic.push_back(v);
        align = std::max<uint64_t>(align, v->align);
        continue;
      }
      top = roundUp(top, v->align);
      own.places[v->name] = {MemorySpace::Shared, top};
      top += v->bytes;
    }
    if (!dynamic.empty())
      top = roundUp(top, align);
    for (const ptx::Variable *v : dynamic)
      own.places[v->name] = {MemorySpace::Shared, top};
    return top;
  }

  std::string placeVariables(const ptx::Function &f, Kernel &kernel,
                             Symbols &own) {
    uint64_t shared = placeShared(f, own), local = 0;
    for (const ptx::Variable &v : f.variables) {
      if (v.space == ptx::Space::Local) {
        local = roundUp(local, v.align);
        own.places[v.name] = {MemorySpace::Local, local};
        local += v.bytes;
      } else if (v.space != ptx::Space::Shared && v.space != ptx::Space::Param)
        return "the variable '" + v.name + "' of kernel '" + f.name +
               "' lies in a space that a body cannot declare";
    }
    if (shared > chip.sharedPerCtaOptIn || local > (1u << 20))
      return "kernel '" + f.name + "' declares " + std::to_string(shared) +
             " bytes of shared and " + std::to_string(local) +
             " bytes of local memory, more than " + chip.name + " has";
    kernel.info.staticShared = static_cast<uint32_t>(shared);
    kernel.info.localBytes = static_cast<uint32_t>(roundUp(local, 16));
    return "";
  }

  const ptx::Module &module;
  const PtxTarget &target;
  const ChipLimits &chip;
  GlobalMemory &memory;
  std::shared_ptr<LoadedProgram> program;
  Symbols symbols;
  std::vector<const ptx::Variable *> moduleShared;
};

} // namespace

Expected<std::shared_ptr<const Program>>
nybl::emu::loadProgram(std::string_view text, const ChipLimits &chip,
                       GlobalMemory &memory) {
  Expected<ptx::Module> module = ptx::parse(text);
  if (!module)
    return module.error();
  PtxTarget target;
  if (!parseTarget(module->target, target) || !runsOn(module->target, chip))
    return Error{"PTX for " + module->target + " does not run on " + chip.name};
  unsigned first = firstVersionOf(target);
  if (module->versionMajor * 10 + module->versionMinor < first)
    return Error{"expected .version " + std::to_string(first / 10) + "." +
                 std::to_string(first % 10) + " or later for .target " +
                 module->target + ", got " +
                 std::to_string(module->versionMajor) + "." +
                 std::to_string(module->versionMinor)};
  return Loader(*module, target, chip, memory).run();
}

const Kernel *nybl::emu::kernelOf(const Program &program,
                                  const KernelInfo &info) {
  for (auto &kernel : static_cast<const LoadedProgram &>(program).kernels)
    if (&kernel->info == &info)
      return kernel.get();
  return nullptr;
}
