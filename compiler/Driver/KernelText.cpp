// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bounds, parser, and a comparison with the kernel the problem gets otherwise.

#include "compiler/Driver/KernelText.h"
#include "compiler/Conversion/Template.h"
#include "llvm/Support/JSON.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// Several times what the largest schedule unrolls to.
static constexpr unsigned maxKernelOps = 1 << 15;

/// Of the elements that an op stores; null: it stores none.
static Type storedElement(Operation *op) {
  if (auto store = dyn_cast<cta::StoreOp>(op))
    return store.getValue().getType();
  auto store = dyn_cast<cta::StoreElementsOp>(op);
  return store ? store.getElement() : Type();
}

static Type storedType(cta::KernelOp kernel) {
  Type type;
  kernel.walk([&](Operation *op) {
    if (Type element = storedElement(op))
      type = element;
  });
  return type;
}

/// A load knows its elements only by its own word.
static LogicalResult checkLoads(cta::KernelOp kernel, cta::KernelOp reference) {
  Type expected;
  reference.walk(
      [&](cta::LoadElementsOp load) { expected = load.getElement(); });
  WalkResult result = kernel.walk([&](cta::LoadElementsOp load) -> WalkResult {
    if (load.getElement() == expected)
      return success();
    if (!expected)
      return load.emitError("has no place in the kernel of this problem");
    return load.emitError("expected elements of ")
           << expected << ", as the problem says, got " << load.getElement();
  });
  return failure(result.wasInterrupted());
}

/// A store knows its element only by its own word, or by the value it stores.
static LogicalResult checkStores(cta::KernelOp kernel, Type expected) {
  WalkResult result = kernel.walk([&](Operation *op) -> WalkResult {
    Type element = storedElement(op);
    if (!element || element == expected)
      return success();
    return op->emitError("expected elements of ")
           << expected << ", as the problem says, got " << element;
  });
  return failure(result.wasInterrupted());
}

LogicalResult nybl::compiler::checkOperands(cta::KernelOp kernel,
                                            cta::KernelOp reference) {
  if (kernel.getSources() != reference.getSources())
    return kernel.emitError("expected the arguments ")
           << reference.getSources() << ", as the problem has them, got "
           << kernel.getSources();
  if (kernel.getStaticSourcesAttr() != reference.getStaticSourcesAttr())
    return kernel.emitError("expected ")
           << (reference.getStaticSources() ? "\"b\" and \"sfb\" as static"
                                            : "no operands as static")
           << ", as `weights` of the problem says";
  for (auto [argument, expected] : llvm::zip_equal(
           kernel.getBody().getArguments(), reference.getBody().getArguments()))
    if (argument.getType() != expected.getType())
      return kernel.emitError("expected '")
             << kernel.sourceOf(argument) << "' to be " << expected.getType()
             << ", as the problem says, got " << argument.getType();
  if (failed(checkLoads(kernel, reference)))
    return failure();
  return checkStores(kernel, storedType(reference));
}

FailureOr<OwningOpRef<ModuleOp>> nybl::compiler::parseKernel(ModuleOp user,
                                                             StringRef text) {
  FailureOr<OwningOpRef<ModuleOp>> module =
      parseBounded(user, text, {"kernel", maxKernelOps});
  if (failed(module))
    return failure();
  Block *body = (*module)->getBody();
  auto kernel =
      body->empty() ? cta::KernelOp() : dyn_cast<cta::KernelOp>(body->front());
  if (!kernel || !llvm::hasSingleElement(*body))
    return (*module)->emitError(
        "expected one cta.kernel and nothing else, as `nybl compile --emit "
        "cta` gives it");
  return module;
}

std::string nybl::compiler::toJson(const Counterexample &c) {
  auto orNull = [](int64_t number) {
    return number < 0 ? llvm::json::Value(nullptr) : llvm::json::Value(number);
  };
  llvm::json::Object object{
      {"lemma", c.lemma},         {"operand", nullptr},
      {"m", orNull(c.rows)},      {"tile", orNull(c.tile)},
      {"k_step", orNull(c.step)}, {"thread", orNull(c.thread)},
      {"row", orNull(c.row)},     {"byte", orNull(c.byte)}};
  if (!c.operand.empty())
    object["operand"] = c.operand;
  std::string text;
  llvm::raw_string_ostream(text) << llvm::json::Value(std::move(object));
  return text;
}
