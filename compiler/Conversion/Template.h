// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A template's text, from a user we know nothing of, as a module.
#ifndef NYBL_COMPILER_CONVERSION_TEMPLATE_H
#define NYBL_COMPILER_CONVERSION_TEMPLATE_H

#include "dialects/Tile/TileOps.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/OwningOpRef.h"

namespace nybl::compiler {

/// A template is a page of text. These bounds are far beyond that, and low
/// enough that nothing which walks the text or its ops runs long or deep.
constexpr size_t maxTemplateBytes = 1 << 20;
constexpr unsigned maxTemplateNesting = 64, maxTemplateOps = 1024;

/// What a text may hold at most, and what it is called.
struct TextBounds {
  const char *what; ///< "template"
  unsigned ops;
};

/// Parses and verifies `text`, of at most maxTemplateBytes and
/// maxTemplateNesting. Errors as of parseTemplate.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
parseBounded(mlir::Operation *user, llvm::StringRef text,
             const TextBounds &bounds);

/// Parses and verifies `text`. An error is a diagnostic: with the line of the
/// template where it has one, else at `user`, the op it is wanted for.
mlir::FailureOr<mlir::OwningOpRef<mlir::ModuleOp>>
parseTemplate(mlir::Operation *user, llvm::StringRef text);

/// The one kernel of a template's module.
mlir::FailureOr<tile::KernelOp> findKernel(mlir::ModuleOp module);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_TEMPLATE_H
