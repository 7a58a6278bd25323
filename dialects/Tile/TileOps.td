// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops of the Tile dialect. Each loads, multiplies, computes element by
// element or stores, or is structure; TileToCta refuses any other op by name.
#ifndef NYBL_DIALECTS_TILE_TILEOPS_TD
#define NYBL_DIALECTS_TILE_TILEOPS_TD

include "dialects/Tile/TileTypes.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/ControlFlowInterfaces.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Tile_Op<string mnemonic, list<Trait> traits = []>
    : Op<Tile_Dialect, mnemonic, traits>;

//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Tile_KernelOp : Tile_Op<"kernel", [
    Symbol, IsolatedFromAbove, SingleBlock, NoTerminator]> {
  let summary = "a kernel template, or an instance of one";
  let description = [{
    `dims` are sizes of the problem, `params` are chosen by the schedule. Every
    name used inside is declared here. An instance keeps the name of M, the
    dimension that is free at launch, and says in `sources` which operand of
    the problem each argument is, and in `static_sources` which of them no grid
    writes that may still run when the kernel begins. The symbol is the kernel's name in PTX: a
    letter, then letters, digits and `_`.

    ```mlir
    tile.kernel @gemm<dims(M, N, K), params(BM, BN, BK)>(
        %A: !tile.matrix<[M, K]>, ...) { ... }
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$dims,
                       StrArrayAttr:$params,
                       OptionalAttr<StrArrayAttr>:$sources,
                       OptionalAttr<StrArrayAttr>:$static_sources,
                       OptionalAttr<AnyAttr>:$schedule);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Tile_RequireOp : Tile_Op<"require"> {
  let summary = "states a limit of the template: expr == value";
  let description = [{
    Checked when the template is instantiated; the message is shown with the
    numbers that broke it.
    `tile.require BK mod 64 == 0, "a K step holds whole scale words"`
  }];
  let arguments = (ins AnyAttr:$expr, I64Attr:$value, StrAttr:$message);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_ParamOp : Tile_Op<"param", [Pure]> {
  let summary = "a dimension or parameter as a value; a constant once bound";
  let arguments = (ins AnyAttr:$size);
  let results = (outs I32:$result);
  let hasCustomAssemblyFormat = 1;
  let hasFolder = 1;
  let hasVerifier = 1;
}

def Tile_ForeachTileOp : Tile_Op<"foreach_tile", [
    SingleBlock, NoTerminator, HasParent<"KernelOp">]> {
  let summary = "does its body once for each tile, in any order, in parallel";
  let description = [{
    The block arguments are the element coordinates of the tile's first row and
    column. Bodies of different tiles must not depend on each other.
  }];
  let arguments = (ins ArrayAttr:$extents, ArrayAttr:$steps);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_YieldOp : Tile_Op<"yield", [Pure, Terminator, ReturnLike,
                                     ParentOneOf<["AccumulateOp", "MapOp"]>]> {
  let summary = "ends the body of an accumulate or a map";
  let arguments = (ins Variadic<AnyType>:$values);
  let assemblyFormat = "$values attr-dict `:` type($values)";
}

def Tile_AccumulateOp : Tile_Op<"accumulate", [
    SingleBlock]> {
  let summary = "walks K in ascending steps and carries accumulators";
  let description = [{
    The first block argument is the element coordinate of the step. The last
    step may be partial: loads give zero past K. `stages` is how many steps may
    be in flight, a hint to the schedule.
  }];
  let arguments = (ins AnyAttr:$extent, AnyAttr:$step, AnyAttr:$stages,
                       Variadic<Tile_AccType>:$inits);
  let results = (outs Variadic<Tile_AccType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Load
//===----------------------------------------------------------------------===//

def Tile_LoadOp : Tile_Op<"load", [MemoryEffects<[MemRead]>]> {
  let summary = "a tile of a matrix; rows and columns past its end are zero";
  let arguments = (ins Tile_MatrixType:$matrix, I32:$row, I32:$column);
  let results = (outs Tile_TileType:$result);
  let assemblyFormat = [{
    $matrix `[` $row `,` $column `]` attr-dict `:` type($matrix) `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_LoadScalesOp : Tile_Op<"load_scales", [MemoryEffects<[MemRead]>]> {
  let summary = "the scale factors of a tile; past the last row or K block: zero";
  let description = [{
    Zero whatever the padding of the tensor holds: this is what the proof is
    about (docs/trust.md).
  }];
  let arguments = (ins Tile_ScalesType:$scales, I32:$row, I32:$column);
  let results = (outs Tile_ScaleTileType:$result);
  let assemblyFormat = [{
    $scales `[` $row `,` $column `]` attr-dict `:` type($scales) `->` type($result)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Dot
//===----------------------------------------------------------------------===//

def Tile_ZerosOp : Tile_Op<"zeros", [Pure]> {
  let summary = "an accumulator of zeros";
  let results = (outs Tile_AccType:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Tile_DotScaledOp : Tile_Op<"dot_scaled", [Pure,
    AllTypesMatch<["acc", "result"]>]> {
  let summary = "acc + (a * sa) * (b * sb)^T, in f32 or better";
  let description = [{
    a is [BM, BK], b is [BN, BK], acc is [BM, BN]. Partial sums follow the
    chip's multiply (docs/trust.md, axioms); K ascends in steps of 64.
  }];
  let arguments = (ins Tile_TileType:$a, Tile_ScaleTileType:$sa, Tile_TileType:$b,
                       Tile_ScaleTileType:$sb, Tile_AccType:$acc);
  let results = (outs Tile_AccType:$result);
  let assemblyFormat = [{
    $a `,` $sa `,` $b `,` $sb `,` $acc attr-dict `:` type($a) `,` type($sa) `,`
    type($b) `,` type($sb) `,` type($acc)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Elementwise and Store
//===----------------------------------------------------------------------===//

def Tile_MapOp : Tile_Op<"map", [Pure,
    SingleBlock]> {
  let summary = "computes each element of a tile from the same element of others";
  let description = [{
    Operands are accumulators of one shape, or scalars of the kernel (the same
    value for each element). The body is `arith` on f32 and i1; it may use
    constants from outside, and nothing else.
  }];
  let arguments = (ins Variadic<AnyTypeOf<[Tile_AccType, Tile_ScalarType]>>:$operands);
  let results = (outs Tile_AccType:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    $operands `:` type($operands) `->` type($result) $body attr-dict
  }];
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
}

def Tile_StoreOp : Tile_Op<"store", [MemoryEffects<[MemWrite]>]> {
  let summary = "rounds once, to nearest even, and stores what lies inside";
  let arguments = (ins Tile_AccType:$value, Tile_MatrixType:$matrix, I32:$row,
                       I32:$column);
  let assemblyFormat = [{
    $value `,` $matrix `[` $row `,` $column `]` attr-dict `:` type($value) `,`
    type($matrix)
  }];
  let hasVerifier = 1;
}

include "dialects/Tile/TileQuantize.td"

#endif // NYBL_DIALECTS_TILE_TILEOPS_TD
