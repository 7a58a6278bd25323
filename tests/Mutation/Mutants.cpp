// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The list of operators, and mutants as (operator, place).

#include "tests/Mutation/Mutants.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/MathExtras.h"
#include <map>

using namespace mlir;
using namespace nybl;
using namespace nybl::mutation;

StringRef nybl::mutation::name(Target target) {
  constexpr StringRef names[] = {
      "mask", "layout", "data load", "store",  "lane",   "stage",
      "sync", "ring",   "role",      "output", "launch", "wrap",
      "flow", "loop",   "epilogue",  "part",   "tensor", "block"};
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
    addTensorOperators(made);
    addQuantizeOperators(made);
    addDequantizeOperators(made);
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

/// How many operators of a target have places.
static std::map<Target, size_t> countOperators(ArrayRef<Mutant> all) {
  std::map<Target, size_t> count;
  for (const auto &[i, mutant] : llvm::enumerate(all))
    count[mutant.op->target] += i == 0 || all[i - 1].op != mutant.op;
  return count;
}

std::vector<Mutant> nybl::mutation::sample(const std::vector<Mutant> &all,
                                           unsigned perOperator,
                                           unsigned perTarget) {
  std::map<Target, size_t> operatorsOf = countOperators(all);
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
                     : target == Target::Tensor ? 4
                                                : 1;
    size_t count = end - begin;
    // What no lemma speaks of, or what is soon said, needs no more places;
    // half of what roles come to is no kernel.
    bool enough = target == Target::Epilogue || target == Target::Sync ||
                  target == Target::Loop || target == Target::Wrap;
    size_t wanted = enough                   ? 0
                    : target == Target::Role ? 2 * perTarget
                                             : perTarget;
    size_t fair = llvm::divideCeil(wanted, operatorsOf[target]);
    size_t take = std::min(count, std::max<size_t>(share * perOperator, fair));
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
