// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bounds first, then MLIR's parser.

#include "compiler/Conversion/Template.h"
#include "mlir/Bytecode/BytecodeReader.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/MemoryBufferRef.h"

using namespace mlir;
using namespace nybl;
using namespace nybl::compiler;

/// The text after a string or comment that `text` begins with, or all of it.
static StringRef skipOpaque(StringRef text) {
  if (text.starts_with("//"))
    return text.drop_while([](char c) { return c != '\n'; });
  if (!text.starts_with("\""))
    return text;
  for (text = text.drop_front(); !text.empty(); text = text.drop_front()) {
    if (text.front() == '"')
      return text.drop_front();
    if (text.front() == '\\')
      text = text.drop_front();
    if (text.empty())
      break;
  }
  return text;
}

/// How deep brackets nest. MLIR's parser calls itself for each level and has no
/// limit of its own.
static unsigned nestingOf(StringRef text) {
  unsigned depth = 0, deepest = 0;
  while (!text.empty()) {
    StringRef rest = skipOpaque(text);
    if (rest.size() != text.size()) {
      text = rest;
      continue;
    }
    char c = text.front();
    if (text.starts_with("->"))
      text = text.drop_front();
    else if (StringRef("([{<").contains(c))
      deepest = std::max(deepest, ++depth);
    else if (StringRef(")]}>").contains(c))
      depth -= depth > 0;
    text = text.drop_front();
  }
  return deepest;
}

FailureOr<OwningOpRef<ModuleOp>>
nybl::compiler::parseBounded(Operation *user, StringRef text,
                             const TextBounds &bounds) {
  StringRef what = bounds.what;
  if (text.size() > maxTemplateBytes)
    return user->emitError("expected a ")
           << what << " of at most " << maxTemplateBytes << " bytes, got "
           << text.size();
  if (isBytecode(llvm::MemoryBufferRef(text, what)))
    return user->emitError("expected a ")
           << what << " as text, got MLIR bytecode";
  if (unsigned nesting = nestingOf(text); nesting > maxTemplateNesting)
    return user->emitError("expected a ")
           << what << " whose brackets nest at most " << maxTemplateNesting
           << " deep, got " << nesting;
  ParserConfig config(user->getContext());
  OwningOpRef<ModuleOp> module =
      parseSourceString<ModuleOp>(text, config, what);
  if (!module)
    return failure();
  unsigned ops = 0;
  module->walk([&](Operation *) { ++ops; });
  if (ops > bounds.ops)
    return user->emitError("expected a ")
           << what << " of at most " << bounds.ops << " ops, got " << ops;
  return module;
}

FailureOr<OwningOpRef<ModuleOp>> nybl::compiler::parseTemplate(Operation *user,
                                                               StringRef text) {
  return parseBounded(user, text, {"template", maxTemplateOps});
}

FailureOr<tile::KernelOp> nybl::compiler::findKernel(ModuleOp module) {
  auto kernels = llvm::to_vector(module.getOps<tile::KernelOp>());
  if (kernels.size() == 1)
    return kernels.front();
  return module.emitError("expected a template with one tile.kernel, got ")
         << kernels.size();
}
