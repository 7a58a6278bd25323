// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -split-input-file -verify-diagnostics -tile-to-cta

// expected-error @below {{is a template: instantiate it (block-scale-to-tile) first}}
tile.kernel @template<dims(M), params(BM)>(%A: !tile.matrix<[M, 64]>) {
  %0 = arith.constant 0 : i32
}

// -----

tile.kernel @foreign<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    // expected-error @below {{has no place here: the plain schedule lays out load}}
    %0 = llvm.mlir.zero : !llvm.ptr
  }
}

// -----

tile.kernel @steps<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  // expected-error @below {{expected tiles of the schedule, 16 x 16, over a static number of columns}}
  tile.foreach_tile (%m, %n) in (M, 16) by (32, 16) {
    %0 = arith.constant 0 : i32
  }
}
