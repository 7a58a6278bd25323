// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{expected whole warps, at most 1024 threads, got 33}}
cta.kernel @threads() sources [] threads 33 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %0 = arith.constant 0 : i32
}

// -----

// expected-error @below {{expected one source for each of the 1 arguments, got 0}}
cta.kernel @sources(%m: i32) sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %0 = arith.constant 0 : i32
}

// -----

// A scale factor flows to a scale stage and nowhere else.
cta.kernel @escape(%s: !cta.scales<?, 24, "linear">, %m: i32) sources ["sfa", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %zero = arith.constant 0 : i64
  %yes = arith.constant true
  %x = cta.load_scale %s[%zero] if %yes : !cta.scales<?, 24, "linear">
  // expected-error @below {{must not use a value of type '!cta.scale': scale factors flow only to scale slots}}
  %y = arith.select %yes, %x, %x : !cta.scale
}

// -----

cta.kernel @cast(%s: !cta.scales<?, 24, "linear">, %m: i32) sources ["sfa", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{must not use a value of type '!cta.scales<?, 24, "linear">'}}
  %y = builtin.unrealized_conversion_cast %s : !cta.scales<?, 24, "linear"> to i64
}

// -----

// expected-error @below {{expected an argument "m", for 'a' has ? rows}}
cta.kernel @no_m(%a: !cta.matrix<?, 192>) sources ["a"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected each source once, got "m" twice}}
cta.kernel @twice(%m: i32, %n: i32) sources ["m", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected the stride of a matrix argument, or the tile_stride of a scales argument as the source of a 'i64', got "m"}}
cta.kernel @wide_m(%m: i64) sources ["m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected "m", "n", "k.blocks" or the reciprocal of a scalar argument as the source of a 'i32', got "a.stride"}}
cta.kernel @narrow_stride(%a: !cta.matrix<8, 192>, %stride: i32) sources ["a", "a.stride"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected the stride of a matrix argument, or the tile_stride of a scales argument as the source of a 'i64', got "b.stride"}}
cta.kernel @stride_of_nothing(%a: !cta.matrix<8, 192>, %stride: i64) sources ["a", "b.stride"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected the name of an operand, without a dot as the source of a '!cta.matrix<8, 192>', got "a.stride"}}
cta.kernel @dot(%a: !cta.matrix<8, 192>) sources ["a.stride"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected the value of a scalar argument as the source of a 'f32', got "alpha.value"}}
cta.kernel @value(%v: f32) sources ["alpha.value"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected an argument of type matrix, tensor_map, scales, scalar, i64, f32 or i32 as the source of a 'index', got "m"}}
cta.kernel @index(%m: index) sources ["m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

cta.kernel @outer() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{expects parent op 'builtin.module'}}
  cta.kernel @inner() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  }
}

// -----

// expected-error @below {{expected K blocks from 1 to 2147483647, got 0}}
func.func private @no_blocks(!cta.scales<8, 0, "linear">)

// -----

// expected-error @below {{unknown scale layout 'diagonal'}}
func.func private @layout(!cta.scales<8, 4, "diagonal">)

// -----

// expected-error @below {{expected ? or rows from 1 to 2147483647, got 0}}
func.func private @no_rows(!cta.matrix<0, 192>)

// -----

// expected-error @below {{expected a positive number of bytes}}
// expected-error @below {{failed to parse Cta_MatrixType parameter 'rowBytes'}}
func.func private @row_bytes(!cta.matrix<?, -8>)

// -----

// expected-error @below {{expected bytes of what is free from 1 to 16, got 24}}
func.func private @free_bytes(!cta.matrix<?, ? x 24>)

// -----

// expected-error @below {{expected an argument "n", for 'b' has ? rows}}
cta.kernel @rows_of_b(%b: !cta.matrix<?, 192>, %m: i32) sources ["b", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected an argument "k.blocks", for 'sfa' has ? K blocks}}
cta.kernel @blocks_of_a(%s: !cta.scales<8, ?, "8x4">, %n: i32) sources ["sfa", "n"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected a number of K blocks of 'q': only those of a gemm are free at launch}}
cta.kernel @bytes_of_q(%q: !cta.matrix<8, ? x 8>, %k: i32) sources ["q", "k.blocks"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

cta.kernel @tiles_by_two(%m: i32) sources ["m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{expected neither parts nor groups of tiles with two coordinates}}
  cta.tile_range %tile, %part in %m by %m parts 2 {
  }
}

// -----

cta.kernel @steps_twice(%m: i32) sources ["m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{expected its steps to be a number or a value, not both}}
  %ring = cta.ring stages 2 steps 3 for %m
}

// -----

// expected-error @below {{expected bytes of a stage from 1 to 1048576, got 0}}
func.func private @stage(!cta.stage<0>)

// -----

// expected-error @below {{expected bytes of a stage from 1 to 1048576, got -1}}
func.func private @scale_stage(!cta.scale_stage<-1>)

// -----

// expected-error @below {{expected extents of a schedule from 1 to 2147483647, got 0}}
func.func private @warps() attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [0, 1]>}

// -----

// expected-error @below {{expected tile = [m, n, k] and warps = [m, n], got 1 and 2 numbers}}
func.func private @tile() attributes {schedule = #cta.schedule<"plain", tile = [16], warps = [1, 1]>}

// -----

cta.kernel @three_words() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %stage = cta.alloc : !cta.scale_stage<512>
  %offset = arith.constant 0 : i32
  // expected-error @below {{expected 1, 2 or 4 words, got 3}}
  %words:3 = cta.load_scale_words %stage[%offset] : <512> -> !cta.scale_word, !cta.scale_word, !cta.scale_word
}

// -----

cta.kernel @words_in_arithmetic() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %stage = cta.alloc : !cta.scale_stage<512>
  %offset = arith.constant 0 : i32
  %true = arith.constant true
  %words:2 = cta.load_scale_words %stage[%offset] : <512> -> !cta.scale_word, !cta.scale_word
  // expected-error @below {{must not use a value of type '!cta.scale_word': scale factors flow only to scale slots}}
  %chosen = arith.select %true, %words#0, %words#1 : !cta.scale_word
}

// -----

func.func @third_lanes(%a: i32, %scale: !cta.scale_word, %c: f32) {
  // expected-error @below {{attribute 'sa_selector' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative whose maximum value is 1}}
  cta.mma(%a, %a, %a, %a) scaled %scale, (%a, %a) scaled %scale, (%c, %c, %c, %c) {sa_selector = 2 : i64}
  return
}

// -----

func.func @fifth_lane(%a: i32, %scale: !cta.scale_word, %c: f32) {
  // expected-error @below {{attribute 'sb_selector' failed to satisfy constraint: 64-bit signless integer attribute whose value is non-negative whose maximum value is 3}}
  cta.mma(%a, %a, %a, %a) scaled %scale, (%a, %a) scaled %scale, (%c, %c, %c, %c) {sb_selector = 4 : i64}
  return
}

// -----

cta.kernel @overlapping_roles() sources [] threads 64 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  cta.tile_range %tile in %count {
    cta.role "producer" %thread in warps [0, 2] {
    }
    // expected-error @below {{has a warp that another role has}}
    cta.role "consumer" %thread in warps [1, 1] {
    }
  }
}

// -----

cta.kernel @no_such_warp() sources [] threads 64 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  cta.tile_range %tile in %count {
    // expected-error @below {{expected some of the kernel's 2 warps, got [1, 2]}}
    cta.role "producer" %thread in warps [1, 2] {
    }
  }
}

// -----

cta.kernel @no_warp() sources [] threads 64 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  cta.tile_range %tile in %count {
    // expected-error @below {{expected some of the kernel's 2 warps, got [1, 0]}}
    cta.role "producer" %thread in warps [1, 0] {
    }
  }
}

// -----

cta.kernel @odd_registers() sources [] threads 128 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  cta.tile_range %tile in %count {
    // expected-error @below {{expected whole warpgroups and 24 to 256 registers, a multiple of 8, got warps [0, 4] and 44}}
    cta.role "producer" %thread in warps [0, 4] registers 44 {
    }
  }
}

// -----

cta.kernel @few_registers() sources [] threads 128 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  cta.tile_range %tile in %count {
    // expected-error @below {{expected whole warpgroups and 24 to 256 registers, a multiple of 8, got warps [0, 4] and 16}}
    cta.role "producer" %thread in warps [0, 4] registers 16 {
    }
  }
}

// -----

cta.kernel @half_a_warpgroup() sources [] threads 256 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  cta.tile_range %tile in %count {
    // expected-error @below {{expected whole warpgroups and 24 to 256 registers, a multiple of 8, got warps [2, 4] and 40}}
    cta.role "producer" %thread in warps [2, 4] registers 40 {
    }
  }
}

// -----

cta.kernel @unequal_groups() sources [] threads 192 schedule #cta.schedule<"pingpong", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  cta.tile_range %tile in %count {
    // expected-error @below {{expected 2 to 8 turns of equal groups of warps, got 4 of 6 warps}}
    cta.role "consumer" %thread in warps [0, 6] turns 4 {
    }
  }
}

// -----

cta.kernel @turn_without_groups() sources [] threads 64 schedule #cta.schedule<"pingpong", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  cta.tile_range %tile in %count {
    cta.role "consumer" %thread in warps [0, 2] {
      // expected-error @below {{expected a role with `turns`}}
      cta.take_turn
    }
  }
}

// -----

// expected-error @below {{expected scheduler = "clc" of a schedule, or none, got "dynamic"}}
func.func private @scheduler() attributes {schedule = #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2, scheduler = "dynamic">}

// -----

// expected-error @below {{expected a schedule with roles and no split where the scheduler is clc, got "multistage" and a split of 1}}
func.func private @nobody_asks() attributes {schedule = #cta.schedule<"multistage", tile = [16, 16, 64], warps = [1, 1], stages = 2, scheduler = "clc">}

// -----

// expected-error @below {{expected a schedule with roles and no split where the scheduler is clc, got "cooperative" and a split of 2}}
func.func private @all_at_once() attributes {schedule = #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2, split = 2, scheduler = "clc">}

// -----

cta.kernel @order_without_columns() sources [] threads 64 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %count = arith.constant 1 : i32
  // expected-error @below {{expected both `columns` and `group`, or neither}}
  cta.tile_range %tile in %count attributes {group = 2 : i64} {
  }
}

// -----

cta.kernel @large_group() sources [] threads 64 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %count = arith.constant 1 : i32
  // expected-error @below {{expected 1 or more columns and rows in a group, and at most 2147483647 tiles in it, got 65536 and 65536}}
  cta.tile_range %tile in %count attributes {columns = 65536 : i64, group = 65536 : i64} {
  }
}

// -----

cta.kernel @barrier_in_a_role() sources [] threads 64 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  cta.tile_range %tile in %count {
    cta.role "producer" %thread in warps [1, 1] {
      // expected-error @below {{has no place in a role: it is for all threads}}
      cta.barrier
    }
  }
}

// -----

cta.kernel @barrier_beside_a_role() sources [] threads 64 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  cta.tile_range %tile in %count {
    // expected-error @below {{has no place beside roles: expected arithmetic}}
    cta.barrier
    cta.role "producer" %thread in warps [1, 1] {
    }
  }
}

// -----

cta.kernel @step_beside_a_role() sources [] threads 64 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  %ring = cta.ring stages 2 steps 1
  cta.tile_range %tile in %count {
    cta.role "producer" %thread in warps [1, 1] {
    }
    // expected-error @below {{has no place beside roles: expected arithmetic}}
    cta.ring_release %ring[%tile]
  }
}

// -----

cta.kernel @thread_id_and_roles() sources [] threads 64 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  // expected-error @below {{has no place in a kernel with roles: the argument of a role is its thread}}
  %id = cta.thread_id
  cta.tile_range %tile in %count {
    cta.role "producer" %thread in warps [1, 1] {
    }
  }
}

// -----

cta.kernel @no_steps() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{attribute 'steps' failed to satisfy constraint}}
  %ring = cta.ring stages 2 steps 0
}

// -----

cta.kernel @claimed_arrivals() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{expected no attribute but its own}}
  %ring = cta.ring stages 2 steps 1 {publishing_warps = 3 : i64}
}

// -----

cta.kernel @claimed_place() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{expected no offset: it is set when the kernel is lowered}}
  %stage = cta.alloc {offset = 0 : i64} : !cta.stage<128>
}

// -----

cta.kernel @more_registers_than_there_are() sources [] threads 384 schedule #cta.schedule<"cooperative", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %count = arith.constant 1 : i32
  // expected-error @below {{expected registers of all 12 warps or of none, 64512 at most, got 65536 of 12 warps}}
  cta.tile_range %tile in %count {
    cta.role "producer" %a in warps [0, 4] registers 40 {
    }
    cta.role "one" %b in warps [4, 4] registers 232 {
    }
    cta.role "two" %c in warps [8, 4] registers 240 {
    }
  }
}

// -----

cta.kernel @box_without_roles(%a: !cta.matrix<?, 64>, %map: !cta.tensor_map<8, 32>, %stride: i64, %m: i32) sources ["a", "a.map", "a.stride", "m"] threads 32 schedule #cta.schedule<"multistage", tile = [16, 16, 64], warps = [1, 1], stages = 2> {
  %ring = cta.ring stages 2
  %stage = cta.alloc in %ring : !cta.stage<256>
  %zero = arith.constant 0 : i32
  %mine = arith.constant true
  // expected-error @below {{expected to be in a role, with a ring that has `steps`}}
  cta.copy_box %map of %a[%zero, %zero], %stage in %ring at %zero when %mine : !cta.tensor_map<8, 32>, !cta.matrix<?, 64>, !cta.stage<256>
}

// -----

cta.kernel @stored_box_without_roles(%d: !cta.matrix<?, 64>, %map: !cta.tensor_map<8, 32>, %m: i32) sources ["d", "d.map", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %stage = cta.alloc : !cta.output_stage<256>
  %zero = arith.constant 0 : i32
  %mine = arith.constant true
  // expected-error @below {{expected to be in a role}}
  cta.store_box %map of %d[%zero, %zero], %stage[%zero] when %mine : !cta.tensor_map<8, 32>, !cta.matrix<?, 64>, !cta.output_stage<256>
}

// -----

cta.kernel @map_of_another(%a: !cta.matrix<?, 64>, %d: !cta.matrix<?, 64>, %map: !cta.tensor_map<8, 32>, %m: i32) sources ["a", "d", "a.map", "m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %stage = cta.alloc : !cta.output_stage<256>
  %zero = arith.constant 0 : i32
  %mine = arith.constant true
  // expected-error @below {{expected arguments of the kernel: a matrix and its map}}
  cta.store_box %map of %d[%zero, %zero], %stage[%zero] when %mine : !cta.tensor_map<8, 32>, !cta.matrix<?, 64>, !cta.output_stage<256>
}

// -----

cta.kernel @output_stage_in_a_ring() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %ring = cta.ring stages 2
  // expected-error @below {{expected a stage of D in no ring}}
  %stage = cta.alloc in %ring : !cta.output_stage<256>
}

// -----

cta.kernel @chosen_output_stage() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %one = cta.alloc : !cta.output_stage<256>
  %two = cta.alloc : !cta.output_stage<256>
  %zero = arith.constant 0 : i32
  %first = arith.constant true
  %stage = arith.select %first, %one, %two : !cta.output_stage<256>
  %x = arith.constant 1.0 : f32
  // expected-error @below {{expected the result of cta.alloc as its stage}}
  cta.store_pair %x, %x, %stage[%zero] : f32, !cta.output_stage<256>
}

// -----

cta.kernel @pairs_of_two_kinds(%x: f16, %y: f32) sources ["x", "y"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  %stage = cta.alloc : !cta.output_stage<256>
  %zero = arith.constant 0 : i32
  // expected-error @below {{failed to verify that all of {first, second} have same type}}
  "cta.store_pair"(%x, %y, %stage, %zero) : (f16, f32, !cta.output_stage<256>, i32) -> ()
}

// -----

cta.kernel @acquired_by_all() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{expects parent op 'cta.role'}}
  cta.output_acquire
}

// -----

cta.kernel @empty_output_stage() sources [] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{expected bytes of a stage from 1 to 1048576, got 0}}
  %stage = cta.alloc : !cta.output_stage<0>
}

// -----

cta.kernel @parts_without_an_argument(%m: i32) sources ["m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2> {
  // expected-error @below {{expected i32 block arguments: the tile's index and, where `parts` is more than 1, the part}}
  cta.tile_range %tile in %m parts 2 {
  }
}

// -----

cta.kernel @too_many_parts(%m: i32) sources ["m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
  // expected-error @below {{attribute 'parts' failed to satisfy constraint}}
  cta.tile_range %tile, %part in %m parts 65 {
  }
}

// -----

// expected-error @below {{expected "workspace" as the source of a !cta.workspace, and of nothing else, got "m" of a '!cta.workspace<32, 4>'}}
cta.kernel @workspace_by_another_name(%work: !cta.workspace<32, 4>) sources ["m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected whole warps, at most 1024 threads, and 4 to 1024 registers, a multiple of 4, got 32 and 6}}
cta.kernel @workspace_of_six(%work: !cta.workspace<32, 6>) sources ["workspace"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

cta.kernel @too_few_values(%m: i32, %work: !cta.workspace<32, 8>) sources ["m", "workspace"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2> {
  %thread = cta.thread_id
  %zero = arith.constant 0.0 : f32
  cta.tile_range %tile, %part in %m parts 2 {
    // expected-error @below {{expected 8 values, the registers of its workspace, got 4}}
    cta.sum_parts(%zero, %zero, %zero, %zero) of %tile, %part by %thread in %work : <32, 8> {
    ^bb0(%a: f32, %b: f32, %c: f32, %d: f32):
    }
  }
}

// -----

cta.kernel @too_few_arguments(%m: i32, %work: !cta.workspace<32, 4>) sources ["m", "workspace"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2> {
  %thread = cta.thread_id
  %zero = arith.constant 0.0 : f32
  cta.tile_range %tile, %part in %m parts 2 {
    // expected-error @below {{expected a block argument for each of its values}}
    cta.sum_parts(%zero, %zero, %zero, %zero) of %tile, %part by %thread in %work : <32, 4> {
    ^bb0(%a: f32):
    }
  }
}

// -----

cta.kernel @barrier_of_the_last_part(%m: i32, %work: !cta.workspace<32, 4>) sources ["m", "workspace"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1], split = 2> {
  %thread = cta.thread_id
  %zero = arith.constant 0.0 : f32
  cta.tile_range %tile, %part in %m parts 2 {
    cta.sum_parts(%zero, %zero, %zero, %zero) of %tile, %part by %thread in %work : <32, 4> {
    ^bb0(%a: f32, %b: f32, %c: f32, %d: f32):
      // expected-error @below {{has no place in cta.sum_parts: expected what is computed and stores of it}}
      cta.barrier
    }
  }
}

// -----

cta.kernel @k(%x: !cta.matrix<8, 64>) sources ["x"] threads 32
    schedule #cta.schedule<"plain", tile = [8, 64, 16], warps = [1, 1]> {
  %zero = arith.constant 0 : i64
  %yes = arith.constant true
  // expected-error @below {{expected 4 results, those of 16 bytes, got 2}}
  %0:2 = cta.load_elements %x[%zero] if %yes as f32 : <8, 64> -> f32, f32
}

// -----

cta.kernel @k(%x: !cta.matrix<8, 64>) sources ["x"] threads 32
    schedule #cta.schedule<"plain", tile = [8, 64, 16], warps = [1, 1]> {
  %zero = arith.constant 0 : i64
  %yes = arith.constant true
  // expected-error @below {{expected elements of f32, f16 or bf16, got 'f64'}}
  %0:2 = cta.load_elements %x[%zero] if %yes as f64 : <8, 64> -> f32, f32
}

// -----

cta.kernel @k(%e: f32) sources ["global.value"] threads 32
    schedule #cta.schedule<"plain", tile = [8, 64, 16], warps = [1, 1]> {
  // expected-error @below {{expected elements of f32, f16 or bf16, got 'i8'}}
  %0 = cta.silu_mul %e, %e as i8
}

// -----

cta.kernel @k(%e: f32) sources ["global.value"] threads 32
    schedule #cta.schedule<"plain", tile = [8, 64, 16], warps = [1, 1]> {
  // expected-error @below {{expected a block of 16 elements, got 2}}
  %codes, %scale = cta.quantize(%e, %e) by %e
}

// -----

cta.kernel @k(%g: !cta.scalar, %e: f32) sources ["global", "global.value"] threads 32
    schedule #cta.schedule<"plain", tile = [8, 64, 16], warps = [1, 1]> {
  %yes = arith.constant true
  %codes, %scale = cta.quantize(%e, %e, %e, %e, %e, %e, %e, %e, %e, %e, %e, %e, %e, %e, %e, %e) by %e
  // expected-error @below {{must not use a value of type '!cta.scale'}}
  %other = arith.select %yes, %scale, %scale : !cta.scale
}

// -----

cta.kernel @k(%y: !cta.matrix<8, 64>, %e: f32) sources ["y", "global.value"] threads 32
    schedule #cta.schedule<"plain", tile = [8, 64, 16], warps = [1, 1]> {
  %zero = arith.constant 0 : i64
  %yes = arith.constant true
  // expected-error @below {{expected 8 values, those of 16 bytes, got 2}}
  cta.store_elements(%e, %e) as f16, %y[%zero] if %yes : <8, 64>
}

// -----

cta.kernel @k(%s: !cta.scales<8, 4, "8x4">) sources ["sfq"] threads 32
    schedule #cta.schedule<"plain", tile = [8, 64, 16], warps = [1, 1]> {
  %zero = arith.constant 0 : i64
  %yes = arith.constant true
  %scale = cta.load_scale %s[%zero] if %yes : <8, 4, "8x4">
  // expected-error @below {{expected a block of 16 elements, got 1}}
  %0 = cta.dequantize %zero by %scale : f32
}
