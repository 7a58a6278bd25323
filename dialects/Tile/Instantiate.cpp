// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Clone, replace, check: the instance of a template.

#include "dialects/Tile/Instantiate.h"
#include "mlir/IR/AttrTypeSubElements.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace nybl::tile;

static LogicalResult checkBindings(KernelOp kernel, const Bindings &bindings) {
  for (StringRef param : kernel.getParams().getAsValueRange<StringAttr>())
    if (!bindings.numbers.contains(param))
      return kernel.emitOpError("has a parameter '")
             << param << "' that the schedule does not set";
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

/// The bound type of one argument, or null where its kind does not fit.
static Type bindArgument(Type type, const Bindings::Argument &argument) {
  MLIRContext *context = type.getContext();
  return TypeSwitch<Type, Type>(type)
      .Case([&](MatrixType matrix) -> Type {
        if (argument.block || !argument.element)
          return {};
        return MatrixType::get(context, matrix.getSizes(), argument.element);
      })
      .Case([&](ScalesType scales) -> Type {
        if (!argument.block)
          return {};
        return ScalesType::get(context, scales.getSizes(), argument.element,
                               argument.block,
                               StringAttr::get(context, argument.layout));
      })
      .Case([&](ScalarType scalar) -> Type {
        return scalar.getElement() == argument.element ? scalar : Type();
      })
      .Default([](Type) { return Type(); });
}

static LogicalResult bindArguments(KernelOp kernel, const Bindings &bindings) {
  SmallVector<StringRef> sources;
  for (auto [value, argument] :
       llvm::zip(kernel.getBody().getArguments(), bindings.arguments)) {
    Type bound = bindArgument(value.getType(), argument);
    if (!bound)
      return kernel.emitOpError("expected argument ")
             << value.getArgNumber() << " to fit operand '" << argument.source
             << "' of the problem, got " << value.getType();
    value.setType(bound);
    sources.push_back(argument.source);
  }
  kernel.setSourcesAttr(Builder(kernel.getContext()).getStrArrayAttr(sources));
  return success();
}

static LogicalResult checkRequirements(KernelOp kernel) {
  WalkResult result = kernel.walk([](RequireOp require) -> WalkResult {
    std::optional<int64_t> value = constantSize(require.getExpr());
    if (!value)
      return require.emitOpError(
          "cannot be checked: it names a dimension that is free at launch");
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
  if (bindings.schedule)
    kernel.setScheduleAttr(bindings.schedule);
  if (failed(bindArguments(kernel, bindings)) ||
      failed(checkRequirements(kernel))) {
    kernel.erase();
    return failure();
  }
  return kernel;
}
