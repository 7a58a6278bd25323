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
