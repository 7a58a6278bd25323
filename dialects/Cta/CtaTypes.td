// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Attributes and types of Cta: schedule, certificate, memory.
#ifndef NYBL_DIALECTS_CTA_CTATYPES_TD
#define NYBL_DIALECTS_CTA_CTATYPES_TD

include "dialects/Cta/CtaDialect.td"

class Cta_Attr<string name, string attrMnemonic> : AttrDef<Cta_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Cta_ScheduleAttr : Cta_Attr<"Schedule", "schedule"> {
  let summary = "how a kernel is laid out over warps; chosen by Select";
  let description = [{
    `kind` names the schedule, plain, multistage, cooperative, pingpong or tmem; [m, n,
    k] is the CTA tile in elements; warps that multiply one tile are arranged [m,
    n] and each computes an equal part of it; `stages` is the slots of the ring;
    `fill` = "tma" has data copied by TMA, else it is by cp.async; `store` = "tma"
    has D leave by TMA, else it is stored from registers; `swap` = "ab" makes
    columns of D the rows of multiplies; `split` CTAs share the K steps of a tile;
    tiles are walked over in groups of `group` rows of tiles; `ctas` = 2 has
    clusters of two CTAs run the kernel, pairs that multiply a tile together;
    `scheduler` = "clc" has a CTA take over the tiles of CTAs that have not begun,
    by cluster launch control, else it takes each tile that is a grid's size
    further.
    `#cta.schedule<plain, tile = [128, 128, 128], warps = [2, 4]>`
  }];
  let parameters = (ins "::mlir::StringAttr":$kind,
                        ArrayRefParameter<"int64_t">:$tile,
                        ArrayRefParameter<"int64_t">:$warps,
                        DefaultValuedParameter<"int64_t", "1">:$stages,
                        OptionalParameter<"::mlir::StringAttr">:$fill,
                        OptionalParameter<"::mlir::StringAttr">:$store,
                        OptionalParameter<"::mlir::StringAttr">:$swap,
                        DefaultValuedParameter<"int64_t", "1">:$split,
                        DefaultValuedParameter<"int64_t", "1">:$group,
                        DefaultValuedParameter<"int64_t", "1">:$ctas,
                        OptionalParameter<"::mlir::StringAttr">:$scheduler);
  let genVerifyDecl = 1;
  // What is the default is left out.
  let hasCustomAssemblyFormat = 1;
}

def Cta_LemmaState : I32EnumAttr<"LemmaState", "what is known of a lemma", [
  I32EnumAttrCase<"Proven", 0, "proven">, I32EnumAttrCase<"Unproven", 1, "unproven">]> {
  let cppNamespace = "::nybl::cta";
  let genSpecializedAttr = 0;
}

def Cta_LemmaAttr : Cta_Attr<"Lemma", "lemma"> {
  let summary = "one lemma of the certificate (docs/trust.md)";
  let parameters = (ins "::mlir::StringAttr":$name,
                        EnumParameter<Cta_LemmaState>:$state,
                        "::mlir::StringAttr":$domain,
                        "::mlir::StringAttr":$sample);
  let description = [{
    `domain`: over what it was shown; `sample`: a point of that, so that it is
    not empty.
  }];
  let assemblyFormat = "`<` $name `,` $state `,` $domain `,` $sample `>`";
}

def Cta_AccessClassAttr : Cta_Attr<"AccessClass", "accesses"> {
  let summary = "how many accesses of an operand may leave its real bytes, and why";
  let description = [{
    `kind` is "never": no such access exists. ("read-then-zeroed", with the op
    that zeroes, is for copies that no kernel makes yet.)
  }];
  let parameters = (ins "::mlir::StringAttr":$operand, "::mlir::StringAttr":$kind,
                        "int64_t":$count);
  let assemblyFormat = "`<` $operand `,` $kind `,` $count `>`";
}

def Cta_CertificateAttr : Cta_Attr<"Certificate", "certificate"> {
  let summary = "what prove-non-interference found for this very kernel";
  let description = [{
    `rows_max` is the largest M for which the lemmas hold; `hash` is the SHA-256
    of the kernel's text when it was proven. CtaToSM120 refuses a kernel whose
    text has changed since. What the proof cost is counted in questions to the
    Presburger library, and in those of them that it had to search for integers:
    no clock, so that the same kernel has the same certificate.
  }];
  let parameters = (ins "::mlir::StringAttr":$prover, "int64_t":$rowsMax,
                        "::mlir::StringAttr":$hash,
                        "int64_t":$questions, "int64_t":$searches,
                        ArrayRefParameter<"::nybl::cta::AccessClassAttr">:$accesses,
                        ArrayRefParameter<"::nybl::cta::LemmaAttr">:$lemmas);
  let assemblyFormat = [{
    `<` $prover `,` `rows_max` `=` $rowsMax `,` `hash` `=` $hash `,`
    `questions` `=` $questions `,` `searches` `=` $searches `,`
    `accesses` `=` `[` $accesses `]` `,` `[` $lemmas `]` `>`
  }];
}

// Rows, blocks and bytes are counts that fit 31 bits (bytes of a row 35), so that
// the proof's arithmetic does not overflow; layouts are known.
class Cta_Type<string name, string typeMnemonic> : TypeDef<Cta_Dialect, name> {
  let mnemonic = typeMnemonic;
}

// Rows of an operand: a number, or ? for what is free at launch, M or, of b and
// sfb, N.
def Cta_RowsParameter : TypeParameter<"int64_t", "rows, or kDynamic"> {
  let parser = "::nybl::cta::parseRows($_parser)";
  let printer = "::nybl::cta::printRows($_printer, $_self)";
}

// Bytes of a row: a number, or, where N and K are free at launch, `? x u`: u
// bytes for each column of d, for each K block of a and b.
def Cta_RowBytesParameter : TypeParameter<"int64_t", "bytes, or -u for ? x u"> {
  let parser = "::nybl::cta::parseRowBytes($_parser)";
  let printer = "::nybl::cta::printRowBytes($_printer, $_self)";
}

// K blocks of a row: a number, or ? where K is free at launch.
def Cta_BlocksParameter : TypeParameter<"int64_t", "K blocks, or kDynamic"> {
  let parser = "::nybl::cta::parseRows($_parser)";
  let printer = "::nybl::cta::printRows($_printer, $_self)";
}

def Cta_MatrixType : Cta_Type<"Matrix", "matrix"> {
  let summary = "a matrix operand in global memory: rows x bytes, row stride at launch";
  let description = [{
    Byte (r, c) lies at base + r * stride + c; real bytes are 0 <= r < rows and
    0 <= c < row_bytes. `!cta.matrix<?, 192>`, `!cta.matrix<?, ? x 8>`
  }];
  let parameters = (ins Cta_RowsParameter:$rows, Cta_RowBytesParameter:$rowBytes);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` $rows `,` $rowBytes `>`";
  let extraClassDeclaration = [{
    /// Whether rows have as many bytes as N or K says at launch.
    bool hasFreeRowBytes() const { return getRowBytes() < 0; }
  }];
}

def Cta_ScalesType : Cta_Type<"Scales", "scales"> {
  let summary = "a scale operand in global memory: rows x K blocks in a layout";
  let parameters = (ins Cta_RowsParameter:$rows, Cta_BlocksParameter:$blocks,
                        "::mlir::StringAttr":$layout);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` $rows `,` $blocks `,` $layout `>`";
  let extraClassDeclaration = [{
    bool hasFreeBlocks() const { return ::mlir::ShapedType::isDynamic(getBlocks()); }
  }];
}

def Cta_ScalarType : Cta_Type<"Scalar", "scalar"> {
  let builderCall = "$_builder.getType<::nybl::cta::ScalarType>()";
  let summary = "the address of one f32 in global memory, or null";
}

def Cta_WorkspaceType : Cta_Type<"Workspace", "workspace"> {
  let summary = "global memory in which the parts of tiles are added up";
  let description = [{
    All zero before a launch and after it. Of each tile, in this order: a counter
    for each warp, as an i32, filled up to whole 128 bytes; then, in `registers`
    / 4 rows of 16 bytes a thread, an f32 for each of so many registers of each
    of `threads` threads. `!cta.workspace<256, 64>`
  }];
  let parameters = (ins "int64_t":$threads, "int64_t":$registers);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` $threads `,` $registers `>`";
  let extraClassDeclaration = [{
    /// Where the sums of a tile begin, and how many bytes a tile has.
    int64_t counterBytes() const { return (getThreads() / 32 * 4 + 127) / 128 * 128; }
    int64_t tileBytes() const {
      return counterBytes() + getThreads() * getRegisters() * 4;
    }
  }];
}

def Cta_TensorMapType : Cta_Type<"TensorMap", "tensor_map"> {
  let summary = "a matrix as TMA copies or stores it: boxes of rows x bytes";
  let description = [{
    A CUtensorMap, passed by value, over the real bytes of an operand: what lies
    outside them a copy fills with zeros and a store leaves out. A box has `rows` rows of `bytes` bytes,
    which lie one after the other in shared memory, swizzled over `bytes` bytes:
    bits 4.. of an address within the box are XORed with bits 7.. (CUDA Driver
    API, CU_TENSOR_MAP_SWIZZLE_32B, _64B, _128B). `!cta.tensor_map<128, 64>`
  }];
  let parameters = (ins "int64_t":$rows, "int64_t":$bytes);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` $rows `,` $bytes `>`";
  let extraClassDeclaration = [{
    /// Where byte `at` of the box is found in shared memory.
    int64_t swizzled(int64_t at) const {
      return at ^ ((at / 128) % (getBytes() / 16)) * 16;
    }
    /// What a box in shared memory must begin at a multiple of for that.
    int64_t alignment() const { return 8 * getBytes(); }
    int64_t boxBytes() const { return getRows() * getBytes(); }
  }];
}

def Cta_RingType : Cta_Type<"Ring", "ring"> {
  let builderCall = "$_builder.getType<::nybl::cta::RingType>()";
  let summary = "slots of shared memory that are filled ahead of their use";
}

def Cta_TurnsType : Cta_Type<"Turns", "turns"> {
  let builderCall = "$_builder.getType<::nybl::cta::TurnsType>()";
  let summary = "what the groups of a role tell each other turns by";
}

def Cta_StageType : Cta_Type<"Stage", "stage"> {
  let summary = "bytes of shared memory that hold data";
  let parameters = (ins "int64_t":$bytes);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` $bytes `>`";
}

def Cta_ScaleStageType : Cta_Type<"ScaleStage", "scale_stage"> {
  let summary = "bytes of shared memory that hold scale factors";
  let parameters = (ins "int64_t":$bytes);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` $bytes `>`";
}

def Cta_OutputStageType : Cta_Type<"OutputStage", "output_stage"> {
  let summary = "bytes of shared memory that hold a part of D until TMA has stored it";
  let description = "No operand passes through it, and no thread reads it.";
  let parameters = (ins "int64_t":$bytes);
  let genVerifyDecl = 1;
  let assemblyFormat = "`<` $bytes `>`";
}

def Cta_ScaleType : Cta_Type<"Scale", "scale"> {
  let builderCall = "$_builder.getType<::nybl::cta::ScaleType>()";
  let summary = "one scale factor in a register; only a scale stage takes it";
}

def Cta_ScaleWordType : Cta_Type<"ScaleWord", "scale_word"> {
  let builderCall = "$_builder.getType<::nybl::cta::ScaleWordType>()";
  let summary = "the scale factors of 4 K blocks of a row; only a multiply takes it";
}

#endif // NYBL_DIALECTS_CTA_CTATYPES_TD
