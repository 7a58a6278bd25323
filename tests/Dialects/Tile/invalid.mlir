// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{declares the name 'M' twice}}
tile.kernel @k<dims(M, M), params()>() {
  %0 = arith.constant 0 : i32
}

// -----

tile.kernel @k<dims(M), params(BM)>(%A: !tile.matrix<[M, 64]>) {
  // expected-error @below {{uses a name that is neither in dims nor in params of its tile.kernel}}
  %0 = tile.zeros : !tile.acc<[BM, BX]>
}

// -----

tile.kernel @k<dims(M), params()>(%S: !tile.scales<[M, 64], f8E4M3FN per 16 in "linear">) {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    // expected-error @below {{expected a tile of whole K blocks of 16 columns, got 24}}
    %0 = tile.load_scales %S[%m, %n] : !tile.scales<[M, 64], f8E4M3FN per 16 in "linear"> -> !tile.scale_tile<[16, 24]>
  }
}

// -----

tile.kernel @k<dims(M), params()>(%A: !tile.matrix<[M, 64]>) {
  // expected-error @below {{expected 2 coordinates, extents and steps (rows and columns), got 1, 1 and 1}}
  tile.foreach_tile (%m) in (M) by (16) {
    %0 = arith.constant 0 : i32
  }
}

// -----

tile.kernel @k<dims(M), params()>(%s: !tile.scalar<f32>, %f: f32) {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %0 = tile.zeros : !tile.acc<[16, 8]>
    // expected-error @below {{expected accumulators of the result's type}}
    %1 = tile.map %0 : !tile.acc<[16, 8]> -> !tile.acc<[16, 16]> {
    ^bb0(%x: f32):
      tile.yield %x : f32
    }
  }
}

// -----

tile.kernel @k<dims(M), params()>(%a: !tile.tile<[16, 64]>, %sa: !tile.scale_tile<[16, 64]>, %c: !tile.acc<[16, 8]>) {
  // expected-error @below {{expected a: [BM, BK], b: [BN, BK], acc: [BM, BN], got other sizes}}
  %0 = tile.dot_scaled %a, %sa, %a, %sa, %c : !tile.tile<[16, 64]>, !tile.scale_tile<[16, 64]>, !tile.tile<[16, 64]>, !tile.scale_tile<[16, 64]>, !tile.acc<[16, 8]>
}
