// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From a template to a kernel for one problem class: names become numbers.
#ifndef NYBL_DIALECTS_TILE_INSTANTIATE_H
#define NYBL_DIALECTS_TILE_INSTANTIATE_H

#include "dialects/Tile/TileOps.h"
#include "llvm/ADT/StringMap.h"

namespace nybl::tile {

/// What an instance binds.
struct Bindings {
  /// Dimensions and parameters that are numbers now. M, left out, stays free at
  /// launch, and so does what `free` names; any other name left out is an
  /// error.
  llvm::StringMap<int64_t> numbers;
  llvm::SmallVector<llvm::StringRef> free;
  /// For each argument of the kernel, in order: which operand of the problem it
  /// is ("a", "sfa", ...) and the type that operand has. The template declares
  /// the same sizes; what else it leaves out of its type is filled in.
  struct Argument {
    std::string source;
    mlir::Type type;
  };
  llvm::SmallVector<Argument> arguments;
  /// Of these sources, those that are whole before the kernel begins.
  llvm::SmallVector<llvm::StringRef> staticSources;
  mlir::Attribute schedule; ///< kept on the kernel, opaque to Tile
};

/// Clones `kernelTemplate` at the builder's insertion point with the bindings
/// applied, checks every tile.require and verifies the instance. Errors are
/// diagnostics at the op that is wrong or states the limit.
mlir::FailureOr<KernelOp> instantiate(mlir::OpBuilder &builder,
                                      KernelOp kernelTemplate,
                                      const Bindings &bindings);

} // namespace nybl::tile

#endif // NYBL_DIALECTS_TILE_INSTANTIATE_H
