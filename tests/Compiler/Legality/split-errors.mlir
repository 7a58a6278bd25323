// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What a kernel with parts may not do, in a few lines each.
// RUN: nybl-opt %s -prove-non-interference -split-input-file -verify-diagnostics

// L4: every part stores.
cta.kernel @every_part(%d: !cta.matrix<?, 64>, %stride: i64, %m: i32)
    sources ["d", "d.stride", "m"] threads 32
    schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2> {
  cta.grid_wait
  %thread = cta.thread_id
  %row = arith.extui %thread : i32 to i64
  %offset = arith.muli %row, %stride : i64
  %zero = arith.constant 0.0 : f32
  cta.tile_range %tile, %part in %m parts 2 {
    %inside = arith.cmpi ult, %thread, %m : i32
    // expected-error @below {{refuted: with tile = 0, part = 1 this stores an element of 'd' a second time}}
    cta.store %zero, %d[%offset] if %inside : f32, <?, 64>
  }
}

// -----

// L5: a sum is data.
cta.kernel @sum_as_address(%d: !cta.matrix<?, 64>, %stride: i64, %m: i32, %work: !cta.workspace<32, 4>)
    sources ["d", "d.stride", "m", "workspace"] threads 32
    schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2> {
  cta.grid_wait
  %thread = cta.thread_id
  %zero = arith.constant 0.0 : f32
  cta.tile_range %tile, %part in %m parts 2 {
    cta.sum_parts(%zero, %zero, %zero, %zero) of %tile, %part by %thread in %work : <32, 4> {
    ^bb0(%a: f32, %b: f32, %c: f32, %e: f32):
      %offset = arith.fptoui %a : f32 to i64
      %inside = arith.cmpi ult, %thread, %m : i32
      // expected-error @below {{refuted: an address, a guard, a count or a branch here depends on what was read}}
      cta.store %b, %d[%offset] if %inside : f32, <?, 64>
    }
  }
}

// -----

// L5: nor does what was read say whose turn it is.
cta.kernel @read_as_part(%m: i32, %work: !cta.workspace<32, 4>)
    sources ["m", "workspace"] threads 32
    schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2> {
  cta.grid_wait
  %thread = cta.thread_id
  %stage = cta.alloc : !cta.stage<1024>
  %at = arith.constant 0 : i32
  %read, %r1, %r2, %r3 = cta.ldmatrix %stage[%at] : <1024>
  %zero = arith.constant 0.0 : f32
  cta.tile_range %tile, %part in %m parts 2 {
    // expected-error @below {{refuted: an address, a guard, a count or a branch here depends on what was read}}
    cta.sum_parts(%zero, %zero, %zero, %zero) of %tile, %read by %thread in %work : <32, 4> {
    ^bb0(%a: f32, %b: f32, %c: f32, %e: f32):
    }
  }
}

// -----

// L1: in a loop, parts would add more than once.
cta.kernel @in_a_loop(%m: i32, %work: !cta.workspace<32, 4>)
    sources ["m", "workspace"] threads 32
    schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2> {
  cta.grid_wait
  %thread = cta.thread_id
  %low = arith.constant 0 : i32
  %two = arith.constant 2 : i32
  %one = arith.constant 1 : i32
  %zero = arith.constant 0.0 : f32
  cta.tile_range %tile, %part in %m parts 2 {
    scf.for %i = %low to %two step %one : i32 {
      // expected-error @below {{not proven: expected cta.sum_parts in a tile, outside its K loops}}
      cta.sum_parts(%zero, %zero, %zero, %zero) of %tile, %part by %thread in %work : <32, 4> {
      ^bb0(%a: f32, %b: f32, %c: f32, %e: f32):
      }
    }
  }
}

// -----

// L1: a workspace that nobody uses.
// expected-error @below {{not proven: no thread ever accesses 'workspace', for no M}}
cta.kernel @unused(%m: i32, %work: !cta.workspace<32, 4>)
    sources ["m", "workspace"] threads 32
    schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2> {
  cta.grid_wait
  cta.tile_range %tile, %part in %m parts 2 {
  }
}

// -----

// L6: the parts of all tiles are counted in 32 bits.
cta.kernel @too_many(%m: i32) sources ["m"] threads 32
    schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 64> {
  cta.grid_wait
  // expected-error @below {{not proven: 128 times the number of tiles may not fit 32 bits}}
  cta.tile_range %tile, %part in %m parts 64 {
  }
}
