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
defvar GlobalWrite = DeclareOpInterfaceMethods<Cta_GlobalAccess, ["isWrite"]>;
defvar StageRead = DeclareOpInterfaceMethods<Cta_StageAccess>;
defvar StageWrite = DeclareOpInterfaceMethods<Cta_StageAccess, ["getStageGuard", "isStageWrite"]>;

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
    scalar; "m" (i32), the number of rows that operands of `?` rows have;
    "workspace". Where N and K are free at launch: "n" and "k.blocks" (i32), N
    and K / 16, and "sfa.tile_stride" (i64) of scales, the bytes from one row of
    the layout's tiles to the next (of linear ones, of rows). No source is named
    twice. `static` names operands that no grid
    writes that may still run when the kernel begins: copies may run `ahead` of
    cta.grid_wait from these alone.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrArrayAttr:$sources,
                       OptionalAttr<StrArrayAttr>:$static_sources,
                       I64Attr:$threads, Cta_ScheduleAttr:$schedule,
                       OptionalAttr<Cta_CertificateAttr>:$certificate);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::LogicalResult verifySources();
    ::llvm::LogicalResult verifyStaticSources();
    ::llvm::LogicalResult verifyRows();
    /// The argument the runtime fills from `source`, or null.
    ::mlir::BlockArgument argumentFor(::llvm::StringRef source);
    /// The source of an argument of this kernel.
    ::llvm::StringRef sourceOf(::mlir::BlockArgument argument);
    /// Whether warps have roles, in any of its tile ranges.
    bool hasRoles();
    /// Clusters of two CTAs run it, and take tiles together.
    bool isByPairs() { return getSchedule().getCtas() == 2; }
    /// True of an operand that is whole before the kernel begins.
    bool isStatic(::mlir::BlockArgument argument);
    /// SHA-256 of the kernel's text, less its certificate.
    std::string hash();
    /// True if the kernel writes this operand; all others it may only read.
    bool isOutput(::mlir::BlockArgument argument) {
      ::llvm::StringRef source = sourceOf(argument);
      if (source == "q" || source == "sfq") // made of x, or what y is made of
        return bool(argumentFor("x"));
      return source == "d" || source == "y";
    }
  }];
}

def Cta_ThreadIdOp : Cta_Op<"thread_id", [Pure]> {
  let summary = "0 <= id < threads of the kernel";
  let results = (outs I32:$result);
  let assemblyFormat = "attr-dict";
}

def Cta_PairRankOp : Cta_Op<"pair_rank", [Pure]> {
  let summary = "which CTA of its pair this is: 0 or 1, in a kernel that is run by pairs";
  let results = (outs I32:$result);
  let assemblyFormat = "attr-dict";
  let hasVerifier = 1;
}

def Cta_TileRangeOp : Cta_Op<"tile_range", [SingleBlock, NoTerminator,
                                            HasParent<"KernelOp">]> {
  let summary = "gives each CTA its tiles: 0 <= tile < count, each exactly once";
  let description = [{
    A contract over the grid: every tile index below `count` is handed to
    exactly one CTA, whatever the grid's size: 1 or more, or where CTAs take over
    tiles of those that have not begun `count` or more (CtaTileLoop.h). The block
    argument is the tile's index. In a kernel that is run by pairs a tile is
    handed to both CTAs of one pair.

    Without `group` that is the number. With it, tiles lie in rows of `columns`
    (`count` is a multiple of that), and number n is the n-th tile of a walk that
    takes `group` rows at a time, column by column (TileOrder.h).

    With `parts` above 1, a tile is handed out so many times, each time with
    another part 0, 1, ..., the second block argument: CTAs walk over
    number * parts + part.
    `cta.tile_range %tile, %part in %count parts 4 { ... }`

    With `across`, tiles have two coordinates, each pair below `count` and
    `across` handed out once: number is row * across + column. Then there is
    neither `group` nor `parts`.
    `cta.tile_range %row, %column in %count by %across { ... }`
  }];
  let arguments = (ins I32:$count, Optional<I32>:$across,
                       DefaultValuedAttr<ConfinedAttr<I64Attr, [
                           IntMinValue<1>, IntMaxValue<64>]>, "1">:$parts,
                       OptionalAttr<I64Attr>:$columns,
                       OptionalAttr<I64Attr>:$group);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::LogicalResult verifyOrder();
    ::llvm::LogicalResult verifyRoles();
    ::llvm::LogicalResult verifyRegisters();
    ::mlir::BlockArgument getTile() { return getBody().getArgument(0); }
    /// Null where a tile's index is its one coordinate.
    ::mlir::BlockArgument getColumn() {
      return getAcross() ? getBody().getArgument(1) : ::mlir::BlockArgument();
    }
    /// Null where tiles are not split.
    ::mlir::BlockArgument getPart() {
      return getParts() > 1 ? getBody().getArgument(1) : ::mlir::BlockArgument();
    }
  }];
}

def Cta_RoleOp : Cta_Op<"role", [SingleBlock, NoTerminator,
                                 HasParent<"TileRangeOp">]> {
  let summary = "what some warps do for each tile, while others do something else";
  let description = [{
    Warps `first` .. `first` + `count` - 1 of the CTA; no warp has two roles, and
    a tile range that has roles has nothing else but arithmetic, which each role
    does for itself. A role takes the CTA's tiles in their order, at its own
    pace: it meets other roles at rings, and nowhere else. The block argument is
    the thread's number within its role; a kernel that has roles has no
    cta.thread_id.

    With `turns` T its warps are T equal groups, and each of the CTA's tiles is
    one group's: tile number n of the CTA that of group n mod T. Then a thread's
    number is that within its group.

    `registers`, if given: what each of its threads asks for once it has begun;
    then a role is made of whole warpgroups (PTX ISA, setmaxnreg).
    `cta.role "consumer" %thread in warps [0, 8] turns 2 registers 232 { ... }`
  }];
  let arguments = (ins StrAttr:$name, I64Attr:$first, I64Attr:$count,
                       OptionalAttr<I64Attr>:$turns,
                       OptionalAttr<I64Attr>:$registers);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    /// Groups of warps, each of which has tiles of its own.
    int64_t getGroups() { return getTurns().value_or(1); }
    /// Of one group: those that do a tile together.
    int64_t getThreads() { return 32 * int64_t(getCount()) / getGroups(); }
  }];
}

def Cta_TurnsOp : Cta_Op<"turns", [HasParent<"KernelOp">]> {
  let summary = "what the groups of a role tell each other turns by; made when a kernel is lowered";
  let arguments = (ins I64Attr:$groups, I64Attr:$warps);
  let results = (outs Cta_TurnsType:$result);
  let assemblyFormat = "$groups `of` $warps `warps` attr-dict";
}

class Cta_Turn<string mnemonic> : Cta_Op<mnemonic, [
    AttrSizedOperandSegments, HasParent<"RoleOp">]> {
  // The number of the CTA's tile; both are set when a kernel is lowered.
  let arguments = (ins Optional<Cta_TurnsType>:$turns, Optional<I32>:$number);
  let assemblyFormat = "(`of` $turns^ `[` $number `]`)? attr-dict";
}

def Cta_TakeTurnOp : Cta_Turn<"take_turn"> {
  let summary = "waits until the group that has the CTA's tile before this one has passed its turn";
  let description = [{
    Claims on rings are made within a turn: who waits for an iteration that is
    more than a round away could take an earlier one for it.
  }];
}

def Cta_PassTurnOp : Cta_Turn<"pass_turn"> {
  let summary = "the group that has the CTA's next tile may take its turn";
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

def Cta_StoreOp : Cta_Op<"store", [GlobalWrite, MemoryEffects<[MemWrite]>]> {
  let summary = "one element of a matrix, where the guard holds";
  let arguments = (ins AnyTypeOf<[F32, F16, BF16]>:$value, Cta_MatrixType:$base,
                       I64:$offset, I1:$guard);
  let assemblyFormat = [{
    $value `,` $base `[` $offset `]` `if` $guard attr-dict `:` type($value) `,` type($base)
  }];
}

//===----------------------------------------------------------------------===//
// Split tiles
//===----------------------------------------------------------------------===//

def Cta_SumPartsOp : Cta_Op<"sum_parts", [
    GlobalWrite, SingleBlock, NoTerminator,
    MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "adds up what the parts of a tile have, one after the other";
  let description = [{
    Part p of a tile waits for part p - 1, takes the sum that it has left in the
    workspace, adds its own `values` and leaves that for part p + 1. The last
    part alone goes on, into the region, whose arguments are the whole sums, and
    leaves the workspace of the tile as it was found: all zero. So the order of
    addition is fixed: ((0 + part 0) + part 1) + ...

    Each thread of the role, or of the CTA, does it for its own values: a warp
    waits for the same warp of the part before, and meets nobody else.
    `cta.sum_parts (%a, %b) of %tile, %part by %thread in %workspace
       : !cta.workspace<128, 2> { ^bb0(%sum: f32, %other: f32): ... }`
  }];
  let arguments = (ins Variadic<F32>:$values, I32:$tile, I32:$part, I32:$thread,
                       Cta_WorkspaceType:$workspace);
  let regions = (region SizedRegion<1>:$body);
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let assemblyFormat = [{
    `(` $values `)` `of` $tile `,` $part `by` $thread `in` $workspace attr-dict `:`
    type($workspace) $body
  }];
}

//===----------------------------------------------------------------------===//
// Shared memory
//===----------------------------------------------------------------------===//

def Cta_AllocOp : Cta_Op<"alloc", [HasParent<"KernelOp">]> {
  let summary = "a part of the CTA's shared memory, 128-byte aligned";
  let description = [{
    In a ring, one such part for each of its slots. `offset` is where it lies in
    what the launch gives, and is set when the kernel is lowered.
  }];
  let arguments = (ins Optional<Cta_RingType>:$ring, OptionalAttr<I64Attr>:$offset);
  let results = (outs AnyTypeOf<[Cta_StageType, Cta_ScaleStageType,
                                 Cta_OutputStageType]>:$result);
  let assemblyFormat = "(`in` $ring^)? attr-dict `:` type($result)";
}

def Cta_StoreSharedOp : Cta_Op<"store_shared", [
    StageWrite, AttrSizedOperandSegments, MemoryEffects<[MemWrite]>]> {
  let summary = "8 bytes of data into a stage";
  let arguments = (ins I64:$value, Cta_StageType:$stage, Optional<I32>:$iteration,
                       I32:$offset, Optional<I1>:$guard);
  let assemblyFormat = [{
    $value `,` $stage (`at` $iteration^)? `[` $offset `]` (`if` $guard^)? attr-dict `:` type($stage)
  }];
}

def Cta_StoreScaleOp : Cta_Op<"store_scale", [
    StageWrite, AttrSizedOperandSegments, MemoryEffects<[MemWrite]>]> {
  let summary = "one scale factor into a scale stage";
  let arguments = (ins Cta_ScaleType:$value, Cta_ScaleStageType:$stage,
                       Optional<I32>:$iteration, I32:$offset, Optional<I1>:$guard);
  let assemblyFormat = [{
    $value `,` $stage (`at` $iteration^)? `[` $offset `]` (`if` $guard^)? attr-dict `:` type($stage)
  }];
}

def Cta_LdMatrixOp : Cta_Op<"ldmatrix", [StageRead, MemoryEffects<[MemRead]>]> {
  let summary = "four 8 x 16-byte matrices; lane l gives the address of row l";
  let description = [{
    Register j of lane l holds bytes 4 * (l % 4) .. + 3 of the row that lane
    8 * j + l / 4 points at (PTX ISA, ldmatrix .x4).
  }];
  let arguments = (ins Cta_StageType:$stage, Optional<I32>:$iteration, I32:$offset);
  let results = (outs I32:$r0, I32:$r1, I32:$r2, I32:$r3);
  let assemblyFormat = "$stage (`at` $iteration^)? `[` $offset `]` attr-dict `:` type($stage)";
}

def Cta_LoadScaleWordOp : Cta_Op<"load_scale_word", [StageRead, MemoryEffects<[MemRead]>]> {
  let summary = "the scale factors of 4 consecutive K blocks of one row";
  let arguments = (ins Cta_ScaleStageType:$stage, Optional<I32>:$iteration, I32:$offset);
  let results = (outs Cta_ScaleWordType:$result);
  let assemblyFormat = "$stage (`at` $iteration^)? `[` $offset `]` attr-dict `:` type($stage)";
}

def Cta_LoadScaleWordsOp : Cta_Op<"load_scale_words", [
    DeclareOpInterfaceMethods<Cta_StageAccess, ["getStagePieces"]>,
    MemoryEffects<[MemRead]>]> {
  let summary = "neighbouring words of scale factors, as one read: 1, 2 or 4";
  let description = [{
    Word j lies at `offset` + 4 * j and holds the scale factors of 4 consecutive
    K blocks of one row; the words may be of different rows.
  }];
  let arguments = (ins Cta_ScaleStageType:$stage, Optional<I32>:$iteration, I32:$offset);
  let results = (outs Variadic<Cta_ScaleWordType>:$words);
  let assemblyFormat = [{
    $stage (`at` $iteration^)? `[` $offset `]` attr-dict `:` type($stage) `->` type($words)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Rings
//===----------------------------------------------------------------------===//

def Cta_RingOp : Cta_Op<"ring", [HasParent<"KernelOp">]> {
  let summary = "slots of shared memory that are filled ahead of their use";
  let description = [{
    Iteration i = 0, 1, ... has slot i mod `stages`, which no op says: accesses
    name the iteration, and the slot appears when the kernel is lowered, after
    the proof. Each thread does for each iteration, in order: acquire, writes,
    publish; wait, reads, release. Iterations begin again at 0 for each tile,
    with a cta.barrier in between. That no slot is written while somebody may
    read it, and none read before it is written, is lemma L3.

    With `steps`, slots go from role to role: one role acquires, writes and
    publishes, another waits, reads and releases, both each of the iterations 0
    to `steps` - 1 of a tile, in order. The next tile's iterations follow on
    those of the last: no slot is skipped and nobody meets in between. Where K is
    free, `for` names a value in the place of that number.

    Copies that run `ahead` fill the slots that are empty when a CTA begins, of
    the first iterations of its first tile, before cta.grid_wait; all else of
    these iterations follows behind it, in the order in which it stands.
  }];
  let arguments = (ins ConfinedAttr<I64Attr, [IntMinValue<1>, IntMaxValue<16>]>:$stages,
                       OptionalAttr<ConfinedAttr<I64Attr, [IntPositive]>>:$steps,
                       Optional<I32>:$freeSteps);
  let results = (outs Cta_RingType:$result);
  let assemblyFormat = "`stages` $stages (`steps` $steps^)? (`for` $freeSteps^)? attr-dict";
  let hasVerifier = 1;
  let builders = [OpBuilder<(ins "int64_t":$stages, "::mlir::IntegerAttr":$steps)>];
  let extraClassDeclaration = [{
    /// Whether slots go from role to role.
    bool isBetweenRoles() { return getSteps().has_value() || getFreeSteps(); }
  }];
}

class Cta_RingStep<string mnemonic> : Cta_Op<mnemonic> {
  let arguments = (ins Cta_RingType:$ring, I32:$iteration);
  let assemblyFormat = "$ring `[` $iteration `]` attr-dict";
}

def Cta_RingAcquireOp : Cta_RingStep<"ring_acquire"> {
  let summary = "from here on this thread writes the slot of an iteration";
  let description = [{
    All threads have released the slot's iteration before. Within one role that
    is a claim and no instruction; between roles it waits.
  }];
}

def Cta_RingPublishOp : Cta_RingStep<"ring_publish"> {
  let summary = "this thread's copies into an iteration are all issued, as one group";
  let description = "Between roles, the iteration is whole once they have all arrived.";
}

def Cta_RingWaitOp : Cta_Op<"ring_wait"> {
  let summary = "the slot of an iteration is whole, for all threads";
  let description = [{
    Waits until all but the last `pending` groups this thread has published are
    there, and then for all threads to get here. Between roles (`pending` is 0),
    it waits for what the other role has published.

    Where `copied` is given and holds, no thread has written scale factors of the
    iteration, so that who reads them by other means than threads do needs no
    fence.
  }];
  let arguments = (ins Cta_RingType:$ring, I32:$iteration, Optional<I1>:$copied,
                       ConfinedAttr<I64Attr, [IntNonNegative, IntMaxValue<16>]>:$pending);
  let assemblyFormat = [{
    $ring `[` $iteration `]` `pending` $pending (`copied` $copied^)? attr-dict
  }];
  let builders = [OpBuilder<(ins "::mlir::Value":$ring, "::mlir::Value":$iteration,
                                 "int64_t":$pending), [{
    build($_builder, $_state, ring, iteration, /*copied=*/::mlir::Value(), pending);
  }]>];
}

def Cta_RingReleaseOp : Cta_RingStep<"ring_release"> {
  let summary = "this thread reads the slot of an iteration no more";
  let description = "Within one role a claim and no instruction; between roles it lets a writer on.";
}

def Cta_CopyOp : Cta_Op<"copy", [
    GlobalAccess, StageWrite, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "8 bytes of a matrix into a slot, while the thread goes on";
  let description = [{
    Where `mine` holds, or is not given, the slot gets the bytes where `inside`
    holds and zeros where it does not; elsewhere nothing happens. For `ahead` see
    cta.ring.
  }];
  let arguments = (ins Cta_MatrixType:$base, I64:$offset, I1:$inside,
                       Cta_StageType:$stage, I32:$iteration, I32:$to,
                       Optional<I1>:$mine, UnitAttr:$ahead);
  let assemblyFormat = [{
    $base `[` $offset `]` `if` $inside `,` $stage `at` $iteration `[` $to `]`
    (`when` $mine^)? (`ahead` $ahead^)? attr-dict `:` type($base) `,` type($stage)
  }];
}

def Cta_CopyBoxOp : Cta_Op<"copy_box", [
    GlobalAccess, StageWrite, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "a box of a matrix into a slot by TMA, while the thread goes on";
  let description = [{
    The box of `map` whose first byte is byte `column` of row `row`, into the slot
    from its byte 0 on; what is not real becomes zero. The one thread for which
    `mine` holds does it, or another of its warp in its place, and the iteration
    is not whole before it is done. For `ahead` see cta.ring.
  }];
  let arguments = (ins Cta_TensorMapType:$map, Cta_MatrixType:$base, I32:$row,
                       I32:$column, Cta_RingType:$ring, Cta_StageType:$stage,
                       I32:$iteration, I1:$mine, UnitAttr:$ahead);
  let assemblyFormat = [{
    $map `of` $base `[` $row `,` $column `]` `,` $stage `in` $ring `at` $iteration
    `when` $mine (`ahead` $ahead^)? attr-dict `:` type($map) `,` type($base) `,` type($stage)
  }];
  let hasVerifier = 1;
}

def Cta_CopyScalesOp : Cta_Op<"copy_scales", [
    DeclareOpInterfaceMethods<Cta_GlobalAccess, ["getElementCount"]>, StageWrite,
    AttrSizedOperandSegments, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "the scale factors of 4 K blocks of a row into a slot, while the thread goes on";
  let description = [{
    Scale factor j lies at `offset` + j and is copied where inside<j> holds;
    where it does not, the slot gets a zero. A factor is inside only if those
    before it are: the hardware copies the first ones and fills the rest.
    `offset` and `to` are multiples of 4. Where `mine` does not hold, or `unless`
    does, nothing happens: cta.copy_scale_atoms brings them there. For `ahead` see
    cta.ring.
  }];
  let arguments = (ins Cta_ScalesType:$base, I64:$offset, I1:$inside0, I1:$inside1,
                       I1:$inside2, I1:$inside3, Cta_ScaleStageType:$stage,
                       I32:$iteration, I32:$to, Optional<I1>:$mine,
                       Optional<I1>:$unless, UnitAttr:$ahead);
  let assemblyFormat = [{
    $base `[` $offset `]` `if` `(` $inside0 `,` $inside1 `,` $inside2 `,` $inside3 `)` `,`
    $stage `at` $iteration `[` $to `]` (`when` $mine^)? (`unless` $unless^)?
    (`ahead` $ahead^)? attr-dict `:` type($base) `,` type($stage)
  }];
  let extraClassDeclaration = [{
    ::std::array<::mlir::Value, 4> getInside() {
      return {getInside0(), getInside1(), getInside2(), getInside3()};
    }
  }];
}

def Cta_CopyScaleAtomsOp : Cta_Op<"copy_scale_atoms", [
    GlobalAccess, StageWrite, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "the scale factors of 128 rows into a slot as they lie, while the thread goes on";
  let description = [{
    `atoms` times 512 bytes of a 128x4 tensor, one after the other: 128 rows by 4
    K blocks, by the next 4, and so on (cp.async.bulk). In the slot they are `apart`
    bytes from one another. Where `inside` does not hold nothing happens; it holds
    only where all of them are real. `offset`, `to` and `apart` are multiples of
    512. The one thread for which `mine` holds does it, or another of its warp in
    its place, and the iteration is not whole before it is done. For `ahead` see
    cta.ring.
  }];
  let arguments = (ins Cta_ScalesType:$base, I64:$offset, I1:$inside, I64Attr:$atoms,
                       Cta_RingType:$ring, Cta_ScaleStageType:$stage, I32:$iteration,
                       I32:$to, I64Attr:$apart, I1:$mine, UnitAttr:$ahead);
  let assemblyFormat = [{
    $atoms `of` $base `[` $offset `]` `if` $inside `,` $stage `in` $ring `at` $iteration
    `[` $to `]` `apart` $apart `when` $mine (`ahead` $ahead^)? attr-dict `:` type($base)
    `,` type($stage)
  }];
  let extraClassDeclaration = [{
    /// Rows and K blocks of an atom, and its bytes, one for each factor.
    static constexpr int64_t atomRows = 128, atomBlocks = 4, atomBytes = 512;
    /// Copies that bring them: one where they are neighbours in the slot too.
    int64_t getPieces() { return getApart() == atomBytes ? 1 : getAtoms(); }
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Stores by TMA
//===----------------------------------------------------------------------===//
//
// Each warp of a role writes a part of D into a stage, and its boxes bring it to
// memory while the warp goes on: acquire, pairs, publish, boxes, and again. No
// other warp takes part. That the order is kept, and that a box holds what its
// own warp wrote, is part of lemma L3. Where the groups of a role take turns,
// each has such stages of its own: another one is meant in each.

def Cta_StorePairOp : Cta_Op<"store_pair", [
    AllTypesMatch<["first", "second"]>, MemoryEffects<[MemWrite]>]> {
  let summary = "two neighbouring elements of D into a stage";
  let description = "At byte `offset`, a multiple of the bytes of both.";
  let arguments = (ins AnyTypeOf<[F32, F16, BF16]>:$first,
                       AnyTypeOf<[F32, F16, BF16]>:$second,
                       Cta_OutputStageType:$stage, I32:$offset);
  let assemblyFormat = [{
    $first `,` $second `,` $stage `[` $offset `]` attr-dict `:` type($first) `,` type($stage)
  }];
  let extraClassDeclaration = [{
    int64_t getElementBytes() {
      return getFirst().getType().getIntOrFloatBitWidth() / 8;
    }
  }];
}

def Cta_StoreBoxOp : Cta_Op<"store_box", [
    GlobalWrite, MemoryEffects<[MemRead, MemWrite]>]> {
  let summary = "a box of a matrix from a stage by TMA, while the thread goes on";
  let description = [{
    The box of `map` whose first byte is byte `column` of row `row`, as it lies in
    the stage from byte `offset` on, swizzled; what is not real is left out. In
    each warp the one thread for which `mine` holds does it, if there is one, or
    another of its warp in its place.
  }];
  let arguments = (ins Cta_TensorMapType:$map, Cta_MatrixType:$base, I32:$row,
                       I32:$column, Cta_OutputStageType:$stage, I32:$offset,
                       I1:$mine);
  let assemblyFormat = [{
    $map `of` $base `[` $row `,` $column `]` `,` $stage `[` $offset `]`
    `when` $mine attr-dict `:` type($map) `,` type($base) `,` type($stage)
  }];
  let hasVerifier = 1;
}

class Cta_OutputStep<string mnemonic, string parent>
    : Cta_Op<mnemonic, [HasParent<parent>]> {
  let assemblyFormat = "attr-dict";
}

def Cta_OutputAcquireOp : Cta_OutputStep<"output_acquire", "RoleOp"> {
  let summary = "from here on this warp writes stages of D: its boxes have been read from them";
}

def Cta_OutputPublishOp : Cta_OutputStep<"output_publish", "RoleOp"> {
  let summary = "what this warp has written to stages of D is there for its boxes";
}

def Cta_OutputDrainOp : Cta_OutputStep<"output_drain", "KernelOp"> {
  let summary = "all boxes of the CTA are in memory";
}

//===----------------------------------------------------------------------===//
// Multiply
//===----------------------------------------------------------------------===//

class Cta_Selector<int max>
    : ConfinedAttr<I64Attr, [IntNonNegative, IntMaxValue<max>]>;

def Cta_MmaOp : Cta_Op<"mma", [Pure, AttrSizedOperandSegments]> {
  let summary = "16x8x64 e2m1 multiply with one ue4m3 scale per 16 elements of K";
  let description = [{
    Lane l, g = l / 4, t = l % 4 (PTX ISA 9.7.14.5.11 and 9.7.14.3):
    a[0..3]: rows g, g+8, g, g+8; K elements 8t.. (a[0], a[1]) and 32 + 8t..;
    b[0..1]: column g; K elements 8t.. and 32 + 8t..;
    acc: rows g, g, g+8, g+8; columns 2t, 2t+1, 2t, 2t+1;
    sa of lanes with t = 2 * sa_selector: row g, t = 2 * sa_selector + 1: row
    g + 8; sb of lanes with t = sb_selector: column g; byte j scales K elements
    16j..16j+15. Other lanes' scales are not read, so that one register has room
    for two fragments of A or four of B.
  }];
  let arguments = (ins Variadic<I32>:$a, Cta_ScaleWordType:$sa, Variadic<I32>:$b,
                       Cta_ScaleWordType:$sb, Variadic<F32>:$acc,
                       DefaultValuedAttr<Cta_Selector<1>, "0">:$sa_selector,
                       DefaultValuedAttr<Cta_Selector<3>, "0">:$sb_selector);
  let results = (outs F32:$d0, F32:$d1, F32:$d2, F32:$d3);
  let assemblyFormat = [{
    `(` $a `)` `scaled` $sa `,` `(` $b `)` `scaled` $sb `,` `(` $acc `)` attr-dict
  }];
  let hasVerifier = 1;
}

include "dialects/Cta/CtaQuantize.td"
include "dialects/Cta/CtaTensor.td"

#endif // NYBL_DIALECTS_CTA_CTAOPS_TD
