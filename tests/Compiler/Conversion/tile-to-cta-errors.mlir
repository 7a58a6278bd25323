// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -split-input-file -verify-diagnostics -tile-to-cta

// expected-error @below {{is a template: instantiate it (block-scale-to-tile) first}}
tile.kernel @template<dims(M), params(BM)>(%A: !tile.matrix<[M, 64]>) {
  %0 = arith.constant 0 : i32
}

// -----

tile.kernel @foreign<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    // expected-error @below {{has no place here: a schedule lays out load}}
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

// -----

// What is not instantiated has no element type; what is, is an operand.
// expected-error @below {{expected operands a, sfa, b, sfb, d and alpha of a gemm, x, q, sfq and global of a quantisation, or q, sfq, y and global of what undoes it, got 'a' of type '!tile.matrix<[M, 64]>'}}
tile.kernel @unbound<dims(M), params()>(%A: !tile.matrix<[M, 64]>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
}

// -----

// expected-error @below {{expected operands a, sfa, b, sfb, d and alpha of a gemm, x, q, sfq and global of a quantisation, or q, sfq, y and global of what undoes it, got 'm' of type 'i32'}}
tile.kernel @foreign_argument<dims(M), params()>(%x: i32) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["m"]} {
}

// -----

// expected-error @below {{expected M or a number of rows for 'a', and a positive multiple of 16 columns}}
tile.kernel @half_rows<dims(M), params()>(%A: !tile.matrix<[M floordiv 2, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
}

// -----

// expected-error @below {{expected M or a number of rows for 'a', and a positive multiple of 16 columns}}
tile.kernel @odd_columns<dims(M), params()>(%A: !tile.matrix<[M, 24], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
}

// -----

// An expression over M is not M.
tile.kernel @half<dims(M), params()>() attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = []} {
  // expected-error @below {{expected M or a number of rows, and at least one column, to walk over}}
  tile.foreach_tile (%m, %n) in (M floordiv 2, 16) by (16, 16) {
    %0 = arith.constant 0 : i32
  }
}

// -----

tile.kernel @no_columns<dims(M), params()>() attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = []} {
  // expected-error @below {{expected M or a number of rows, and at least one column, to walk over}}
  tile.foreach_tile (%m, %n) in (M, 0) by (16, 16) {
    %0 = arith.constant 0 : i32
  }
}

// -----

tile.kernel @reads_output<dims(M), params()>(%D: !tile.matrix<[M, 64], f32>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["d"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    %acc = tile.accumulate %k in 64 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      // expected-error @below {{reads 'd', the output: expected an input of the problem}}
      %x = tile.load %D[%m, %k] : !tile.matrix<[M, 64], f32> -> !tile.tile<[16, 64]>
      tile.yield %c : !tile.acc<[16, 16]>
    }
  }
}

// -----

tile.kernel @rows<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    %acc = tile.accumulate %k in 64 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      // expected-error @below {{expected a tile of 1 to 4096 rows, got 1000000000}}
      %x = tile.load %A[%m, %k] : !tile.matrix<[M, 64], f4E2M1FN> -> !tile.tile<[1000000000, 64]>
      tile.yield %c : !tile.acc<[16, 16]>
    }
  }
}

// -----

tile.kernel @rows<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    %acc = tile.accumulate %k in 64 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      // expected-error @below {{expected a tile of 1 to 4096 rows, got -64}}
      %x = tile.load %A[%m, %k] : !tile.matrix<[M, 64], f4E2M1FN> -> !tile.tile<[0 - 64, 64]>
      tile.yield %c : !tile.acc<[16, 16]>
    }
  }
}

// -----

tile.kernel @rows<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    %acc = tile.accumulate %k in 64 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      // expected-error @below {{expected a tile of 1 to 4096 rows, got 0}}
      %x = tile.load %A[%m, %k] : !tile.matrix<[M, 64], f4E2M1FN> -> !tile.tile<[0, 64]>
      tile.yield %c : !tile.acc<[16, 16]>
    }
  }
}

// -----

tile.kernel @rows<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    %acc = tile.accumulate %k in 64 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      // expected-error @below {{expected a tile of 1 to 4096 rows, got 4097}}
      %x = tile.load %A[%m, %k] : !tile.matrix<[M, 64], f4E2M1FN> -> !tile.tile<[4097, 64]>
      tile.yield %c : !tile.acc<[16, 16]>
    }
  }
}

// -----

tile.kernel @free_rows<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    %acc = tile.accumulate %k in 64 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      // expected-error @below {{expected a tile of 1 to 4096 rows, got a free size}}
      %x = tile.load %A[%m, %k] : !tile.matrix<[M, 64], f4E2M1FN> -> !tile.tile<[M, 64]>
      tile.yield %c : !tile.acc<[16, 16]>
    }
  }
}

// -----

tile.kernel @select<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    %yes = arith.constant true
    // expected-error @below {{'arith.select' op has no place here}}
    %x = arith.select %yes, %zero, %zero : !tile.acc<[16, 16]>
  }
}

// -----

tile.kernel @flags<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    // expected-error @below {{'arith.addi' op has no place here}}
    %x = arith.addi %m, %n overflow<nuw> : i32
  }
}

// -----

tile.kernel @wide<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    // expected-error @below {{'arith.index_cast' op has no place here}}
    %x = arith.index_cast %m : i32 to index
  }
}

// -----

tile.kernel @param<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    // expected-error @below {{expected a number from 0 to 2147483647 after instantiation}}
    %x = tile.param 4294967296
  }
}

// -----

tile.kernel @free_param<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    // expected-error @below {{expected a number from 0 to 2147483647 after instantiation}}
    %x = tile.param M
  }
}

// -----

tile.kernel @negative_extent<dims(M), params()>(%A: !tile.matrix<[M, 64], f4E2M1FN>) attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]>, sources = ["a"]} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    // expected-error @below {{expected a static extent, 0 or more, walked by the schedule's K step, 64}}
    %acc = tile.accumulate %k in 0 - 1000 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      tile.yield %c : !tile.acc<[16, 16]>
    }
  }
}

// -----

// A width that no template of ours has, for Select looks at N before.
// expected-error @below {{expected rows of 'd' of whole 16 bytes where TMA stores them, got rows of 40 bytes; use the schedule without store=tma}}
tile.kernel @narrow<dims(M), params()>(%D: !tile.matrix<[M, 20], bf16>) attributes {schedule = #cta.schedule<"cooperative", tile = [32, 32, 64], warps = [2, 2], stages = 2, store = "tma">, sources = ["d"]} {
  tile.foreach_tile (%m, %n) in (M, 20) by (32, 32) {
    %zero = tile.zeros : !tile.acc<[32, 32]>
    tile.store %zero, %D[%m, %n] : !tile.acc<[32, 32]>, !tile.matrix<[M, 20], bf16>
  }
}

// -----

tile.kernel @uneven<dims(M), params()>() attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2>, sources = []} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    // expected-error @below {{expected K steps that split=2 divides, got 3; use another split, or another K step}}
    %acc = tile.accumulate %k in 192 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      tile.yield %c : !tile.acc<[16, 16]>
    }
  }
}

// -----

tile.kernel @no_step<dims(M), params()>() attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2>, sources = []} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    // expected-error @below {{expected K steps that split=2 divides, got 0}}
    %acc = tile.accumulate %k in 0 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      tile.yield %c : !tile.acc<[16, 16]>
    }
  }
}

// -----

tile.kernel @summed_twice<dims(M), params()>() attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2>, sources = []} {
  tile.foreach_tile (%m, %n) in (M, 16) by (16, 16) {
    %zero = tile.zeros : !tile.acc<[16, 16]>
    // expected-error @below {{expected one tile.accumulate in a tile where split=2: its parts are added up once}}
    %first = tile.accumulate %k in 128 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      tile.yield %c : !tile.acc<[16, 16]>
    }
    %second = tile.accumulate %k in 128 by 64 stages(1) init(%c = %zero) : !tile.acc<[16, 16]> {
      tile.yield %c : !tile.acc<[16, 16]>
    }
  }
}

// -----

// expected-error @below {{expected whole warps, at most 1024 threads, and 4 to 1024 registers, a multiple of 4, got 32 and 0}}
tile.kernel @nothing_to_sum<dims(M), params()>() attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2>, sources = []} {
  %0 = arith.constant 0 : i32
}
