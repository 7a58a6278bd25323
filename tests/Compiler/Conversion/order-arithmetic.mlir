// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Arithmetic stands before its first use, its operands from the first to the last, whatever the order it came in; a
// region's uses are those of its op. Loads and sums of floats stay where they are; what nobody uses goes.
// RUN: nybl-opt %s -order-arithmetic | FileCheck %s
// RUN: nybl-opt %s -order-arithmetic -order-arithmetic | FileCheck %s

// CHECK: cta.kernel @order
// CHECK-NEXT: cta.grid_wait
// CHECK-NEXT: %[[ID:.*]] = cta.thread_id
// CHECK-NEXT: %[[SCALAR:.*]] = cta.load_scalar
// CHECK-NEXT: arith.addf %[[SCALAR]], %[[SCALAR]]
// CHECK-NEXT: %[[ONE:.*]] = arith.constant 1 : i32
// CHECK-NEXT: %[[SUM:.*]] = arith.addi %[[ID]], %[[ONE]]
// CHECK-NEXT: %[[TWO:.*]] = arith.constant 2 : i32
// CHECK-NEXT: %[[PRODUCT:.*]] = arith.muli %[[ID]], %[[TWO]]
// CHECK-NEXT: %[[COUNT:.*]] = arith.addi %[[SUM]], %[[PRODUCT]]
// CHECK-NEXT: %[[OUTER:.*]] = arith.constant 3 : i32
// CHECK-NEXT: cta.tile_range %[[TILE:.*]] in %[[COUNT]] {
// CHECK-NEXT: %[[WIDE:.*]] = arith.extui %[[TILE]]
// CHECK-NEXT: %[[OFFSET:.*]] = arith.muli %[[WIDE]], %{{.*}}
// CHECK-NEXT: %[[GUARD:.*]] = arith.cmpi ult, %[[TILE]], %[[OUTER]]
// CHECK-NEXT: cta.load %{{.*}}[%[[OFFSET]]] if %[[GUARD]]
// CHECK-NEXT: }
cta.kernel @order(%a: !cta.matrix<?, 64>, %stride: i64, %alpha: !cta.scalar, %value: f32, %m: i32)
    sources ["a", "a.stride", "alpha", "alpha.value", "m"] threads 32
    schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  cta.grid_wait
  %three = arith.constant 3 : i32
  %two = arith.constant 2 : i32
  %one = arith.constant 1 : i32
  %unused = arith.muli %three, %two : i32
  %again = arith.addi %unused, %one : i32
  %id = cta.thread_id
  %product = arith.muli %id, %two : i32
  %sum = arith.addi %id, %one : i32
  %scalar = cta.load_scalar %alpha or %value
  %float = arith.addf %scalar, %scalar : f32
  %count = arith.addi %sum, %product : i32
  cta.tile_range %tile in %count {
    %guard = arith.cmpi ult, %tile, %three : i32
    %wide = arith.extui %tile : i32 to i64
    %offset = arith.muli %wide, %stride : i64
    %data = cta.load %a[%offset] if %guard : !cta.matrix<?, 64>
  }
}
