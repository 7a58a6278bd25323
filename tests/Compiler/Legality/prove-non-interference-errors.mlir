// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -split-input-file -verify-diagnostics -prove-non-interference

// The negated twin of L1: without the row guard, thread 1 reads the padding of M = 0 or 1 rows.
cta.kernel @no_row_guard(%s: !cta.scales<?, 24, "128x4">, %m: i32) sources ["sfa", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %stage = cta.alloc : !cta.scale_stage<32>
  %t = cta.thread_id
  %c16 = arith.constant 16 : i64
  %yes = arith.constant true
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %c16 : i64
  // expected-error @below {{this reaches a scale factor of 'sfa' in a padding row}}
  %x = cta.load_scale %s[%at] if %yes : !cta.scales<?, 24, "128x4">
  cta.store_scale %x, %stage[%t] : !cta.scale_stage<32>
}

// -----

// K blocks 29..31 of the last word are padding.
cta.kernel @no_block_guard(%s: !cta.scales<?, 29, "8x4">, %m: i32) sources ["sfa", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %stage = cta.alloc : !cta.scale_stage<32>
  %t = cta.thread_id
  %c0 = arith.constant 0 : i32
  %c4 = arith.constant 4 : i64
  %c32 = arith.constant 32 : i64
  %inside = arith.cmpi ult, %c0, %m : i32
  %block = arith.extui %t : i32 to i64
  %word = arith.divui %block, %c4 : i64
  %in = arith.remui %block, %c4 : i64
  %base = arith.muli %word, %c32 : i64
  %at = arith.addi %base, %in : i64
  // expected-error @below {{this reaches a scale factor of 'sfa' in a padding K block}}
  %x = cta.load_scale %s[%at] if %inside : !cta.scales<?, 29, "8x4">
  cta.store_scale %x, %stage[%t] : !cta.scale_stage<32>
}

// -----

// Off by one: row <= M instead of row < M.
cta.kernel @off_by_one(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %one = arith.constant 1 : i32
  %more = arith.addi %m, %one : i32
  %inside = arith.cmpi ult, %t, %more : i32
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %stride : i64
  // expected-error @below {{this reaches a row of 'a' past its last}}
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// -----

// 8 bytes after a row of 192.
cta.kernel @past_the_row(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %c192 = arith.constant 192 : i64
  %inside = arith.cmpi ult, %t, %m : i32
  %row = arith.extui %t : i32 to i64
  %start = arith.muli %row, %stride : i64
  %at = arith.addi %start, %c192 : i64
  // expected-error @below {{this reaches a byte of 'a' past the end of its row}}
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// -----

// Another operand's stride is not this operand's row.
cta.kernel @wrong_stride(%a: !cta.matrix<?, 192>, %sa: i64, %b: !cta.matrix<8, 192>, %sb: i64, %m: i32) sources ["a", "a.stride", "b", "b.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %inside = arith.cmpi ult, %t, %m : i32
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %sb : i64
  // expected-error @below {{not proven: expected row * a.stride + byte as the offset into 'a'}}
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// -----

// Outside the fragment: never a pass.
cta.kernel @product(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %inside = arith.cmpi ult, %t, %m : i32
  // expected-error @below {{not proven: a product of two unknowns}}
  %square = arith.muli %t, %m : i32
  %row = arith.extui %square : i32 to i64
  %at = arith.muli %row, %stride : i64
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// -----

// The negated twin of L6: M * 512 does not fit 32 bits at M = 2^24.
cta.kernel @wraps(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %c512 = arith.constant 512 : i32
  // expected-error @below {{not proven: with M up to 16777216 this may not fit 32 bits}}
  %large = arith.muli %m, %c512 : i32
  %inside = arith.cmpi ult, %t, %large : i32
  %within = arith.cmpi ult, %t, %m : i32
  %both = arith.andi %inside, %within : i1
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %stride : i64
  %x = cta.load %a[%at] if %both : !cta.matrix<?, 192>
}

// -----

// What the prover cannot see through it does not pass.
cta.kernel @foreign(%a: !cta.matrix<?, 192>, %m: i32) sources ["a", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{not proven: expected ops of cta and arith and scf.for in a kernel}}
  %p = llvm.mlir.zero : !llvm.ptr
}

// -----

// expected-error @below {{not proven: no thread ever accesses 'a', for no M}}
cta.kernel @idle(%a: !cta.matrix<?, 192>, %m: i32) sources ["a", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
}

// -----

// A tile range says M >= 1 of what happens in it, and nothing of what happens after it.
cta.kernel @after_tiles(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %yes = arith.constant true
  %zero = arith.constant 0 : i64
  %at = arith.muli %zero, %stride : i64
  cta.tile_range %tile in %m {
    %x = cta.load %a[%at] if %yes : !cta.matrix<?, 192>
  }
  // expected-error @below {{refuted: with M = 0 this reaches a row of 'a' past its last}}
  %y = cta.load %a[%at] if %yes : !cta.matrix<?, 192>
}

// -----

// What holds in a tile range is remembered for it alone, whatever was asked there.
cta.kernel @after_the_same_question(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %one = arith.constant 1 : i32
  %two = arith.constant 2 : i32
  %some = arith.cmpi ult, %one, %two : i32
  %zero = arith.constant 0 : i64
  %at = arith.muli %zero, %stride : i64
  cta.tile_range %tile in %m {
    %x = cta.load %a[%at] if %some : !cta.matrix<?, 192>
  }
  // expected-error @below {{refuted: with M = 0 this reaches a row of 'a' past its last}}
  %y = cta.load %a[%at] if %some : !cta.matrix<?, 192>
}

// -----

// A loop that never runs says nothing of what happens after it.
cta.kernel @after_no_step(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %inside = arith.cmpi ult, %t, %m : i32
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %stride : i64
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  scf.for %k = %c0 to %c0 step %c1 : i32 {
    %some = arith.cmpi ult, %k, %m : i32
    %x = cta.load %a[%at] if %some : !cta.matrix<?, 192>
  }
  %yes = arith.constant true
  // expected-error @below {{this reaches a row of 'a' past its last}}
  %y = cta.load %a[%at] if %yes : !cta.matrix<?, 192>
}

// -----

// -1 : i32 is extended with zeros: row t + 2^32, not t.
cta.kernel @negative_row(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %one = arith.constant 1 : i64
  %minus = arith.constant -1 : i32
  %inside = arith.cmpi ult, %t, %m : i32
  %row = arith.extui %t : i32 to i64
  %wide = arith.extui %minus : i32 to i64
  %next = arith.addi %row, %one : i64
  %sum = arith.addi %next, %wide : i64
  // expected-error @below {{not proven: with M up to 16777216 this may not fit 64 bits; bound its parts}}
  %at = arith.muli %sum, %stride : i64
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// -----

// t < -1 is compared as unsigned: it always holds.
cta.kernel @negative_guard(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %minus = arith.constant -1 : i32
  %always = arith.cmpi ult, %t, %minus : i32
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %stride : i64
  // expected-error @below {{this reaches a row of 'a' past its last}}
  %x = cta.load %a[%at] if %always : !cta.matrix<?, 192>
}

// -----

// true : i1 is 1.
cta.kernel @true_is_one(%a: !cta.matrix<1, 192>, %stride: i64) sources ["a", "a.stride"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %yes = arith.constant true
  %row = arith.extui %yes : i1 to i64
  %at = arith.muli %row, %stride : i64
  // expected-error @below {{refuted: with any M and any thread this reaches a row of 'a' past its last}}
  %x = cta.load %a[%at] if %yes : !cta.matrix<1, 192>
}

// -----

cta.kernel @constant_of_64_bits(%a: !cta.matrix<1, 192>, %stride: i64) sources ["a", "a.stride"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %yes = arith.constant true
  // expected-error @below {{not proven: expected a constant below 2^62, read as unsigned}}
  %minus = arith.constant -1 : i64
  %at = arith.muli %minus, %stride : i64
  %x = cta.load %a[%at] if %yes : !cta.matrix<1, 192>
}

// -----

// Compared as unsigned, this loop runs 2^32 - 1 times.
cta.kernel @unsigned_loop(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %minus = arith.constant -1 : i32
  %yes = arith.constant true
  // expected-error @below {{not proven: expected a loop from 0 to a constant by 1, compared as signed numbers}}
  scf.for unsigned %k = %c0 to %minus step %c1 : i32 {
    %row = arith.extui %k : i32 to i64
    %at = arith.muli %row, %stride : i64
    %x = cta.load %a[%at] if %yes : !cta.matrix<?, 192>
  }
}

// -----

cta.kernel @index_type(%s: !cta.scales<8, 4, "linear">) sources ["sfa"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c8 = arith.constant 8 : index
  %zero = arith.constant 0 : i64
  // expected-error @below {{not proven: expected integers of at most 64 bits in an address, a guard or a loop, got 'index'}}
  %sum = arith.addi %c0, %c1 : index
  %inside = arith.cmpi ult, %sum, %c8 : index
  %x = cta.load_scale %s[%zero] if %inside : !cta.scales<8, 4, "linear">
}

// -----

// What D held before the launch is no input.
cta.kernel @reads_the_output(%d: !cta.matrix<?, 96>, %stride: i64, %m: i32) sources ["d", "d.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %inside = arith.cmpi ult, %t, %m : i32
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %stride : i64
  // expected-error @below {{refuted: with M = 1, thread = 0 this reaches the output 'd' with a load}}
  %x = cta.load %d[%at] if %inside : !cta.matrix<?, 96>
}

// -----

cta.kernel @writes_an_input(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %zero = arith.constant 0.0 : f32
  %inside = arith.cmpi ult, %t, %m : i32
  %row = arith.extui %t : i32 to i64
  %at = arith.muli %row, %stride : i64
  // expected-error @below {{this reaches the input 'a' with a store}}
  cta.store %zero, %a[%at] if %inside : f32, !cta.matrix<?, 192>
}

// -----

// -1 : i8 is 255.
cta.kernel @negative_byte(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %one = arith.constant 1 : i32
  %minus = arith.constant -1 : i8
  %inside = arith.cmpi ult, %t, %m : i32
  %wide = arith.extui %minus : i8 to i32
  %next = arith.addi %t, %one : i32
  %sum = arith.addi %next, %wide : i32
  %row = arith.extui %sum : i32 to i64
  %at = arith.muli %row, %stride : i64
  // expected-error @below {{this reaches a row of 'a' past its last}}
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// -----

// Where arithmetic wraps nothing is refuted: m - 128 < m never holds in the kernel where it would be negative.
cta.kernel @wraps_below_zero(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %minus = arith.constant -128 : i32
  // expected-error @below {{not proven: with M up to 16777216 this may not fit 32 bits; compute it in 64 bits, or bound its parts}}
  %before = arith.addi %m, %minus : i32
  %inside = arith.cmpi ult, %before, %m : i32
  %row = arith.extui %before : i32 to i64
  %at = arith.muli %row, %stride : i64
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// -----

// 0 times what overflows a coefficient: the bound of the quotient is taken for 1.
cta.kernel @large_coefficient(%a: !cta.matrix<?, 192>, %stride: i64, %m: i32) sources ["a", "a.stride", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %t = cta.thread_id
  %c1000 = arith.constant 1000 : i64
  %large = arith.constant 2305843009213693952 : i64
  %inside = arith.cmpi ult, %t, %m : i32
  %wide = arith.extui %t : i32 to i64
  %none = arith.divui %wide, %c1000 : i64
  %once = arith.muli %none, %large : i64
  // expected-error @below {{not proven: with M up to 16777216 this may not fit 64 bits; bound its parts}}
  %twice = arith.muli %once, %large : i64
  %at = arith.muli %twice, %stride : i64
  %x = cta.load %a[%at] if %inside : !cta.matrix<?, 192>
}

// -----

// Scales reach f32 through the multiply, and from there may not decide how often anything happens.
cta.kernel @data_steers(%s: !cta.scales<8, 4, "linear">) sources ["sfa"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %yes = arith.constant true
  %zero = arith.constant 0 : i64
  %c0 = arith.constant 0 : i32
  %c1 = arith.constant 1 : i32
  %f = arith.constant 0.0 : f32
  %stage = cta.alloc : !cta.scale_stage<32>
  %x = cta.load_scale %s[%zero] if %yes : !cta.scales<8, 4, "linear">
  cta.store_scale %x, %stage[%c0] : !cta.scale_stage<32>
  %w = cta.load_scale_word %stage[%c0] : !cta.scale_stage<32>
  %d0, %d1, %d2, %d3 = cta.mma (%c0, %c0, %c0, %c0) scaled %w, (%c0, %c0) scaled %w, (%f, %f, %f, %f)
  %n = arith.fptosi %d0 : f32 to i32
  // expected-error @below {{refuted: an address, a guard, a count or a branch here depends on what was read from memory}}
  scf.for %k = %c0 to %n step %c1 : i32 {
    cta.barrier
  }
}

// -----

// The interface sees the scalar too.
cta.kernel @scalar_that_is_an_output(%d: !cta.scalar, %value: f32) sources ["d", "d.value"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{refuted: with any M and any thread this reaches the output 'd' with a load}}
  %x = cta.load_scalar %d or %value
}

// -----

// 8 bytes at byte 4 of a row: the hardware would refuse.
cta.kernel @misaligned(%a: !cta.matrix<8, 192>, %stride: i64) sources ["a", "a.stride"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %yes = arith.constant true
  %zero = arith.constant 0 : i64
  %four = arith.constant 4 : i64
  %start = arith.muli %zero, %stride : i64
  %at = arith.addi %start, %four : i64
  // expected-error @below {{not proven: expected a multiple of 8 as the byte within a row of 'a'}}
  %x = cta.load %a[%at] if %yes : !cta.matrix<8, 192>
}
