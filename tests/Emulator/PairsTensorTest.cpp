// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Broken and mended kernels: products of warpgroups, tensor memory, the async
// proxy.

#include "tests/Emulator/PairsFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

// Operands of m64n8k16 without swizzle: cores of 8 rows by 16 bytes, 128 bytes
// apart along K and 256 along M and N. A lies at `buf`, B 2048 bytes on.
#define FILL                                                                   \
  "mov.u32 %r1, 0; shl.b32 %r2, %tid, 5; add.u32 %r2, %sm, %r2;\n"             \
  "st.shared.v4.b32 [%r2], {%r1, %r1, %r1, %r1};\n"                            \
  "st.shared.v4.b32 [%r2+16], {%r1, %r1, %r1, %r1};\n"
#define DESCRIPTORS                                                            \
  "and.b32 %r3, %sm, 0x3ffff; shr.u32 %r3, %r3, 4; cvt.u64.u32 %d1, %r3;\n"    \
  "add.u64 %d1, %d1, 0x1000080000; add.u64 %d2, %d1, 128;\n"                   \
  "setp.ne.u32 %p1, %r1, %r1;\n"
#define MULTIPLY                                                               \
  "wgmma.mma_async.sync.aligned.m64n8k16.f32.f16.f16 {%f1, %f2, %f3, %f4}, "   \
  "%d1, %d2, %p1, 1, 1, 0, 0;\nwgmma.commit_group.sync.aligned;\n"
#define PRODUCT "wgmma.fence.sync.aligned;\n" MULTIPLY
#define FINISH "wgmma.wait_group.sync.aligned 0;\n"

const Pair products[] = {
    {"operands stored without a proxy fence",
     {128},
     FindingKind::MissingFence,
     "fence.proxy.async",
     FILL DESCRIPTORS "<<||fence.proxy.async;>> bar.sync 0;\n" PRODUCT FINISH,
     "sm_90a"},
    {"operands stored without a barrier",
     {128},
     FindingKind::Race,
     "store",
     FILL DESCRIPTORS "bar.sync 0; fence.proxy.async;\n" FILL
                      "fence.proxy.async; <<||bar.sync 0;>>\n" PRODUCT FINISH,
     "sm_90a"},
    {"the accumulator is read too early",
     {128},
     FindingKind::InFlight,
     "wgmma",
     FILL DESCRIPTORS "fence.proxy.async; bar.sync 0;\n" PRODUCT
                      "wgmma.wait_group.sync.aligned <<1||0>>;\n"
                      "mul.wide.u32 %d3, %tid, 4; add.u64 %d3, %out, %d3;\n"
                      "st.global.f32 [%d3], %f1;\n" FINISH,
     "sm_90a"},
    {"no wgmma.fence",
     {128},
     FindingKind::AsyncMisuse,
     "wgmma.fence",
     FILL DESCRIPTORS "fence.proxy.async; bar.sync 0;\n"
                      "<<||wgmma.fence.sync.aligned;>>\n" MULTIPLY FINISH,
     "sm_90a"},
    {"operands overwritten before the product",
     {128},
     FindingKind::InFlight,
     "wgmma",
     FILL DESCRIPTORS "fence.proxy.async; bar.sync 0;\n" PRODUCT "<<||" FINISH
                      "bar.sync 0;>>" FILL FINISH,
     "sm_90a"},
    {"operands overwritten while other warps multiply",
     {128},
     FindingKind::Race,
     "load",
     FILL DESCRIPTORS "fence.proxy.async; bar.sync 0;\n" PRODUCT FINISH
                      "<<||bar.sync 0;>>" FILL,
     "sm_90a"},
};

#define ALLOCATE                                                               \
  "setp.eq.u32 %p1, %warp, 0;\n"                                               \
  "@%p1 tcgen05.alloc.cta_group::1.sync.aligned.shared::cta.b32 [%bar+32], "   \
  "32;\n"                                                                      \
  "bar.sync 0; ld.shared.b32 %r10, [%bar+32];\n"                               \
  "shl.b32 %r11, %warp, 21; add.u32 %r11, %r10, %r11;\n"
#define DEALLOCATE                                                             \
  "bar.sync 0;\n"                                                              \
  "@%p1 tcgen05.dealloc.cta_group::1.sync.aligned.b32 %r10, 32;\n"
#define STORE_TENSOR                                                           \
  "tcgen05.st.sync.aligned.32x32b.x1.b32 [%r11], {%tid};\n"                    \
  "tcgen05.wait::st.sync.aligned;\n"
#define LOAD_TENSOR "tcgen05.ld.sync.aligned.32x32b.x1.b32 {%r12}, [%r11];\n"
#define WAIT_LOAD "tcgen05.wait::ld.sync.aligned;\n"
#define STORE_WORD                                                             \
  "mul.wide.u32 %d3, %tid, 4; add.u64 %d3, %out, %d3;\n"                       \
  "st.global.b32 [%d3], %r12;\n"
// 32 rows of 16 bytes in cores 128 bytes apart, copied into four columns.
#define COPY_TENSOR                                                            \
  "and.b32 %r3, %sm, 0x3ffff; shr.u32 %r3, %r3, 4; cvt.u64.u32 %d1, %r3;\n"    \
  "add.u64 %d1, %d1, 0x400800080000;\n"                                        \
  "@%first tcgen05.cp.cta_group::1.32x128b.warpx4 [%r10], %d1;\n"              \
  "@%first tcgen05.commit.cta_group::1.mbarrier::arrive::one"                  \
  ".shared::cluster.b64 [%bar];\n"
#define WAIT_COPY                                                              \
  "W: mbarrier.try_wait.parity.shared.b64 %p2, [%bar], 0;\n@!%p2 bra W;\n"     \
  "tcgen05.fence::after_thread_sync;\n"
#define INIT_BARRIER                                                           \
  "@%first mbarrier.init.shared.b64 [%bar], 1;\n"                              \
  "@%first fence.mbarrier_init.release.cluster;\n"

const Pair tensors[] = {
    {"columns that are never freed",
     {128},
     FindingKind::TensorMemoryMisuse,
     "still allocated",
     ALLOCATE "<<||" DEALLOCATE ">>",
     "sm_100a"},
    {"a column that was not allocated",
     {128},
     FindingKind::TensorMemoryMisuse,
     "not all allocated",
     ALLOCATE STORE_TENSOR
     "add.u32 %r11, %r11, <<32||0>>;\n" LOAD_TENSOR WAIT_LOAD DEALLOCATE,
     "sm_100a"},
    {"lanes of another warp",
     {128},
     FindingKind::TensorMemoryMisuse,
     "reaches lanes",
     ALLOCATE "<<mov.u32 %r11, %r10;||>>\n" STORE_TENSOR DEALLOCATE,
     "sm_100a"},
    {"cells that nobody wrote",
     {128},
     FindingKind::UninitialisedRead,
     "tensor",
     ALLOCATE "<<||" STORE_TENSOR ">>" LOAD_TENSOR WAIT_LOAD DEALLOCATE,
     "sm_100a"},
    {"a register before the load has come",
     {128},
     FindingKind::InFlight,
     "tcgen05.ld",
     ALLOCATE STORE_TENSOR LOAD_TENSOR "<<" STORE_WORD
                                       "||>>" WAIT_LOAD STORE_WORD DEALLOCATE,
     "sm_100a",
     true},
    {"cells overwritten before the load has read them",
     {128},
     FindingKind::InFlight,
     "tcgen05.ld",
     ALLOCATE STORE_TENSOR LOAD_TENSOR "<<||" WAIT_LOAD ">>" STORE_TENSOR
                                       "<<" WAIT_LOAD
                                       "||>>" STORE_WORD DEALLOCATE,
     "sm_100a"},
    {"another number of columns freed",
     {128},
     FindingKind::TensorMemoryMisuse,
     "dealloc",
     ALLOCATE "bar.sync 0; @%p1 tcgen05.dealloc.cta_group::1.sync.aligned.b32 "
              "%r10, <<64||32>>;",
     "sm_100a"},
    {"a copy's source stored without a proxy fence",
     {128},
     FindingKind::MissingFence,
     "fence.proxy.async",
     FILL INIT_BARRIER "<<||fence.proxy.async;>>\n" ALLOCATE COPY_TENSOR
         WAIT_COPY LOAD_TENSOR WAIT_LOAD DEALLOCATE,
     "sm_100a"},
    {"nobody waits for the commit",
     {128},
     FindingKind::InFlight,
     "tcgen05.cp",
     FILL INIT_BARRIER "fence.proxy.async;\n" ALLOCATE COPY_TENSOR
                       "<<||" WAIT_COPY ">>" LOAD_TENSOR WAIT_LOAD
                       "<<" WAIT_COPY "||>>" DEALLOCATE,
     "sm_100a"},
};

TEST(Pairs, Products) {
  for (const Pair &pair : products)
    expectPair(pair);
}

TEST(Pairs, TensorMemory) {
  for (const Pair &pair : tensors)
    expectPair(pair);
}

/// The reader's fence will do, unless the launch is strict.
TEST(Pairs, StrictProxyFence) {
  const char *const body =
      FILL DESCRIPTORS "<<||fence.proxy.async;>>\nbar.sync 0;\n"
                       "fence.proxy.async;\n" PRODUCT FINISH;
  for (bool strict : {false, true})
    for (bool mended : {false, true}) {
      Pair pair{"", {128}, FindingKind::MissingFence, "", body, "sm_90a"};
      pair.strict = strict;
      std::vector<Report> reports = runPair(pair, mended, everySchedule()[0]);
      ASSERT_EQ(reports.empty(), mended || !strict);
      for (const Report &r : reports)
        EXPECT_EQ(r.kind, FindingKind::MissingFence);
    }
}

} // namespace
