// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -split-input-file -verify-diagnostics

tile.kernel @k<dims(M), params()>(%X: !tile.matrix<[M, 64], f4E2M1FN>) {
  tile.foreach_tile (%m, %k) in (M, 64) by (8, 64) {
    // expected-error @below {{expected a matrix of f32, f16 or bf16, got one of 'f4E2M1FN'}}
    %x = tile.load_elements %X[%m, %k] : !tile.matrix<[M, 64], f4E2M1FN> -> !tile.acc<[8, 64]>
  }
}

// -----

tile.kernel @k<dims(M), params()>() {
  %x = tile.zeros : !tile.acc<[8, 24]>
  // expected-error @below {{expected whole blocks of 16 columns, got 24 columns}}
  %a = tile.amax %x : !tile.acc<[8, 24]> -> !tile.amax<[8, 24]>
}

// -----

tile.kernel @k<dims(M), params()>() {
  %x = tile.zeros : !tile.acc<[8, 64]>
  // expected-error @below {{expected a result of the sizes of its tile}}
  %a = tile.amax %x : !tile.acc<[8, 64]> -> !tile.amax<[8, 32]>
}

// -----

tile.kernel @k<dims(M), params()>(%g: !tile.scalar<f32>) {
  %x = tile.zeros : !tile.acc<[8, 64]>
  %a = tile.amax %x : !tile.acc<[8, 64]> -> !tile.amax<[8, 64]>
  // expected-error @below {{expected 0, 1 or a name as fast, got 2}}
  %q, %s = tile.quantize %x, %a, %g fast(2) : !tile.acc<[8, 64]>, !tile.amax<[8, 64]>, !tile.scalar<f32>
      -> !tile.tile<[8, 64]>, !tile.scale_tile<[8, 64]>
}

// -----

tile.kernel @k<dims(M), params()>(%g: !tile.scalar<f32>) {
  %x = tile.zeros : !tile.acc<[8, 64]>
  %a = tile.amax %x : !tile.acc<[8, 64]> -> !tile.amax<[8, 64]>
  // expected-error @below {{expected amax, codes and scales of the sizes of the tile}}
  %q, %s = tile.quantize %x, %a, %g fast(0) : !tile.acc<[8, 64]>, !tile.amax<[8, 64]>, !tile.scalar<f32>
      -> !tile.tile<[8, 64]>, !tile.scale_tile<[8, 32]>
}

// -----

tile.kernel @k<dims(M), params()>() {
  %x = tile.zeros : !tile.acc<[8, 64]>
  // expected-error @below {{expected 0, 1 or a name as fast, got 2}}
  %y = tile.silu_mul %x, %x fast(2) : !tile.acc<[8, 64]>
}

// -----

tile.kernel @k<dims(M), params()>(%Q: !tile.matrix<[M, 64]>, %S: !tile.scales<[M, 64]>) {
  tile.foreach_tile (%m, %k) in (M, 64) by (8, 64) {
    %q = tile.load %Q[%m, %k] : !tile.matrix<[M, 64]> -> !tile.tile<[8, 64]>
    %s = tile.load_scales %S[%m, %k] : !tile.scales<[M, 64]> -> !tile.scale_tile<[8, 32]>
    // expected-error @below {{expected codes, scales and a result of the same sizes}}
    %y = tile.dequantize %q, %s : !tile.tile<[8, 64]>, !tile.scale_tile<[8, 32]> -> !tile.acc<[8, 64]>
  }
}
