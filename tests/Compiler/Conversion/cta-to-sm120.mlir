// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -block-scale-to-tile="schedule=kind=plain" -nybl-cta -nybl-prove -cta-to-sm120 | FileCheck %s
// RUN: not nybl-opt %s -block-scale-to-tile="schedule=kind=plain" -nybl-cta -cta-to-sm120 2>&1 | FileCheck %s -check-prefix=UNPROVEN
// A certificate speaks of the very text that was proven: a column of D more is another text.
// RUN: nybl-opt %s -block-scale-to-tile="schedule=kind=plain" -nybl-cta -nybl-prove > %t.mlir
// RUN: nybl-opt %t.mlir -cta-to-sm120 | FileCheck %s
// RUN: sed 's/arith.constant 24 : i32/arith.constant 25 : i32/' %t.mlir > %t.edited.mlir
// RUN: not nybl-opt %t.edited.mlir -cta-to-sm120 2>&1 | FileCheck %s -check-prefix=EDITED

// EDITED: has the certificate of another text: expected the hash {{[0-9a-f]+}}, got "{{[0-9a-f]+}}"; run prove-non-interference again
// UNPROVEN: has no certificate: run prove-non-interference
// CHECK: llvm.func @gemm(
// The caller's buffers promise nothing to LLVM.
// CHECK-NOT: llvm.noalias
// CHECK-NOT: llvm.readonly
// CHECK: nvvm.griddepcontrol wait
// The zero is written before the address is read: never into its register.
// CHECK: ld.global.b64 {{.*}}"=&l,l,b"
// CHECK: ld.global.b8 {{.*}}"=&h,l,b"
// CHECK: nvvm.ldmatrix
// CHECK: nvvm.mma.block_scale
// CHECK: st.global.b32

func.func @gemm(%a: !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x384xf4E2M1FN, f8E4M3FN per 16 in "8x4">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x384xf4E2M1FN, f8E4M3FN per 16 in "8x4"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
