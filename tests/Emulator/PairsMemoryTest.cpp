// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Broken and mended kernels: memory, marks, matrix operands.

#include "tests/Emulator/PairsFixture.h"

using namespace nybl::emu;
using namespace nybl::emu::test;

namespace {

const Pair memory[] = {
    {"one row too many",
     {32},
     FindingKind::OutOfBounds,
     "of a buffer of 1024",
     R"(
  mov.u32 %r1, 0;
  L: mul.wide.u32 %d1, %r1, 128; mul.wide.u32 %d2, %tid, 4;
  add.u64 %d1, %d1, %d2; add.u64 %d1, %out, %d1;
  st.global.b32 [%d1], %r1;
  add.u32 %r1, %r1, 1; setp.<<le||lt>>.u32 %p1, %r1, 8;
  @%p1 bra L;)"},
    {"a vector at a word's address",
     {1},
     FindingKind::Misaligned,
     "16 bytes",
     "ld.global.v4.b32 {%r1, %r2, %r3, %r4}, [%in+<<4||16>>];"},
    {"shared memory that nobody wrote",
     {32},
     FindingKind::UninitialisedRead,
     "shared",
     R"(
  <<setp.lt.u32 %p1, %tid, 31; @%p1||>> st.shared.b32 [%mine], 0;
  bar.sync 0;
  ld.shared.b32 %r1, [%mine];)"},
    {"global memory that nobody wrote",
     {1},
     FindingKind::UninitialisedRead,
     "global",
     "<<||st.global.b32 [%out+512], 1;>> "
     "ld.global.b32 %r1, [%out+512];"},
    {"memory that was freed",
     {1},
     FindingKind::UseAfterFree,
     "freed",
     "ld.global.b64 %d1, [%in+512]; <<||mov.u64 %d1, %in;>> "
     "ld.global.b32 %r1, [%d1];"},
    {"a store over an mbarrier", {1}, FindingKind::MbarrierMisuse, "opaque", R"(
  mbarrier.init.shared.b64 [%bar], 1;
  <<||mbarrier.inval.shared.b64 [%bar];>>
  st.shared.b32 [%bar+4], 0;)"},
    {"a load of an mbarrier", {1}, FindingKind::MbarrierMisuse, "opaque", R"(
  mbarrier.init.shared.b64 [%bar], 1;
  <<ld.shared.b64 %d1, [%bar];||mbarrier.arrive.shared.b64 _, [%bar];>>)"},
    {"past the dynamic shared memory",
     {32},
     FindingKind::OutOfBounds,
     "shared",
     R"(
  shl.b32 %r1, %tid, <<8||2>>; add.u32 %r1, %sm, %r1;
  st.shared.b32 [%r1], 0;)"},
    {"a generic address of a CTA that does not exist",
     {1},
     FindingKind::OutOfBounds,
     "rank 5",
     "<<mov.u64 %d1, 0x7e000005000000;||"
     "cvt.u64.u32 %d2, %sm; "
     "cvta.shared.u64 %d1, %d2;>>"
     "st.b32 [%d1], 1;"},
    {"a row that no lane holds an address of",
     {32},
     FindingKind::OutOfBounds,
     "shared",
     R"(
  mov.u32 %r5, 0;
  L: shl.b32 %r1, %lane, 4; add.u32 %r1, %sm, %r1;
  mad.lo.u32 %r2, %r5, 512, %r1; st.shared.v4.b32 [%r2], {%r1, %r1, %r1, %r1};
  add.u32 %r5, %r5, 1; setp.lt.u32 %p1, %r5, 8; @%p1 bra L;
  bar.warp.sync 0xffffffff;
  mad.lo.u32 %r1, %lane, <<144||128>>, %sm;
  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r6, %r7, %r8, %r9}, [%r1];)"},
    // Eight rows of 128 bytes, of which 16-byte chunks 0 to 3 are written: in
    // the swizzle of 128 bytes chunk c of row r lies at c ^ r.
    {"rows read without their swizzle",
     {32},
     FindingKind::UninitialisedRead,
     "shared",
     R"(
  shr.u32 %r1, %lane, 2; and.b32 %r2, %lane, 3;
  xor.b32 %r3, %r2, %r1; shl.b32 %r3, %r3, 4;
  mad.lo.u32 %r4, %r1, 128, %sm; add.u32 %r4, %r4, %r3;
  st.shared.v4.b32 [%r4], {%r1, %r1, %r1, %r1};
  bar.warp.sync 0xffffffff;
  and.b32 %r1, %lane, 7; shr.u32 %r2, %lane, 3;
  <<mov.u32 %r3, %r2;||xor.b32 %r3, %r2, %r1;>> shl.b32 %r3, %r3, 4;
  mad.lo.u32 %r4, %r1, 128, %sm; add.u32 %r4, %r4, %r3;
  ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r6, %r7, %r8, %r9}, [%r4];)"},
    {"a matrix loaded by half a warp",
     {32},
     FindingKind::BarrierMisuse,
     "aligned",
     R"(
  st.shared.v4.b32 [%sm], {%r1, %r1, %r1, %r1};
  bar.warp.sync 0xffffffff;
  setp.lt.u32 %p1, %lane, 16;
  <<@%p1||>> ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r6}, [%sm];)"},
};

/// One tile of 16 by 8 by 64 with all-zero data; scales are as each case says.
/// %r30 holds a marked word, %r31 a clean one.
#define SCALED(KIND, SCALES)                                                   \
  "ld.global.b32 %r30, [%in+256]; mov.u32 %r31, 0x38383838;\n"                 \
  "mov.u32 %r1, 0; mov.f32 %f1, 0f00000000; and.b32 %r20, %lane, 3;\n"         \
  "setp.eq.u32 %p1, %r20, 0; setp.eq.u32 %p2, %r20, 1;\n"                      \
  "setp.eq.u32 %p3, %r20, 2; or.pred %p4, %p1, %p2;\n" SCALES                  \
  "mma.sync.aligned.kind::" KIND                                               \
  " {%f2, %f3, %f4, %f5}, {%r1, %r1, %r1, %r1}, {%r1, %r1},\n"                 \
  "  {%f1, %f1, %f1, %f1}, {%r2}, "
#define STORE_RESULT                                                           \
  ";\nmul.wide.u32 %d1, %lane, 16; add.u64 %d1, %out, %d1;\n"                  \
  "st.global.v4.f32 [%d1], {%f2, %f3, %f4, %f5};"
#define NVF4                                                                   \
  "mxf4nvf4.block_scale.scale_vec::4X.m16n8k64.row.col.f32.e2m1.e2m1.f32."     \
  "ue4m3"
#define MXF4                                                                   \
  "mxf4.block_scale.scale_vec::2X.m16n8k64.row.col.f32.e2m1.e2m1.f32.ue8m0"

const Pair marks[] = {
    {"padding reaches the output",
     {32},
     FindingKind::PoisonStored,
     "marked",
     R"(
  add.u32 %r1, %tid, <<48||16>>;
  mul.wide.u32 %d1, %r1, 4; add.u64 %d2, %in, %d1;
  ld.global.b32 %r2, [%d2];
  mul.wide.u32 %d1, %tid, 4; add.u64 %d2, %out, %d1;
  st.global.b32 [%d2], %r2;)"},
    {"padding reaches a sum over lanes",
     {32},
     FindingKind::PoisonStored,
     "marked",
     R"(
  add.u32 %r1, %tid, 40; mul.wide.u32 %d1, %r1, 4; add.u64 %d2, %in, %d1;
  ld.global.b32 %r2, [%d2];
  setp.ge.u32 %p1, %tid, 24; <<||@%p1 mov.u32 %r2, 0;>>
  shfl.sync.bfly.b32 %r3, %r2, 16, 31, 0xffffffff;
  add.u32 %r2, %r2, %r3;
  mul.wide.u32 %d1, %tid, 4; add.u64 %d2, %out, %d1;
  st.global.b32 [%d2], %r2;)"},
    {"padding decides a branch",
     {1},
     FindingKind::PoisonSteers,
     "decides",
     R"(
  ld.global.b32 %r1, [%in+<<256||0>>];
  setp.eq.u32 %p1, %r1, 0;
  @%p1 st.global.b32 [%out], 1;)"},
    {"padding numbers a barrier",
     {32},
     FindingKind::PoisonSteers,
     "barrier's number",
     R"(
  ld.global.b32 %r1, [%in+<<256||16>>];
  and.b32 %r1, %r1, 15;
  bar.sync %r1;)"},
    {"padding is an index",
     {1},
     FindingKind::PoisonSteers,
     "address",
     R"(
  ld.global.b32 %r1, [%in+<<256||16>>];
  mul.wide.u32 %d1, %r1, 4; add.u64 %d1, %in, %d1;
  ld.global.b32 %r2, [%d1];)"},
    {"the scale selector names lanes that hold padding",
     {32},
     FindingKind::PoisonStored,
     "marked",
     SCALED(NVF4, "selp.b32 %r2, %r31, %r30, %p4; mov.u32 %r3, "
                  "%r31;\n") "{0, <<1||0>>}, {%r3}, {0, "
                             "0}" STORE_RESULT},
    {"padding in the lanes that give the scales",
     {32},
     FindingKind::PoisonStored,
     "marked",
     SCALED(NVF4, "mov.u32 %r2, %r31; <<@%p1||@!%p1>> mov.u32 %r31, %r30; "
                  "mov.u32 %r3, %r31;\n") "{0, 0}, {%r3}, {0, "
                                          "0}" STORE_RESULT},
    {"the byte selector names padding",
     {32},
     FindingKind::PoisonStored,
     "marked",
     SCALED(MXF4, "and.b32 %r2, %r30, 0xffff0000; or.b32 %r2, %r2, 0x7f7f;\n"
                  "mov.u32 %r3, 0x7f7f7f7f;\n") "{<<2||0>>, 0}, {%r3}, "
                                                "{0, 0}" STORE_RESULT},
};

#define STORE_OWN                                                              \
  "mul.wide.u32 %d1, %tid, 4; add.u64 %d1, %out, %d1;\n"                       \
  "st.global.b32 [%d1], %r1;\n"

/// Values that nothing defines.
const Pair undefined[] = {
    {"a value of a lane that has ended",
     {32},
     FindingKind::PoisonStored,
     "marked",
     "setp.ge.u32 %p1, %lane, 16; <<@%p1 ret;||>>\n"
     "shfl.sync.idx.b32 %r1, %tid, 20, 31, -1;\n" STORE_OWN},
    {"a value of a lane outside of the member mask",
     {32},
     FindingKind::PoisonStored,
     "marked",
     "setp.ge.u32 %p1, %lane, 16; @%p1 ret;\n"
     "shfl.sync.idx.b32 %r1, %tid, <<20||3>>, 31, 0xffff;\n" STORE_OWN},
    {"the same, not used",
     {32},
     FindingKind::PoisonStored,
     "marked",
     "setp.ge.u32 %p1, %lane, 16; @%p1 ret;\n"
     "shfl.sync.down.b32 %r1, %tid, 8, 31, 0xffff;\n"
     "add.u32 %r1, %r1, %tid; setp.lt.u32 %p2, %lane, 8;\n"
     "<<||selp.b32 %r1, %r1, 0, %p2;>>\n" STORE_OWN},
    {"local memory that nobody wrote",
     {32},
     FindingKind::UninitialisedRead,
     "local memory",
     ".local .b32 v[2]; .reg .b64 %at; mov.u64 %at, v;\n"
     "st.local.b32 [%at], %tid; ld.local.b32 %r1, [%at+<<4||0>>];\n"},
    {"a byte selector that differs between lanes",
     {32},
     FindingKind::Trap,
     "not the same in all lanes",
     SCALED(MXF4,
            "cvt.u16.u32 %h1, %lane; and.b16 %h1, %h1, <<2||0>>;\n"
            "mov.u32 %r2, %r31; mov.u32 %r3, %r31;\n") "{%h1, 0}, "
                                                       "{%r3}, "
                                                       "{0, 0}" STORE_RESULT},
};

TEST(Pairs, Undefined) {
  for (const Pair &pair : undefined)
    expectPair(pair);
}

TEST(Pairs, Memory) {
  for (const Pair &pair : memory)
    expectPair(pair);
}

TEST(Pairs, Marks) {
  for (const Pair &pair : marks)
    expectPair(pair);
}

} // namespace
