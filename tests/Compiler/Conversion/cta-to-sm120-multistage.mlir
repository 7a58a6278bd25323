// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Rings become slots, copies become cp.async. Each statement clobbers memory, else LLVM moves loads of shared
// memory past it.
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=multistage tile=32x32x64 warps=2x1 stages=3'" -nybl-cta -nybl-prove -cta-to-sm120 | FileCheck %s
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=multistage tile=64x64x64 warps=1x1 stages=2'" -nybl-cta -nybl-prove -cta-to-sm120 | FileCheck %s -check-prefix=PACKED

// Two words are one read, which is aligned as a whole; a multiply's thread ids are its selectors.
// PACKED: %[[B:.*]] = llvm.load {{.*}} {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xi32>
// PACKED: %[[B0:.*]] = llvm.extractelement %[[B]]
// PACKED: %[[B1:.*]] = llvm.extractelement %[[B]]
// PACKED: %[[A:.*]] = llvm.load {{.*}} {alignment = 8 : i64} : !llvm.ptr<3> -> vector<2xi32>
// PACKED: %[[A0:.*]] = llvm.extractelement %[[A]]
// PACKED: %[[ZERO:.*]] = llvm.mlir.constant(0 : i16)
// PACKED: nvvm.mma.block_scale
// PACKED: %[[BYTE:.*]] = llvm.mlir.constant(0 : i16)
// PACKED-NEXT: %[[NONE:.*]] = llvm.mlir.constant(0 : i16)
// PACKED-NEXT: %[[ONE:.*]] = llvm.mlir.constant(1 : i16)
// PACKED-NEXT: nvvm.mma.block_scale {{.*}}scaleA[%[[A0]], %[[BYTE]], %[[NONE]]] scaleB[%[[B0]], %[[BYTE]], %[[ONE]]]

// Three slots each, on multiples of 128 bytes: scale factors 32 x 4, data 32 x (32 + 16).
// CHECK-DAG: llvm.mlir.global internal @stage0(){{.*}}alignment = 128{{.*}}!llvm.array<4608 x i8>
// CHECK-DAG: llvm.mlir.global internal @stage1(){{.*}}alignment = 128{{.*}}!llvm.array<384 x i8>
// CHECK-NOT: llvm.mlir.global
// CHECK: llvm.func @gemm(
// CHECK: nvvm.griddepcontrol wait
// CHECK: scf.for %[[P:[a-z0-9]+]] = %c0_i32 to %c2_i32
// CHECK: %[[STAGES:.*]] = llvm.mlir.constant(3 : i32)
// CHECK-NEXT: %[[SLOT:.*]] = llvm.urem %[[P]], %[[STAGES]]
// CHECK-NEXT: %[[BYTES:.*]] = llvm.mlir.constant(1536 : i32)
// CHECK-NEXT: %[[SKIPPED:.*]] = llvm.mul %[[SLOT]], %[[BYTES]]
// CHECK-NEXT: %[[TO:.*]] = llvm.getelementptr %{{.*}}[%[[SKIPPED]]]
// A lane with nothing real copies no byte, and the hardware writes eight zeros.
// CHECK: %[[SIZE:.*]] = llvm.select
// CHECK-NEXT: "cp.async.ca.shared.global [$0], [$1], 8, $2;", "r,l,r,~{memory}" %[[TO]], %{{.*}}, %[[SIZE]]
// The size of a copy of scale factors is how many are real.
// CHECK-COUNT-4: llvm.zext {{.*}} : i1 to i32
// CHECK: %[[SIZE:.*]] = llvm.add
// CHECK-NEXT: "@$3 cp.async.ca.shared.global [$0], [$1], 4, $2;", "r,l,r,b,~{memory}" %{{.*}}, %{{.*}}, %[[SIZE]]
// CHECK: "cp.async.commit_group;", "~{memory}"
// CHECK: scf.for
// CHECK-NEXT: "cp.async.wait_group 1;", "~{memory}"
// CHECK-NEXT: nvvm.barrier
// CHECK: "@$3 cp.async.ca.shared.global [$0], [$1], 8, $2;", "r,l,r,b,~{memory}"
// CHECK: "@$2 st.shared.b8 [$0], $1;", "r,h,b,~{memory}"
// CHECK: "cp.async.commit_group;", "~{memory}"
// CHECK-NOT: inline_asm
// CHECK: nvvm.ldmatrix
// CHECK-NOT: inline_asm
// CHECK: nvvm.mma.block_scale
// CHECK-NOT: nvvm.barrier
// CHECK: scf.yield
// CHECK-NEXT: }
// CHECK-NEXT: nvvm.barrier
// CHECK-NOT: cta.

func.func @gemm(%a: !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x336xf4E2M1FN, f8E4M3FN per 16 in "linear">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x336xf4E2M1FN, f8E4M3FN per 16 in "linear"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
