// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The list of operators, and mutants as (operator, place).

#include "tests/Mutation/Mutants.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

StringRef nybl::mutation::name(Target target) {
  constexpr StringRef names[] = {"mask", "layout", "data load", "store",
                                 "lane", "stage",  "sync",      "ring",
                                 "role", "output", "launch",    "wrap",
                                 "flow", "loop",   "epilogue",  "part"};
  return names[static_cast<unsigned>(target)];
}

Sites::Sites(cta::KernelOp kernel) : kernel(kernel) {
  llvm::StringMap<unsigned> counts;
  kernel.walk([&](Operation *op) {
    numbers[op] = counts[op->getName().getStringRef()]++;
  });
}

std::string Sites::describe(Operation *op) {
  std::string text =
      (op->getName().getStringRef() + " " + std::to_string(numbers.lookup(op)))
          .str();
  if (auto access = dyn_cast<cta::GlobalAccess>(op))
    if (auto base = dyn_cast<BlockArgument>(access.getBase()))
      text += (" of '" + kernel.sourceOf(base) + "'").str();
  return text;
}

void Sites::add(Operation *op, const Twine &what,
                std::function<void()> change) {
  list.push_back(
      {(Twine(describe(op)) + ": " + what).str(), std::move(change)});
}

const std::vector<Operator> &nybl::mutation::operators() {
  static const std::vector<Operator> list = [] {
    std::vector<Operator> made;
    addAccessOperators(made);
    addOffsetOperators(made);
    addStageOperators(made);
    addRingOperators(made);
    addRoleOperators(made);
    addOutputOperators(made);
    addLaunchOperators(made);
    addFlowOperators(made);
    addPartOperators(made);
    return made;
  }();
  return list;
}

std::vector<Mutant> nybl::mutation::mutantsOf(cta::KernelOp kernel) {
  std::vector<Mutant> mutants;
  for (const Operator &op : operators()) {
    Sites sites(kernel);
    op.list(sites);
    for (unsigned i = 0; i < sites.list.size(); ++i)
      mutants.push_back({&op, i, sites.list[i].where});
  }
  return mutants;
}

std::vector<Mutant> nybl::mutation::sample(const std::vector<Mutant> &all,
                                           unsigned perOperator) {
  std::vector<Mutant> chosen;
  for (size_t begin = 0; begin < all.size();) {
    size_t end = begin;
    while (end < all.size() && all[end].op == all[begin].op)
      ++end;
    // Rings and launch formulas have few operators with many places.
    Target target = all[begin].op->target;
    unsigned share = target == Target::Ring     ? 6
                     : target == Target::Launch ? 3
                     : target == Target::Output ? 4
                     : target == Target::Part   ? 3
                                                : 1;
    size_t count = end - begin;
    size_t take = std::min<size_t>(count, share * perOperator);
    for (size_t i = 0; i < take; ++i)
      chosen.push_back(all[begin + i * count / take]);
    begin = end;
  }
  return chosen;
}

OwningOpRef<ModuleOp> nybl::mutation::apply(ModuleOp module,
                                            const Mutant &mutant) {
  OwningOpRef<ModuleOp> copy = module.clone();
  Sites sites(*copy->getOps<cta::KernelOp>().begin());
  mutant.op->list(sites);
  sites.list[mutant.site].change();
  return copy;
}
