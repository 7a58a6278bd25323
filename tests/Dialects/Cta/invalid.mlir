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

// expected-error @below {{expected the stride of a matrix argument as the source of a 'i64', got "m"}}
cta.kernel @wide_m(%m: i64) sources ["m"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected "m" or the reciprocal of a scalar argument as the source of a 'i32', got "a.stride"}}
cta.kernel @narrow_stride(%a: !cta.matrix<8, 192>, %stride: i32) sources ["a", "a.stride"] threads 32 schedule #cta.schedule<"plain", tile = [16, 16, 64], warps = [1, 1]> {
}

// -----

// expected-error @below {{expected the stride of a matrix argument as the source of a 'i64', got "b.stride"}}
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

// expected-error @below {{expected an argument of type matrix, scales, scalar, i64, f32 or i32 as the source of a 'index', got "m"}}
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

// expected-error @below {{expected bytes of a row from 1 to 34359738352, got -8}}
func.func private @row_bytes(!cta.matrix<?, -8>)

// -----

// expected-error @below {{expected bytes from 1 to 2147483647, got 0}}
func.func private @stage(!cta.stage<0>)

// -----

// expected-error @below {{expected bytes from 1 to 2147483647, got -1}}
func.func private @scale_stage(!cta.scale_stage<-1>)

// -----

// expected-error @below {{expected extents of a schedule from 1 to 2147483647, got 0}}
func.func private @warps() attributes {schedule = #cta.schedule<"plain", tile = [16, 16, 64], warps = [0, 1]>}

// -----

// expected-error @below {{expected tile = [m, n, k] and warps = [m, n], got 1 and 2 numbers}}
func.func private @tile() attributes {schedule = #cta.schedule<"plain", tile = [16], warps = [1, 1]>}
