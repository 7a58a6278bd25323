// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernels that look at operands, as PTX for any GPU from sm_80 on: the
// driver compiles them. A finding is a count and the least index at which there
// was one.
#ifndef NYBL_RUNTIME_LAUNCH_OPERANDCHECKPTX_H
#define NYBL_RUNTIME_LAUNCH_OPERANDCHECKPTX_H

namespace nybl::launch {

/// Each thread takes scale factors (row, K block) by turns, and finds where
/// they lie by a formula of its own (layout: nybl_scale_layout). counts: NaN
/// bytes, and zeros above data that are not all zero.
inline constexpr const char *scaleCheckPtx = R"(.version 7.0
.target sm_80
.address_size 64
.visible .entry nybl_check_scales(.param .u64 data, .param .u64 stride,
    .param .u64 scales, .param .u64 rows, .param .u64 blocks, .param .u32 layout,
    .param .u64 counts)
{
  .reg .pred %p<8>;
  .reg .b32 %r<16>;
  .reg .b64 %l<32>;
  ld.param.u64 %l1, [data];
  ld.param.u64 %l2, [stride];
  ld.param.u64 %l3, [scales];
  ld.param.u64 %l4, [rows];
  ld.param.u64 %l5, [blocks];
  ld.param.u32 %r1, [layout];
  ld.param.u64 %l6, [counts];
  mov.u32 %r2, %ctaid.x;
  mov.u32 %r3, %ntid.x;
  mov.u32 %r4, %tid.x;
  mov.u32 %r5, %nctaid.x;
  cvt.u64.u32 %l7, %r4;
  mul.wide.u32 %l8, %r2, %r3;
  add.u64 %l7, %l7, %l8;
  mul.wide.u32 %l8, %r5, %r3;
  mul.lo.u64 %l9, %l4, %l5;
LOOP:
  setp.ge.u64 %p1, %l7, %l9;
  @%p1 bra DONE;
  div.u64 %l10, %l7, %l5;
  mul.lo.u64 %l11, %l10, %l5;
  sub.u64 %l11, %l7, %l11;
  mov.u64 %l12, %l7;
  setp.eq.u32 %p2, %r1, 1;
  @%p2 bra READ;
  add.u64 %l13, %l5, 3;
  shr.u64 %l13, %l13, 2;
  shr.u64 %l14, %l11, 2;
  and.b64 %l12, %l11, 3;
  setp.eq.u32 %p2, %r1, 3;
  @%p2 bra EIGHT;
  shr.u64 %l15, %l10, 7;
  mul.lo.u64 %l15, %l15, %l13;
  add.u64 %l15, %l15, %l14;
  shl.b64 %l15, %l15, 9;
  add.u64 %l12, %l12, %l15;
  and.b64 %l16, %l10, 31;
  shl.b64 %l16, %l16, 4;
  add.u64 %l12, %l12, %l16;
  shr.u64 %l17, %l10, 5;
  and.b64 %l17, %l17, 3;
  shl.b64 %l17, %l17, 2;
  add.u64 %l12, %l12, %l17;
  bra READ;
EIGHT:
  shr.u64 %l15, %l10, 3;
  mul.lo.u64 %l15, %l15, %l13;
  add.u64 %l15, %l15, %l14;
  shl.b64 %l15, %l15, 5;
  add.u64 %l12, %l12, %l15;
  and.b64 %l16, %l10, 7;
  shl.b64 %l16, %l16, 2;
  add.u64 %l12, %l12, %l16;
READ:
  add.u64 %l18, %l3, %l12;
  ld.global.u8 %r6, [%l18];
  and.b32 %r7, %r6, 127;
  setp.ne.u32 %p3, %r7, 127;
  @%p3 bra ZERO;
  atom.global.add.u64 %l19, [%l6], 1;
  atom.global.min.u64 %l20, [%l6+8], %l7;
  bra NEXT;
ZERO:
  setp.ne.u32 %p4, %r7, 0;
  @%p4 bra NEXT;
  mul.lo.u64 %l21, %l10, %l2;
  add.u64 %l21, %l21, %l1;
  shl.b64 %l22, %l11, 3;
  add.u64 %l21, %l21, %l22;
  ld.global.u64 %l23, [%l21];
  and.b64 %l23, %l23, 0x7777777777777777;
  setp.eq.u64 %p5, %l23, 0;
  @%p5 bra NEXT;
  atom.global.add.u64 %l24, [%l6+16], 1;
  atom.global.min.u64 %l25, [%l6+24], %l7;
NEXT:
  add.u64 %l7, %l7, %l8;
  bra LOOP;
DONE:
  ret;
}
)";

/// counts: elements of a matrix whose exponent, the bits of `mask`, is all
/// ones.
inline constexpr const char *elementCheckPtx = R"(.version 7.0
.target sm_80
.address_size 64
.visible .entry nybl_check_elements(.param .u64 matrix, .param .u64 stride,
    .param .u64 rows, .param .u64 columns, .param .u32 width, .param .u32 mask,
    .param .u64 counts)
{
  .reg .pred %p<4>;
  .reg .b16 %h<2>;
  .reg .b32 %r<16>;
  .reg .b64 %l<32>;
  ld.param.u64 %l1, [matrix];
  ld.param.u64 %l2, [stride];
  ld.param.u64 %l3, [rows];
  ld.param.u64 %l4, [columns];
  ld.param.u32 %r1, [width];
  ld.param.u32 %r2, [mask];
  ld.param.u64 %l5, [counts];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mov.u32 %r6, %nctaid.x;
  cvt.u64.u32 %l6, %r5;
  mul.wide.u32 %l7, %r3, %r4;
  add.u64 %l6, %l6, %l7;
  mul.wide.u32 %l7, %r6, %r4;
  mul.lo.u64 %l8, %l3, %l4;
  cvt.u64.u32 %l9, %r1;
LOOP:
  setp.ge.u64 %p1, %l6, %l8;
  @%p1 bra DONE;
  div.u64 %l10, %l6, %l4;
  mul.lo.u64 %l11, %l10, %l4;
  sub.u64 %l11, %l6, %l11;
  mul.lo.u64 %l12, %l10, %l2;
  mul.lo.u64 %l13, %l11, %l9;
  add.u64 %l12, %l12, %l13;
  add.u64 %l12, %l12, %l1;
  setp.eq.u32 %p2, %r1, 4;
  @%p2 bra WORD;
  ld.global.u16 %h1, [%l12];
  cvt.u32.u16 %r7, %h1;
  bra LOOK;
WORD:
  ld.global.u32 %r7, [%l12];
LOOK:
  and.b32 %r8, %r7, %r2;
  setp.ne.u32 %p3, %r8, %r2;
  @%p3 bra NEXT;
  atom.global.add.u64 %l14, [%l5], 1;
  atom.global.min.u64 %l15, [%l5+8], %l6;
NEXT:
  add.u64 %l6, %l6, %l7;
  bra LOOP;
DONE:
  ret;
}
)";

} // namespace nybl::launch

#endif // NYBL_RUNTIME_LAUNCH_OPERANDCHECKPTX_H
