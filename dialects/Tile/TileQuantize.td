// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops of Tile that make block-scaled tensors, and elements of them again.
// Blocks are 16 columns.
#ifndef NYBL_DIALECTS_TILE_TILEQUANTIZE_TD
#define NYBL_DIALECTS_TILE_TILEQUANTIZE_TD

def Tile_LoadElementsOp : Tile_Op<"load_elements", [MemoryEffects<[MemRead]>]> {
  let summary = "a tile of bf16, f16 or f32 as f32; past the end: zero";
  let description = [{
    With `half` 0 or 1 the matrix is two of half its columns, side by side: the
    column is counted in that one, which ends where it ends.
  }];
  let arguments = (ins Tile_MatrixType:$matrix, I32:$row, I32:$column,
                       OptionalAttr<ConfinedAttr<I64Attr, [
                           IntMinValue<0>, IntMaxValue<1>]>>:$half);
  let results = (outs Tile_AccType:$result);
  let assemblyFormat = [{
    $matrix `[` $row `,` $column `]` (`half` $half^)? attr-dict `:` type($matrix)
    `->` type($result)
  }];
  let hasVerifier = 1;
}

def Tile_SiluMulOp : Tile_Op<"silu_mul", [Pure]> {
  let summary = "gate / (1 + exp(-gate)) * up, rounded to the type of the elements";
  let description = [{
    Of two loaded tiles, each element rounded once, at the end, to the type that it
    was loaded as. docs/quantize.md has the formula and its exp. `fast` is 0 or 1:
    with 1, exp and the division are the chip's approximations.
  }];
  let arguments = (ins Tile_AccType:$gate, Tile_AccType:$up, AnyAttr:$fast);
  let results = (outs Tile_AccType:$result);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_AmaxOp : Tile_Op<"amax", [Pure]> {
  let summary = "the largest magnitude of each block; NaN where the block has one";
  let arguments = (ins Tile_AccType:$value);
  let results = (outs Tile_AmaxType:$result);
  let assemblyFormat = "$value attr-dict `:` type($value) `->` type($result)";
  let hasVerifier = 1;
}

def Tile_QuantizeOp : Tile_Op<"quantize", [Pure]> {
  let summary = "elements to e2m1 codes and one ue4m3 scale factor for each block";
  let description = [{
    With E the scalar (docs/quantize.md): the scale factor is
    s = e4m3(amax * (E * 1/6)), a code e2m1(x * t) with t = 1 / (s * (1 / E)), all
    of it f32, both conversions saturating and to nearest even. Where s is 0 the
    codes are 0; where a block holds a NaN s is NaN and the codes are 0.

    `fast` is 0 or 1: with 1, 1/6 and both divisions are the chip's approximate
    reciprocals.
  }];
  let arguments = (ins Tile_AccType:$value, Tile_AmaxType:$amax,
                       Tile_ScalarType:$global, AnyAttr:$fast);
  let results = (outs Tile_TileType:$codes, Tile_ScaleTileType:$scales);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_StoreCodesOp : Tile_Op<"store_codes", [MemoryEffects<[MemWrite]>]> {
  let summary = "stores the codes that lie inside, two a byte";
  let arguments = (ins Tile_TileType:$codes, Tile_MatrixType:$matrix, I32:$row,
                       I32:$column);
  let assemblyFormat = [{
    $codes `,` $matrix `[` $row `,` $column `]` attr-dict `:` type($codes) `,`
    type($matrix)
  }];
  let hasVerifier = 1;
}

def Tile_StoreScalesOp : Tile_Op<"store_scales", [MemoryEffects<[MemWrite]>]> {
  let summary = "stores the scale factors that lie inside, and 0 in padding K blocks";
  let description = [{
    `pad_rows` is 0 or 1: with 1, padding rows of the layout become 0 as well,
    else they are not touched.
  }];
  let arguments = (ins Tile_ScaleTileType:$values, Tile_ScalesType:$scales, I32:$row,
                       I32:$column, AnyAttr:$pad_rows);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Tile_DequantizeOp : Tile_Op<"dequantize", [Pure]> {
  let summary = "each code times the scale factor of its block, exact in f32";
  let arguments = (ins Tile_TileType:$codes, Tile_ScaleTileType:$scales);
  let results = (outs Tile_AccType:$result);
  let assemblyFormat = [{
    $codes `,` $scales attr-dict `:` type($codes) `,` type($scales) `->` type($result)
  }];
  let hasVerifier = 1;
}

#endif // NYBL_DIALECTS_TILE_TILEQUANTIZE_TD
