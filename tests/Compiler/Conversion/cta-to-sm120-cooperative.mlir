// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Roles become a branch for each, with its loop over tiles; a ring between them, two barriers for each slot.
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=cooperative tile=64x32x64 warps=4x2 stages=3'" -nybl-cta -nybl-prove -cta-to-sm120 | FileCheck %s
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=cooperative tile=64x32x64 warps=4x2 stages=3'" -nybl-cta | sed 's/warps .8, 4./& registers 40/;s/warps .0, 8./& registers 232/' | nybl-opt -nybl-prove -cta-to-sm120 | FileCheck %s -check-prefix=REGISTERS
// RUN: nybl-opt %s -block-scale-to-tile="schedule='kind=cooperative tile=64x32x64 warps=4x2 stages=3'" -nybl-cta -nybl-prove -cta-to-sm120 | FileCheck %s -check-prefix=ORDER

// Full for each of 3 slots, then empty: 4 warps publish, 8 release.
// CHECK: llvm.mlir.global internal @barriers0(){{.*}}!llvm.array<48 x i8>
// CHECK: llvm.func @gemm(
// CHECK-COUNT-3: "@$1 mbarrier.init.shared.b64 [$0], 4;"
// CHECK-NOT: mbarrier.init.shared.b64 [$0], 4;
// CHECK-COUNT-3: "@$1 mbarrier.init.shared.b64 [$0], 8;"
// CHECK-NOT: mbarrier.init
// CHECK: "fence.mbarrier_init.release.cluster;"
// CHECK-NEXT: nvvm.barrier
// CHECK-NOT: nvvm.barrier
// CHECK-NOT: setmaxregister
// CHECK-NOT: cta.

// The writer waits for the other parity than the reader's; the counts of both go round after two rounds of slots.
// ORDER: %[[WARPS:.*]] = arith.constant 256 : i32
// ORDER-NEXT: arith.subi %{{.*}}, %[[WARPS]]
// ORDER: scf.if
// ORDER: %[[ROUND:.*]] = llvm.udiv
// ORDER: %[[PARITY:.*]] = llvm.and %[[ROUND]]
// ORDER: %[[OTHER:.*]] = llvm.xor %[[PARITY]]
// ORDER: mbarrier.try_wait.parity.shared.b64 done, [$0], $1;{{.*}} %{{.*}}, %[[OTHER]] :
// ORDER: cp.async.ca.shared.global
// ORDER: "cp.async.mbarrier.arrive.shared.b64 [$0];"
// ORDER: llvm.mlir.constant(-1 : i32)
// ORDER: nvvm.bar.warp.sync
// ORDER: "@$1 mbarrier.arrive.shared.b64 _, [$0];"
// ORDER: arith.constant 6 : i32
// ORDER: arith.remui
// Dependent grids may start behind the last load.
// ORDER: nvvm.griddepcontrol launch_dependents
// ORDER-NOT: griddepcontrol
// ORDER: scf.if
// ORDER-NOT: llvm.xor
// ORDER: %[[READERS:.*]] = llvm.and
// ORDER-NOT: llvm.xor
// ORDER: mbarrier.try_wait.parity.shared.b64 done, [$0], $1;{{.*}} %{{.*}}, %[[READERS]] :
// ORDER-NOT: cp.async
// ORDER: nvvm.ldmatrix
// ORDER: nvvm.mma.block_scale
// ORDER: "@$1 mbarrier.arrive.shared.b64 _, [$0];"

// REGISTERS: nvvm.setmaxregister decrease 40
// REGISTERS: nvvm.setmaxregister increase 232

func.func @gemm(%a: !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
                %b: !block_scale.tensor<24x336xf4E2M1FN, f8E4M3FN per 16 in "linear">,
                %alpha: f32) -> tensor<?x24xf32> {
  %d = block_scale.gemm %a, %b scaled_by %alpha :
      !block_scale.tensor<?x336xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x336xf4E2M1FN, f8E4M3FN per 16 in "linear"> -> tensor<?x24xf32>
  return %d : tensor<?x24xf32>
}
