// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Multiplies whose accumulators lie in tensor memory (tcgen05): 128 lanes of so
// many columns of 32 bits. A group of four warps has a tile; one of its threads
// asks for copies and multiplies, which go on by themselves.
#ifndef NYBL_DIALECTS_CTA_CTATENSOR_TD
#define NYBL_DIALECTS_CTA_CTATENSOR_TD

def Cta_TensorColumnsType : Cta_Type<"TensorColumns", "tensor_columns"> {
  let summary = "columns of tensor memory that hold accumulators";
  let description = "The accumulator of row m, column n lies in lane m of column n.";
  let parameters = (ins "int64_t":$columns);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` $columns `>`";
}

def Cta_ScaleColumnsType : Cta_Type<"ScaleColumns", "scale_columns"> {
  let summary = "columns of tensor memory that hold scale factors";
  let parameters = (ins "int64_t":$columns);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` $columns `>`";
}

def Cta_DescriptorType : Cta_Type<"Descriptor", "descriptor"> {
  let summary = "a tile in shared memory, as multiplies read it";
  let description = [{
    `rows` rows of `bytes` bytes, one after the other, swizzled over `bytes`
    bytes as in !cta.tensor_map.
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$bytes);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` $rows `,` $bytes `>`";
}

class Cta_Token<string name, string mnemonic> : Cta_Type<name, mnemonic> {
  let builderCall = "$_builder.getType<::nybl::cta::" # name # "Type>()";
}

def Cta_TensorScalesType : Cta_Token<"TensorScales", "tensor_scales"> {
  let summary = "scale factors in tensor memory; only a multiply takes them";
}

def Cta_TensorAccType : Cta_Token<"TensorAcc", "tensor_acc"> {
  let summary = "what multiplies have added up so far, in their columns";
  let description = "It is used once: the next multiply writes over it.";
}

def Cta_TensorSumType : Cta_Token<"TensorSum", "tensor_sum"> {
  let summary = "what multiplies have added up, once the ring's iteration is whole";
}

//===----------------------------------------------------------------------===//
// Places
//===----------------------------------------------------------------------===//

def Cta_TensorAllocOp : Cta_Op<"tensor_alloc", [HasParent<"KernelOp">]> {
  let summary = "columns of tensor memory, in each slot of a ring";
  let description = [{
    `memory` and `column`, where they lie, are set when the kernel is lowered.
  }];
  let arguments = (ins Cta_RingType:$ring, Optional<I32>:$memory,
                       OptionalAttr<I64Attr>:$column);
  let results = (outs AnyTypeOf<[Cta_TensorColumnsType, Cta_ScaleColumnsType]>:$result);
  let assemblyFormat = "`in` $ring (`of` $memory^)? attr-dict `:` type($result)";
  let extraClassDeclaration = [{
    /// Of one slot.
    int64_t getColumns();
  }];
}

def Cta_TensorOpenOp : Cta_Op<"tensor_open", [HasParent<"KernelOp">]> {
  let summary = "the CTA gets columns of tensor memory; made when a kernel is lowered";
  let arguments = (ins I64Attr:$columns);
  let results = (outs I32:$memory);
  let assemblyFormat = "$columns attr-dict";
}

def Cta_TensorCloseOp : Cta_Op<"tensor_close", [HasParent<"KernelOp">]> {
  let summary = "all threads are done with tensor memory, which is given back; made when a kernel is lowered";
  let arguments = (ins I32:$memory, I64Attr:$columns);
  let assemblyFormat = "$memory `,` $columns attr-dict";
}

def Cta_SmemDescOp : Cta_Op<"smem_desc", [StageRead, MemoryEffects<[MemRead]>]> {
  let summary = "all of a slot, for multiplies to read";
  let arguments = (ins Cta_StageType:$stage, I32:$iteration);
  let results = (outs Cta_DescriptorType:$result);
  let assemblyFormat = "$stage `at` $iteration attr-dict `:` type($stage) `->` type($result)";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// What one thread asks for
//===----------------------------------------------------------------------===//
//
// The one thread of the group for which `mine` holds, or another of its warp in
// its place; the same for all of them. What it asks for is done in its order:
// a copy before the multiplies behind it, a multiply before the next one.
//
// In a kernel that is run by pairs the CTA of rank 0 asks for both, once the
// other has handed its slot over (cta.pair_wait): a copy is made in each of
// them, from its own slot to its own columns; a multiply is of the rows of a,
// and of those of b, that both have, the second one's behind the first one's,
// and leaves each the accumulators of its own rows of a; what is released or
// published is so in both.

def Cta_TensorCopyOp : Cta_Op<"tensor_copy", [StageRead, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "all scale factors of a slot into the slot's columns";
  let description = [{
    512 bytes for each four columns (tcgen05.cp .32x128b.warpx4): byte 16 * r + 4 *
    c + b goes to byte b of column c in the lanes r, r + 32, r + 64, r + 96.
  }];
  let arguments = (ins Cta_ScaleStageType:$stage, I32:$iteration,
                       Cta_ScaleColumnsType:$columns, I1:$mine);
  let results = (outs Cta_TensorScalesType:$result);
  let assemblyFormat = [{
    $stage `at` $iteration `,` $columns `when` $mine attr-dict `:`
    type($stage) `,` type($columns)
  }];
  let hasVerifier = 1;
}

def Cta_TensorZeroOp : Cta_Op<"tensor_zero", [Pure]> {
  let summary = "nothing is added up yet: zero";
  let results = (outs Cta_TensorAccType:$result);
  let assemblyFormat = "attr-dict";
}

def Cta_TensorMmaOp : Cta_Op<"tensor_mma"> {
  let summary = "128 x N x 64 e2m1 multiply with one ue4m3 scale per 16 elements of K";
  let description = [{
    Of both tiles bytes 32 * `step` to 32 * `step` + 31 of each row (tcgen05.mma
    .kind::mxf4nvf4 .scale_vec::4X); by a pair, 256 x N x 64. Row r has its four scale factors in
    bytes 0 to 3 of lane r mod 32 of its scales' columns, in column `step` * 4 *
    ceil(rows / 128) + r div 32: each step begins with a copy of 512 bytes.
  }];
  let arguments = (ins Cta_DescriptorType:$a, Cta_TensorScalesType:$sa,
                       Cta_DescriptorType:$b, Cta_TensorScalesType:$sb,
                       Cta_TensorAccType:$acc, Cta_TensorColumnsType:$columns,
                       I32:$iteration, I64Attr:$step, I1:$mine);
  let results = (outs Cta_TensorAccType:$result);
  let assemblyFormat = [{
    $a `scaled` $sa `,` $b `scaled` $sb `,` $acc `in` $columns `at` $iteration
    `step` $step `when` $mine attr-dict `:` type($a) `,` type($b) `,` type($columns)
  }];
  let extraClassDeclaration = [{
    /// One for each row of b, of both CTAs where a pair multiplies.
    int64_t getColumnCount();
  }];
  let hasVerifier = 1;
}

class Cta_PairStep<string mnemonic> : Cta_Op<mnemonic> {
  let assemblyFormat = "$ring `[` $iteration `]` (`when` $mine^)? attr-dict";
  let arguments = (ins Cta_RingType:$ring, I32:$iteration, Optional<I1>:$mine);
}

def Cta_PairWaitOp : Cta_PairStep<"pair_wait"> {
  let summary = "the slot of an iteration is whole in both CTAs of the pair";
  let description = [{
    Of what this thread has waited for: the CTA of rank 1 hands it over here, and
    that of rank 0 waits for it. With its slot a CTA hands over the columns that
    it has acquired.
  }];
  let hasVerifier = 1;
}

def Cta_PairArriveOp : Cta_PairStep<"pair_arrive"> {
  let summary = "cta.pair_wait of the CTA of rank 1; made when a kernel is lowered";
}

def Cta_PairMeetOp : Cta_Op<"pair_meet", [HasParent<"KernelOp">]> {
  let summary = "all threads of both CTAs of a pair meet; made when a kernel is lowered";
  let assemblyFormat = "attr-dict";
}

def Cta_TensorReleaseOp : Cta_Op<"tensor_release"> {
  let summary = "the slot is free once all copies and multiplies that were asked for are over";
  let description = "cta.ring_release where multiplies read the slot by themselves (tcgen05.commit).";
  let arguments = (ins Cta_RingType:$ring, I32:$iteration, I1:$mine);
  let assemblyFormat = "$ring `[` $iteration `]` `when` $mine attr-dict";
  let hasVerifier = 1;
}

def Cta_TensorPublishOp : Cta_Op<"tensor_publish"> {
  let summary = "the iteration is whole once all multiplies that were asked for are over";
  let arguments = (ins Cta_RingType:$ring, I32:$iteration, Cta_TensorAccType:$acc, I1:$mine);
  let results = (outs Cta_TensorSumType:$result);
  let assemblyFormat = "$ring `[` $iteration `]` `,` $acc `when` $mine attr-dict";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// What all threads of the group do
//===----------------------------------------------------------------------===//

def Cta_TensorLoadOp : Cta_Op<"tensor_load", [MemoryEffects<[MemRead]>]> {
  let summary = "accumulators of a thread's row: those of some columns, one after the other";
  let description = [{
    Thread t of the group gets row t, columns `first` and on: 1, 2, 4, ... 64
    (tcgen05.ld .32x32b).
  }];
  let arguments = (ins Cta_TensorSumType:$sum, Cta_TensorColumnsType:$columns,
                       I32:$iteration, I64Attr:$first);
  let results = (outs Variadic<F32>:$values);
  let assemblyFormat = [{
    $sum `in` $columns `at` $iteration `from` $first attr-dict `:` type($columns)
    `->` type($values)
  }];
  let hasVerifier = 1;
}

#endif // NYBL_DIALECTS_CTA_CTATENSOR_TD
