// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the parts of the passes cta-to-sm120 and cta-to-sm100 share.
#ifndef NYBL_COMPILER_CONVERSION_CTATOSM120_H
#define NYBL_COMPILER_CONVERSION_CTATOSM120_H

#include "dialects/Cta/CtaOps.h"
#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/Transforms/DialectConversion.h"

namespace nybl::compiler {

inline constexpr unsigned globalSpace = 1, sharedSpace = 3;

template <typename Op>
struct Lowering : mlir::OpConversionPattern<Op> {
  using mlir::OpConversionPattern<Op>::OpConversionPattern;
};

/// An i32.
inline mlir::Value number(mlir::OpBuilder &builder, mlir::Location loc,
                          int64_t value) {
  return mlir::LLVM::ConstantOp::create(builder, loc,
                                        builder.getI32IntegerAttr(value));
}

/// One asm statement with a side effect, so that it stays where it is.
mlir::LLVM::InlineAsmOp inlinePtx(mlir::OpBuilder &builder, mlir::Location loc,
                                  mlir::Type result, mlir::ValueRange operands,
                                  llvm::StringRef text,
                                  llvm::StringRef constraints);

/// i1: the warp's one thread that acts for the one that `mine` holds for, which
/// is proven to be alike to it. Of a thread that elect.sync names ptxas knows
/// that it is one; for any other predicate it makes a loop over lanes.
mlir::Value electFor(mlir::OpBuilder &builder, mlir::Location loc,
                     mlir::Value mine);

/// The address of bytes of shared memory, 128-byte aligned, under a name of the
/// module's that begins so.
mlir::Value sharedArray(mlir::OpBuilder &builder, mlir::Location loc,
                        mlir::ModuleOp module, int64_t bytes,
                        llvm::StringRef name);

/// One mbarrier for each number of arrivals, of which each takes so many in a
/// phase, in shared memory under a name of the module's that begins so; all
/// threads meet once they are made.
mlir::Value placeBarriers(mlir::OpBuilder &builder, mlir::Operation *op,
                          llvm::ArrayRef<int64_t> arrivals,
                          llvm::StringRef name);

/// Steps of a ring of so many slots, whose barriers are full[slots],
/// empty[slots]: all threads wait until an iteration's slot is free, or whole;
/// each warp lets go of it; what tells that it is whole.
void waitFree(mlir::OpBuilder &builder, mlir::Location loc, int64_t slots,
              mlir::Value barriers, mlir::Value iteration);
void waitWhole(mlir::OpBuilder &builder, mlir::Location loc, int64_t slots,
               mlir::Value barriers, mlir::Value iteration);
void letGo(mlir::OpBuilder &builder, mlir::Location loc, int64_t slots,
           mlir::Value barriers, mlir::Value iteration);
mlir::Value fullBarrier(mlir::OpBuilder &builder, mlir::Location loc,
                        int64_t slots, mlir::Value barriers,
                        mlir::Value iteration);

/// Of a ring between roles: what tells that an iteration is whole.
mlir::Value fullBarrier(mlir::OpBuilder &builder, mlir::Location loc,
                        cta::RingOp ring, mlir::Value barriers,
                        mlir::Value iteration);

/// The same of the other CTA of a pair, whose slot it is.
mlir::Value pairBarrier(mlir::OpBuilder &builder, mlir::Location loc,
                        cta::RingOp ring, mlir::Value barriers,
                        mlir::Value iteration);

/// Until that is arrived at, from the other CTA.
void waitForPair(mlir::OpBuilder &builder, mlir::Location loc, cta::RingOp ring,
                 mlir::Value barriers, mlir::Value iteration);

/// The same of who waits for it to be free.
mlir::Value emptyBarrier(mlir::OpBuilder &builder, mlir::Location loc,
                         cta::RingOp ring, mlir::Value barriers,
                         mlir::Value iteration);

/// Where `offset`, or byte 0 if that is null, of the slot of an iteration is.
mlir::Value stageAddress(mlir::OpBuilder &builder, cta::StageAccess op,
                         mlir::Value stage, mlir::Value iteration,
                         mlir::Value offset);

/// All of what lowers a proven kernel that chips have in common: the pass
/// cta-to-sm120 but for its multiplies, which `addMultiplies` adds.
mlir::LogicalResult lowerKernels(
    mlir::ModuleOp module,
    llvm::function_ref<void(mlir::TypeConverter &, mlir::RewritePatternSet &,
                            mlir::ConversionTarget &)>
        addMultiplies);

/// Rings (CtaRingToSM120.cpp).
void addRingPatterns(mlir::TypeConverter &types,
                     mlir::RewritePatternSet &patterns);

/// Sums over the parts of tiles (CtaSplitToSM120.cpp).
void addSplitPatterns(mlir::TypeConverter &types,
                      mlir::RewritePatternSet &patterns);

/// Accesses of memory and copies (CtaMemoryToSM120.cpp).
void addMemoryPatterns(mlir::TypeConverter &types,
                       mlir::RewritePatternSet &patterns);

/// Multiplies of warps, and what they read (CtaMemoryToSM120.cpp).
void addWarpMultiplyPatterns(mlir::TypeConverter &types,
                             mlir::RewritePatternSet &patterns);

/// Columns of tensor memory get their places, between an alloc at the kernel's
/// begin and a dealloc at its end, and their rings get to know what they hold
/// (CtaTensorToSM100.cpp). Fails where there are not so many.
mlir::LogicalResult placeTensorMemory(cta::KernelOp kernel);

/// What a thread does with tensor memory comes behind its wait for a slot of
/// this ring, be that for a slot to be filled or to be free; nothing for rings
/// without columns. Proofs know of waits, not of fences, so a wait has its own:
/// for what threads have written too, unless `copied`, an i1, is given and
/// holds.
void fenceTensorMemory(mlir::OpBuilder &builder, mlir::Location loc,
                       cta::RingOp ring, bool isFilled, mlir::Value copied);

/// K loops in which one thread asks of tensor memory become that thread's own,
/// elected once: it alone waits for slots and lets them go. The other warps of
/// its group have no business with them, and go on to the accumulators, which
/// they wait for (CtaTensorToSM100.cpp). Fails where a loop does more.
mlir::LogicalResult gatherAsked(cta::KernelOp kernel);

/// Of a ring: the CTA of rank 1 hands its slots over to the other's.
inline constexpr llvm::StringLiteral isHandedOver = "is_handed_over";

/// All threads of both CTAs of a pair meet.
void meetPair(mlir::OpBuilder &builder, mlir::Location loc);

/// i1: this CTA asks for what both do (rank 0).
mlir::Value isFirstOfPair(mlir::OpBuilder &builder, mlir::Location loc);

/// A K loop in which one thread asks is that of the first CTA of a pair; the
/// same thread of the second one hands over what it waits for, step by step
/// (CtaPairToSM100.cpp).
void partPair(mlir::scf::ForOp loop);

/// How pairs meet (CtaPairToSM100.cpp).
void addPairPatterns(mlir::TypeConverter &types,
                     mlir::RewritePatternSet &patterns);

/// Tensor memory and its multiplies (CtaTensorToSM100.cpp), which spell their
/// scale factors as the chip's record says.
void addTensorPatterns(mlir::TypeConverter &types,
                       mlir::RewritePatternSet &patterns,
                       llvm::StringRef scaleVector);

/// Where scale factors may come as a whole, what threads copy of them else
/// stands in a branch, and so does all that one thread has copied in a K step,
/// for which it is elected once; its copies then have this attribute
/// (CtaScaleAtoms.cpp).
mlir::LogicalResult branchToCopies(cta::KernelOp kernel);
inline constexpr llvm::StringLiteral byElected = "by_elected";

/// Copies of them as a whole (CtaScaleAtoms.cpp).
void addScaleAtomPatterns(mlir::TypeConverter &types,
                          mlir::RewritePatternSet &patterns);

/// Stores by TMA (CtaStoreToSM120.cpp).
void addStorePatterns(mlir::TypeConverter &types,
                      mlir::RewritePatternSet &patterns);

/// Loads, conversions and stores of blocks (CtaQuantize.cpp).
void addQuantizePatterns(mlir::TypeConverter &types,
                         mlir::RewritePatternSet &patterns);

} // namespace nybl::compiler

#endif // NYBL_COMPILER_CONVERSION_CTATOSM120_H
