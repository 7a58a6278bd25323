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

// -----

// expected-error @below {{expected a name of at most 128 letters, digits and '_' that begins with a letter, got 'a b'}}
tile.kernel @"a b"<dims(M), params()>() {
  %0 = arith.constant 0 : i32
}

// -----

// LLVM would take it for an intrinsic.
// expected-error @below {{expected a name of at most 128 letters, digits and '_' that begins with a letter, got 'llvm.trap'}}
tile.kernel @llvm.trap<dims(M), params()>() {
  %0 = arith.constant 0 : i32
}

// -----

// expected-error @below {{got '__nvvm_reflect'}}
tile.kernel @__nvvm_reflect<dims(M), params()>() {
  %0 = arith.constant 0 : i32
}

// -----

// expected-error @below {{names the source 'a' twice}}
tile.kernel @k<dims(M), params()>(%A: !tile.matrix<[M, 64]>, %B: !tile.matrix<[M, 64]>) attributes {sources = ["a", "a"]} {
  %0 = arith.constant 0 : i32
}

// -----

// expected-error @below {{expected two sizes, rows and columns, got 1}}
tile.kernel @k<dims(M), params()>(%A: !tile.matrix<[M]>) {
}

// -----

tile.kernel @k<dims(M), params()>() {
  // expected-error @below {{expected at most 16 nested parentheses in a size}}
  tile.require (((((((((((((((((64))))))))))))))))) == 64, "why"
}

// -----

tile.kernel @k<dims(M), params()>() {
  // expected-error @below {{expected at most 16 nested operations in a size}}
  tile.require 1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1+1 == 18, "why"
}

// -----

// Aliases would make an expression of 2^n terms of n lines.
#a = #tile.expr<add, 1, 1>
// expected-error @below {{expected sizes (numbers, names, expressions) as operands of an expression}}
#b = #tile.expr<add, #a, "x">

// -----

"tile.kernel"() <{sym_name = "k", dims = ["M"], params = []}> ({
  // expected-error @below {{expected a size (a number, a name or an expression), got "foo"}}
  %0 = "tile.param"() <{size = "foo"}> : () -> i32
}) : () -> ()

// -----

"tile.kernel"() <{sym_name = "k", dims = ["M"], params = []}> ({
  // expected-error @below {{expected a size (a number, a name or an expression), got unit}}
  "tile.require"() <{expr = unit, value = 0, message = "why"}> : () -> ()
}) : () -> ()

// -----

"tile.kernel"() <{sym_name = "k", dims = ["M", "N"], params = []}> ({
  // expected-error @below {{expected a size (a number, a name or an expression), got 1 : i32}}
  "tile.foreach_tile"() <{extents = [#tile.name<"M">, #tile.name<"N">], steps = [1 : i32, 16]}> ({
  ^bb0(%m: i32, %n: i32):
    %0 = arith.constant 1 : i32
  }) : () -> ()
}) : () -> ()

// -----

"tile.kernel"() <{sym_name = "k", dims = ["M", "N"], params = []}> ({
  // expected-error @below {{expected coordinates of type i32}}
  "tile.foreach_tile"() <{extents = [#tile.name<"M">, #tile.name<"N">], steps = [16, 16]}> ({
  ^bb0(%m: i64, %n: i64):
    %0 = arith.constant 1 : i32
  }) : () -> ()
}) : () -> ()

// -----

tile.kernel @k<dims(M), params()>() {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %zero = tile.zeros : !tile.acc<[16, 8]>
    // expected-error @below {{expected at least one stage, got 0}}
    %0 = tile.accumulate %k in 64 by 64 stages(0) init(%c = %zero) : !tile.acc<[16, 8]> {
      tile.yield %c : !tile.acc<[16, 8]>
    }
  }
}

// -----

// What an operand is must be known where it is used.
tile.kernel @k<dims(M), params()>(%A: !tile.matrix<[M, 64]>) {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %t = arith.constant true
    %AA = arith.select %t, %A, %A : !tile.matrix<[M, 64]>
    // expected-error @below {{expected an argument of its tile.kernel as the matrix}}
    %0 = tile.load %AA[%m, %n] : !tile.matrix<[M, 64]> -> !tile.tile<[16, 64]>
  }
}

// -----

tile.kernel @k<dims(M), params()>(%S: !tile.scales<[M, 64]>) {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %t = arith.constant true
    %SS = arith.select %t, %S, %S : !tile.scales<[M, 64]>
    // expected-error @below {{expected an argument of its tile.kernel as the scales}}
    %0 = tile.load_scales %SS[%m, %n] : !tile.scales<[M, 64]> -> !tile.scale_tile<[16, 64]>
  }
}

// -----

tile.kernel @k<dims(M), params()>(%s: !tile.scalar<f32>) {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %t = arith.constant true
    %ss = arith.select %t, %s, %s : !tile.scalar<f32>
    %0 = tile.zeros : !tile.acc<[16, 8]>
    // expected-error @below {{expected an argument of its tile.kernel as a scalar}}
    %1 = tile.map %0, %ss : !tile.acc<[16, 8]>, !tile.scalar<f32> -> !tile.acc<[16, 8]> {
    ^bb0(%x: f32, %y: f32):
      tile.yield %x : f32
    }
  }
}

// -----

tile.kernel @k<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) {
  tile.foreach_tile (%m, %n) in (M, 64) by (16, 8) {
    %0 = tile.zeros : !tile.acc<[16, 8]>
    // expected-error @below {{expected a matrix of f32, f16 or bf16 to store to, got one of 'f4E2M1FN'}}
    tile.store %0, %A[%m, %n] : !tile.acc<[16, 8]>, !tile.matrix<[M, 64], f4E2M1FN>
  }
}

// -----

// A coordinate is no element.
tile.kernel @k<dims(M), params()>() {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %0 = tile.zeros : !tile.acc<[16, 8]>
    %1 = tile.map %0 : !tile.acc<[16, 8]> -> !tile.acc<[16, 8]> {
    ^bb0(%x: f32):
      // expected-error @below {{'arith.uitofp' op has no place in tile.map}}
      %y = arith.uitofp %m : i32 to f32
      tile.yield %y : f32
    }
  }
}

// -----

tile.kernel @k<dims(M), params()>() {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %0 = tile.zeros : !tile.acc<[16, 8]>
    %1 = tile.map %0 : !tile.acc<[16, 8]> -> !tile.acc<[16, 8]> {
    ^bb0(%x: f32):
      // expected-error @below {{'cta.thread_id' op has no place in tile.map}}
      %y = cta.thread_id
      tile.yield %x : f32
    }
  }
}

// -----

tile.kernel @k<dims(M), params()>() {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %0 = tile.zeros : !tile.acc<[16, 8]>
    %1 = tile.map %0 : !tile.acc<[16, 8]> -> !tile.acc<[16, 8]> {
    ^bb0(%x: f32):
      // expected-error @below {{'tile.param' op has no place in tile.map}}
      %y = tile.param 16
      tile.yield %x : f32
    }
  }
}

// -----

// With nnan LLVM may make anything of the NaN of a real row.
tile.kernel @k<dims(M), params()>() {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %0 = tile.zeros : !tile.acc<[16, 8]>
    %1 = tile.map %0 : !tile.acc<[16, 8]> -> !tile.acc<[16, 8]> {
    ^bb0(%x: f32):
      // expected-error @below {{'arith.mulf' op has no place in tile.map}}
      %y = arith.mulf %x, %x fastmath<nnan> : f32
      tile.yield %y : f32
    }
  }
}

// -----

tile.kernel @k<dims(M), params()>() {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %0 = tile.zeros : !tile.acc<[16, 8]>
    %1 = tile.map %0 : !tile.acc<[16, 8]> -> !tile.acc<[16, 8]> {
    ^bb0(%x: f32):
      // expected-error @below {{'arith.truncf' op has no place in tile.map}}
      %y = arith.truncf %x toward_zero : f32 to bf16
      %z = arith.extf %y : bf16 to f32
      tile.yield %z : f32
    }
  }
}

// -----

tile.kernel @k<dims(M), params()>() {
  tile.foreach_tile (%m, %n) in (M, 8) by (16, 8) {
    %0 = tile.zeros : !tile.acc<[16, 8]>
    %1 = tile.map %0 : !tile.acc<[16, 8]> -> !tile.acc<[16, 8]> {
    ^bb0(%x: f32):
      // expected-error @below {{'arith.fptosi' op has no place in tile.map}}
      %y = arith.fptosi %x : f32 to i32
      tile.yield %x : f32
    }
  }
}

// -----

// expected-error @below {{that begins with a letter, got 'WARP_SZ'}}
tile.kernel @WARP_SZ<dims(M), params()>() {
  %0 = arith.constant 0 : i32
}

// -----

"tile.kernel"() <{sym_name = "k", dims = ["M"], params = []}> ({
  %0 = "tile.zeros"() : () -> !tile.acc<[16, 8]>
  // expected-error @below {{expected a body that ends in tile.yield}}
  %1 = "tile.map"(%0) ({
  ^bb0(%x: f32):
    "llvm.unreachable"() : () -> ()
  }) : (!tile.acc<[16, 8]>) -> !tile.acc<[16, 8]>
}) : () -> ()

// -----

"tile.kernel"() <{sym_name = "k", dims = ["M"], params = []}> ({
  %0 = "tile.zeros"() : () -> !tile.acc<[16, 8]>
  // expected-error @below {{expected a body that ends in tile.yield}}
  %1 = "tile.accumulate"(%0) <{extent = 64, step = 64, stages = 1}> ({
  ^bb0(%k: i32, %c: !tile.acc<[16, 8]>):
    "llvm.unreachable"() : () -> ()
  }) : (!tile.acc<[16, 8]>) -> !tile.acc<[16, 8]>
}) : () -> ()
