// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops of Cta that make block-scaled tensors, or elements of them again: a
// thread does whole blocks of 16 elements.
#ifndef NYBL_DIALECTS_CTA_CTAQUANTIZE_TD
#define NYBL_DIALECTS_CTA_CTAQUANTIZE_TD

def Cta_LoadElementsOp : Cta_Op<"load_elements", [GlobalAccess, MemoryEffects<[MemRead]>]> {
  let summary = "16 bytes of a matrix as f32 elements where the guard holds, else zeros";
  let description = [{
    `element` is bf16, f16 or f32; a narrow one is widened, exactly. Four or eight
    results.
  }];
  let arguments = (ins Cta_MatrixType:$base, I64:$offset, I1:$guard, TypeAttr:$element);
  let results = (outs Variadic<F32>:$values);
  let assemblyFormat = [{
    $base `[` $offset `]` `if` $guard `as` $element attr-dict `:` type($base) `->` type($values)
  }];
  let hasVerifier = 1;
}

def Cta_SiluMulOp : Cta_Op<"silu_mul", [Pure]> {
  let summary = "as tile.silu_mul: gate / (1 + exp(-gate)) * up as `element`";
  let description = [{
    f32 throughout, rounded at the end to `element`, which is widened again.
    `%y = cta.silu_mul %gate, %up as bf16 fast`
  }];
  let arguments = (ins F32:$gate, F32:$up, TypeAttr:$element, UnitAttr:$fast);
  let results = (outs F32:$result);
  let assemblyFormat = "$gate `,` $up `as` $element (`fast` $fast^)? attr-dict";
  let hasVerifier = 1;
}

def Cta_QuantizeOp : Cta_Op<"quantize", [Pure]> {
  let summary = "a block of 16 elements to 16 codes and a scale factor";
  let description = [{
    As tile.amax and tile.quantize say, `by` the global scale E. Code i stands in
    bits 4i to 4i + 3.
  }];
  let arguments = (ins Variadic<F32>:$values, F32:$global, UnitAttr:$fast);
  let results = (outs I64:$codes, Cta_ScaleType:$scale);
  let assemblyFormat = "`(` $values `)` `by` $global (`fast` $fast^)? attr-dict";
  let hasVerifier = 1;
}

def Cta_StoreCodesOp : Cta_Op<"store_codes", [GlobalWrite, MemoryEffects<[MemWrite]>]> {
  let summary = "the 16 codes of a block, 8 bytes of a matrix, where the guard holds";
  let arguments = (ins I64:$codes, Cta_MatrixType:$base, I64:$offset, I1:$guard);
  let assemblyFormat = [{
    $codes `,` $base `[` $offset `]` `if` $guard attr-dict `:` type($base)
  }];
}

def Cta_StoreFactorOp : Cta_Op<"store_factor", [GlobalWrite, MemoryEffects<[MemWrite]>]> {
  let summary = "one scale factor of a tensor, where the guard holds";
  let arguments = (ins Cta_ScaleType:$value, Cta_ScalesType:$base, I64:$offset, I1:$guard);
  let assemblyFormat = [{
    $value `,` $base `[` $offset `]` `if` $guard attr-dict `:` type($base)
  }];
}

def Cta_ClearFactorOp : Cta_Op<"clear_factor", [GlobalWrite, MemoryEffects<[MemWrite]>]> {
  let summary = "a padding byte of a tensor of scale factors becomes 0, where the guard holds";
  let arguments = (ins Cta_ScalesType:$base, I64:$offset, I1:$guard);
  let assemblyFormat = "$base `[` $offset `]` `if` $guard attr-dict `:` type($base)";
}

def Cta_DequantizeOp : Cta_Op<"dequantize", [Pure]> {
  let summary = "the 16 codes of a block, each times its scale factor";
  let description = [{
    Code i stands in bits 4i to 4i + 3, the element that it says in result i, exact
    in f32. Of a factor that is NaN all are.
  }];
  let arguments = (ins I64:$codes, Cta_ScaleType:$scale);
  let results = (outs Variadic<F32>:$values);
  let assemblyFormat = "$codes `by` $scale attr-dict `:` type($values)";
  let hasVerifier = 1;
}

def Cta_StoreElementsOp : Cta_Op<"store_elements", [GlobalWrite, MemoryEffects<[MemWrite]>]> {
  let summary = "f32 elements as 16 bytes of a matrix, where the guard holds";
  let description = [{
    `element` is bf16, f16 or f32, to which each is rounded, to nearest even. Four or
    eight values.
  }];
  let arguments = (ins Variadic<F32>:$values, Cta_MatrixType:$base, I64:$offset,
                       I1:$guard, TypeAttr:$element);
  let assemblyFormat = [{
    `(` $values `)` `as` $element `,` $base `[` $offset `]` `if` $guard attr-dict
    `:` type($base)
  }];
  let hasVerifier = 1;
}

#endif // NYBL_DIALECTS_CTA_CTAQUANTIZE_TD
