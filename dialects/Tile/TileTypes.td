// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Sizes (numbers, names and expressions over names) and the types that carry
// them.
#ifndef NYBL_DIALECTS_TILE_TILETYPES_TD
#define NYBL_DIALECTS_TILE_TILETYPES_TD

include "dialects/Tile/TileDialect.td"
include "mlir/IR/EnumAttr.td"

class Tile_Attr<string name, string attrMnemonic> : AttrDef<Tile_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Tile_NameAttr : Tile_Attr<"Name", "name"> {
  let summary = "a dimension or parameter of the template, not yet a number";
  let parameters = (ins "::mlir::StringAttr":$name);
  let assemblyFormat = "`<` $name `>`";
}

def Tile_ExprKind : I32EnumAttr<"ExprKind", "operation of a size expression", [
  I32EnumAttrCase<"Add", 0, "add">, I32EnumAttrCase<"Sub", 1, "sub">,
  I32EnumAttrCase<"Mul", 2, "mul">, I32EnumAttrCase<"FloorDiv", 3, "floordiv">,
  I32EnumAttrCase<"Mod", 4, "mod">]> {
  let cppNamespace = "::nybl::tile";
  let genSpecializedAttr = 0;
}

def Tile_ExprAttr : Tile_Attr<"Expr", "expr"> {
  let summary = "lhs op rhs, each a number, a name or an expression";
  let parameters = (ins EnumParameter<Tile_ExprKind>:$kind,
                        "::mlir::Attribute":$lhs, "::mlir::Attribute":$rhs);
  let assemblyFormat = "`<` $kind `,` $lhs `,` $rhs `>`";
  let genVerifyDecl = 1;
}

class Tile_Type<string name, string typeMnemonic> : TypeDef<Tile_Dialect, name> {
  let mnemonic = typeMnemonic;
}

// The size list [M, K], rows and columns; entries are IntegerAttr (i64),
// NameAttr or ExprAttr.
def Tile_SizesParameter : ArrayRefParameter<"::mlir::Attribute", "sizes"> {
  let parser = "::nybl::tile::parseSizes($_parser)";
  let printer = "::nybl::tile::printSizes($_printer, $_self)";
}

def Tile_MatrixType : Tile_Type<"Matrix", "matrix"> {
  let summary = "a matrix in global memory, rows x columns, columns contiguous";
  let description = [{
    The element type is bound by `instantiate`; f4E2M1FN is packed two a byte,
    the even column in the low nibble.
    `!tile.matrix<[M, 384], f4E2M1FN>`
  }];
  let parameters = (ins Tile_SizesParameter:$sizes,
                        OptionalParameter<"::mlir::Type">:$element);
  let assemblyFormat = "`<` $sizes (`,` $element^)? `>`";
  let genVerifyDecl = 1;
}

def Tile_ScalesType : Tile_Type<"Scales", "scales"> {
  let summary = "the scale factors of a matrix: one per row and `block` columns";
  let description = [{
    Sizes are those of the matrix (in elements), not of the scales. The layout
    (runtime/Abi/ScaleLayout.h) and the block are bound by `instantiate`.
    `!tile.scales<[M, 384], f8E4M3FN per 16 in "128x4">`
  }];
  let parameters = (ins Tile_SizesParameter:$sizes,
                        OptionalParameter<"::mlir::Type">:$element,
                        OptionalParameter<"int64_t">:$block,
                        OptionalParameter<"::mlir::StringAttr">:$layout);
  let assemblyFormat =
      "`<` $sizes (`,` $element^ `per` $block `in` $layout)? `>`";
  let genVerifyDecl = 1;
}

def Tile_ScalarType : Tile_Type<"Scalar", "scalar"> {
  let summary = "one number that is read when the kernel runs";
  let parameters = (ins "::mlir::Type":$element);
  let assemblyFormat = "`<` $element `>`";
}

def Tile_TileType : Tile_Type<"Tile", "tile"> {
  let summary = "a tile of a matrix, loaded";
  let parameters = (ins Tile_SizesParameter:$sizes);
  let assemblyFormat = "`<` $sizes `>`";
  let genVerifyDecl = 1;
}

def Tile_ScaleTileType : Tile_Type<"ScaleTile", "scale_tile"> {
  let summary = "the scale factors of a tile; [BM, BK] holds BK / block a row";
  let parameters = (ins Tile_SizesParameter:$sizes);
  let assemblyFormat = "`<` $sizes `>`";
  let genVerifyDecl = 1;
}

def Tile_AccType : Tile_Type<"Acc", "acc"> {
  let summary = "a tile of f32, in registers or tensor memory";
  let parameters = (ins Tile_SizesParameter:$sizes);
  let assemblyFormat = "`<` $sizes `>`";
  let genVerifyDecl = 1;
}

def Tile_AmaxType : Tile_Type<"Amax", "amax"> {
  let summary = "the largest magnitude of each block of a tile, in f32";
  let parameters = (ins Tile_SizesParameter:$sizes);
  let assemblyFormat = "`<` $sizes `>`";
  let genVerifyDecl = 1;
}

#endif // NYBL_DIALECTS_TILE_TILETYPES_TD
