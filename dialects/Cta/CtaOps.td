// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The ops of Cta. Only synchronisation and memory are abstract; addresses and
// predicates are arith.
#ifndef NYBL_DIALECTS_CTA_CTAOPS_TD
#define NYBL_DIALECTS_CTA_CTAOPS_TD

include "dialects/Cta/CtaTypes.td"
include "dialects/Cta/CtaInterfaces.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"

class Cta_Op<string mnemonic, list<Trait> traits = []>
    : Op<Cta_Dialect, mnemonic, traits>;

defvar GlobalAccess = DeclareOpInterfaceMethods<Cta_GlobalAccess>;
//===----------------------------------------------------------------------===//
// Structure
//===----------------------------------------------------------------------===//

def Cta_KernelOp : Cta_Op<"kernel", [
    Symbol, IsolatedFromAbove, SingleBlock, NoTerminator,
    HasParent<"::mlir::ModuleOp">]> {
  let summary = "a kernel: what each thread of each CTA does";
  let description = [{
    `sources` says what the runtime passes for each argument
    (runtime/Abi/Manifest.h): an operand "a", "sfa", "alpha", ...; "a.stride"
    (i64) of a matrix; "alpha.value" (f32) and "alpha.reciprocal" (i32) of a
    scalar; "m" (i32), the number of rows that operands of `?` rows have. No
    source is named twice.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$sources,
                       I64Attr:$threads, Cta_ScheduleAttr:$schedule,
                       OptionalAttr<Cta_CertificateAttr>:$certificate);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::LogicalResult verifySources();
    ::llvm::LogicalResult verifyRows();
    /// The argument the runtime fills from `source`, or null.
    ::mlir::BlockArgument argumentFor(::llvm::StringRef source);
    /// The source of an argument of this kernel.
    ::llvm::StringRef sourceOf(::mlir::BlockArgument argument);
    /// SHA-256 of the kernel's text, less its certificate.
    std::string hash();
    /// True if the kernel writes this operand; all others it may only read.
    bool isOutput(::mlir::BlockArgument argument) {
      return sourceOf(argument) == "d";
    }
  }];
}

def Cta_ThreadIdOp : Cta_Op<"thread_id", [Pure]> {
  let summary = "0 <= id < threads of the kernel";
  let results = (outs I32:$result);
  let assemblyFormat = "attr-dict";
}

def Cta_TileRangeOp : Cta_Op<"tile_range", [SingleBlock, NoTerminator,
                                            HasParent<"KernelOp">]> {
  let summary = "gives each CTA its tiles: 0 <= tile < count, each exactly once";
  let description = [{
    A contract over the grid: every tile index below `count` is handed to
    exactly one CTA, whatever the grid's size (>= 1). The plain scheduler walks
    tile = CTA index, + grid size, ... The block argument is the index.
  }];
  let arguments = (ins I32:$count);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
}

def Cta_BarrierOp : Cta_Op<"barrier"> {
  let summary = "all threads of the CTA meet; shared memory is ordered";
  let assemblyFormat = "attr-dict";
}

def Cta_GridWaitOp : Cta_Op<"grid_wait"> {
  let summary = "waits until the grids this launch depends on are done";
  let assemblyFormat = "attr-dict";
}

def Cta_GridReleaseOp : Cta_Op<"grid_release"> {
  let summary = "lets dependent grids start";
  let assemblyFormat = "attr-dict";
}

//===----------------------------------------------------------------------===//
// Global memory
//===----------------------------------------------------------------------===//

def Cta_LoadOp : Cta_Op<"load", [GlobalAccess, MemoryEffects<[MemRead]>]> {
  let summary = "8 bytes of a matrix where the guard holds, else zero";
  let arguments = (ins Cta_MatrixType:$base, I64:$offset, I1:$guard);
  let results = (outs I64:$result);
  let assemblyFormat = "$base `[` $offset `]` `if` $guard attr-dict `:` type($base)";
}

def Cta_LoadScaleOp : Cta_Op<"load_scale", [GlobalAccess, MemoryEffects<[MemRead]>]> {
  let summary = "one scale factor where the guard holds, else zero";
  let arguments = (ins Cta_ScalesType:$base, I64:$offset, I1:$guard);
  let results = (outs Cta_ScaleType:$result);
  let assemblyFormat = "$base `[` $offset `]` `if` $guard attr-dict `:` type($base)";
}

def Cta_LoadScalarOp : Cta_Op<"load_scalar", [GlobalAccess, MemoryEffects<[MemRead]>]> {
  let summary = "the f32 at an address, or `value` where the address is null";
  let arguments = (ins Cta_ScalarType:$base, F32:$value);
  let results = (outs F32:$result);
  let assemblyFormat = "$base `or` $value attr-dict";
}

def Cta_StoreOp : Cta_Op<"store", [GlobalAccess, MemoryEffects<[MemWrite]>]> {
  let summary = "one element of a matrix, where the guard holds";
  let arguments = (ins AnyTypeOf<[F32, F16, BF16]>:$value, Cta_MatrixType:$base,
                       I64:$offset, I1:$guard);
  let assemblyFormat = [{
    $value `,` $base `[` $offset `]` `if` $guard attr-dict `:` type($value) `,` type($base)
  }];
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

def Cta_AllocOp : Cta_Op<"alloc", [HasParent<"KernelOp">]> {
  let summary = "a part of the CTA's shared memory, 128-byte aligned";
  let results = (outs AnyTypeOf<[Cta_StageType, Cta_ScaleStageType]>:$result);
  let assemblyFormat = "attr-dict `:` type($result)";
}

def Cta_StoreSharedOp : Cta_Op<"store_shared", [MemoryEffects<[MemWrite]>]> {
  let summary = "8 bytes of data into a stage";
  let arguments = (ins I64:$value, Cta_StageType:$stage, I32:$offset,
                       Optional<I1>:$guard);
  let assemblyFormat = [{
    $value `,` $stage `[` $offset `]` (`if` $guard^)? attr-dict `:` type($stage)
  }];
}

def Cta_StoreScaleOp : Cta_Op<"store_scale", [MemoryEffects<[MemWrite]>]> {
  let summary = "one scale factor into a scale stage";
  let arguments = (ins Cta_ScaleType:$value, Cta_ScaleStageType:$stage, I32:$offset,
                       Optional<I1>:$guard);
  let assemblyFormat = [{
    $value `,` $stage `[` $offset `]` (`if` $guard^)? attr-dict `:` type($stage)
  }];
}

def Cta_LdMatrixOp : Cta_Op<"ldmatrix", [MemoryEffects<[MemRead]>]> {
  let summary = "four 8 x 16-byte matrices; lane l gives the address of row l";
  let description = [{
    Register j of lane l holds bytes 4 * (l % 4) .. + 3 of the row that lane
    8 * j + l / 4 points at (PTX ISA, ldmatrix .x4).
  }];
  let arguments = (ins Cta_StageType:$stage, I32:$offset);
  let results = (outs I32:$r0, I32:$r1, I32:$r2, I32:$r3);
  let assemblyFormat = "$stage `[` $offset `]` attr-dict `:` type($stage)";
}

def Cta_LoadScaleWordOp : Cta_Op<"load_scale_word", [MemoryEffects<[MemRead]>]> {
  let summary = "the scale factors of 4 consecutive K blocks of one row";
  let arguments = (ins Cta_ScaleStageType:$stage, I32:$offset);
  let results = (outs Cta_ScaleWordType:$result);
  let assemblyFormat = "$stage `[` $offset `]` attr-dict `:` type($stage)";
}

//===----------------------------------------------------------------------===//
// Multiply
//===----------------------------------------------------------------------===//

def Cta_MmaOp : Cta_Op<"mma", [Pure, AttrSizedOperandSegments]> {
  let summary = "16x8x64 e2m1 multiply with one ue4m3 scale per 16 elements of K";
  let description = [{
    Lane l, g = l / 4, t = l % 4 (PTX ISA 9.7.14.5.11 and 9.7.14.3):
    a[0..3]: rows g, g+8, g, g+8; K elements 8t.. (a[0], a[1]) and 32 + 8t..;
    b[0..1]: column g; K elements 8t.. and 32 + 8t..;
    acc: rows g, g, g+8, g+8; columns 2t, 2t+1, 2t, 2t+1;
    sa of lanes with t = 0: row g, t = 1: row g + 8; sb of lanes with t = 0:
    column g; byte j scales K elements 16j..16j+15. Other lanes' scales are not
    read.
  }];
  let arguments = (ins Variadic<I32>:$a, Cta_ScaleWordType:$sa, Variadic<I32>:$b,
                       Cta_ScaleWordType:$sb, Variadic<F32>:$acc);
  let results = (outs F32:$d0, F32:$d1, F32:$d2, F32:$d3);
  let assemblyFormat = [{
    `(` $a `)` `scaled` $sa `,` `(` $b `)` `scaled` $sb `,` `(` $acc `)` attr-dict
  }];
  let hasVerifier = 1;
}

#endif // NYBL_DIALECTS_CTA_CTAOPS_TD
