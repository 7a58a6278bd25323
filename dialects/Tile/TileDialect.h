// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The Tile dialect without its ops; include TileOps.h for those.
#ifndef NYBL_DIALECTS_TILE_TILEDIALECT_H
#define NYBL_DIALECTS_TILE_TILEDIALECT_H

#include "mlir/IR/Dialect.h"

#include "dialects/Tile/TileDialect.h.inc"

#endif // NYBL_DIALECTS_TILE_TILEDIALECT_H
