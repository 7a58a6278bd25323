// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Clone, replace, check: the instance of a template.

#include "dialects/Tile/Instantiate.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "mlir/IR/Verifier.h"

using namespace mlir;
using namespace nybl::tile;

static LogicalResult checkBindings(KernelOp kernel, const Bindings &bindings) {
  for (StringRef param : kernel.getParams().getAsValueRange<StringAttr>())
    if (!bindings.numbers.contains(param))
      return kernel.emitOpError("has a parameter '")
             << param << "' that the schedule does not set";
  for (StringRef dim : kernel.getDims().getAsValueRange<StringAttr>())
    if (dim != freeDimension && !bindings.numbers.contains(dim) &&
        !llvm::is_contained(bindings.free, dim))
      return kernel.emitOpError("has a dimension '")
             << dim << "' that the problem does not have: expected M, N and K";
  for (auto &entry : bindings.numbers) {
    StringRef name = entry.getKey();
    auto declares = [&](ArrayAttr names) {
      return llvm::is_contained(names.getAsValueRange<StringAttr>(), name);
    };
    if (!declares(kernel.getDims()) && !declares(kernel.getParams()))
      return kernel.emitOpError("does not declare '")
             << name << "', which the schedule sets";
  }
  size_t expected = bindings.arguments.size();
  if (kernel.getBody().getNumArguments() != expected)
    return kernel.emitOpError("expected ")
           << expected << " arguments for this problem, got "
           << kernel.getBody().getNumArguments();
  return success();
}

static bool sameSizes(ArrayRef<Attribute> declared,
                      ArrayRef<Attribute> expected) {
  return llvm::equal(declared, expected, [](Attribute a, Attribute b) {
    return a == b || (constantSize(a) && constantSize(a) == constantSize(b));
  });
}

/// True if the declared type says nothing that the operand's type denies. Its
/// sizes must be the operand's: the proof bounds every access by them.
static bool fits(Type declared, Type operand) {
  auto same = [](auto given, auto expected) {
    return !given || given == expected;
  };
  auto matrix = dyn_cast<MatrixType>(operand);
  if (auto given = dyn_cast<MatrixType>(declared); given && matrix)
    return sameSizes(given.getSizes(), matrix.getSizes()) &&
           same(given.getElement(), matrix.getElement());
  auto scales = dyn_cast<ScalesType>(operand);
  if (auto given = dyn_cast<ScalesType>(declared); given && scales)
    return sameSizes(given.getSizes(), scales.getSizes()) &&
           same(given.getElement(), scales.getElement()) &&
           same(given.getBlock(), scales.getBlock()) &&
           same(given.getLayout(), scales.getLayout());
  return declared == operand;
}

static LogicalResult bindArguments(KernelOp kernel, const Bindings &bindings) {
  SmallVector<StringRef> sources;
  for (auto [value, argument] :
       llvm::zip(kernel.getBody().getArguments(), bindings.arguments)) {
    if (!fits(value.getType(), argument.type))
      return kernel.emitOpError("expected argument ")
             << value.getArgNumber() << " to fit operand '" << argument.source
             << "' of the problem, " << argument.type << ", got "
             << value.getType();
    value.setType(argument.type);
    sources.push_back(argument.source);
  }
  Builder builder(kernel.getContext());
  kernel.setSourcesAttr(builder.getStrArrayAttr(sources));
  kernel.removeStaticSourcesAttr(); // a template cannot promise it
  if (!bindings.staticSources.empty())
    kernel.setStaticSourcesAttr(
        builder.getStrArrayAttr(bindings.staticSources));
  return success();
}

static LogicalResult checkRequirements(KernelOp kernel) {
  WalkResult result = kernel.walk([](RequireOp require) -> WalkResult {
    std::optional<int64_t> value = constantSize(require.getExpr());
    if (!value)
      return require.emitOpError(
          "cannot be checked: it names a dimension that is free at launch, "
          "divides by no positive number, or leaves 64 bits");
    if (*value == static_cast<int64_t>(require.getValue()))
      return WalkResult::advance();
    return require.emitOpError("is not met: ")
           << require.getMessage() << " (expected " << require.getValue()
           << ", got " << *value << ")";
  });
  return failure(result.wasInterrupted());
}

FailureOr<KernelOp> nybl::tile::instantiate(OpBuilder &builder,
                                            KernelOp kernelTemplate,
                                            const Bindings &bindings) {
  if (failed(checkBindings(kernelTemplate, bindings)))
    return failure();
  auto kernel = cast<KernelOp>(builder.clone(*kernelTemplate));
  Type i64 = builder.getI64Type();
  AttrTypeReplacer replacer;
  replacer.addReplacement([&](NameAttr name) -> Attribute {
    auto bound = bindings.numbers.find(name.getName().getValue());
    if (bound == bindings.numbers.end())
      return name;
    return IntegerAttr::get(i64, bound->second);
  });
  replacer.recursivelyReplaceElementsIn(kernel, /*replaceAttrs=*/true,
                                        /*replaceLocs=*/false,
                                        /*replaceTypes=*/true);
  // What a template hangs on its ops besides means nothing to anybody here.
  kernel.walk([](Operation *op) {
    op->setDiscardableAttrs(ArrayRef<NamedAttribute>());
  });
  if (bindings.schedule)
    kernel.setScheduleAttr(bindings.schedule);
  if (failed(bindArguments(kernel, bindings)) ||
      failed(checkRequirements(kernel)) || failed(verify(kernel))) {
    kernel.erase();
    return failure();
  }
  return kernel;
}
