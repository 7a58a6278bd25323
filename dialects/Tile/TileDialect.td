// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Tile dialect: HOW a product is computed, tile by tile, as a person would
// say it. Templates (templates/*.mlir) are written in it.
#ifndef NYBL_DIALECTS_TILE_TILEDIALECT_TD
#define NYBL_DIALECTS_TILE_TILEDIALECT_TD

include "mlir/IR/OpBase.td"
include "mlir/IR/AttrTypeBase.td"

def Tile_Dialect : Dialect {
  let name = "tile";
  let cppNamespace = "::nybl::tile";
  let summary = "kernels as tiles: load, multiply, map, store";
  let description = [{
    A `tile.kernel` is a template: its sizes are names until `instantiate`
    replaces them by numbers. Loads past the last row or K block give zero, a
    store past the last row or column stores nothing; so a template has no
    tails to get wrong.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
}

#endif // NYBL_DIALECTS_TILE_TILEDIALECT_TD
