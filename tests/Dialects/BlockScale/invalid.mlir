// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -split-input-file -verify-diagnostics

// expected-error @below {{expected NVFP4, f4E2M1FN with f8E4M3FN per 16, got 'f4E2M1FN' with 'f8E4M3FN' per 32}}
func.func private @block(!block_scale.tensor<?x384xf4E2M1FN, f8E4M3FN per 32 in "128x4">)

// -----

// expected-error @below {{expected a positive multiple of 16 columns}}
func.func private @columns(!block_scale.tensor<?x70xf4E2M1FN, f8E4M3FN per 16 in "128x4">)

// -----

// expected-error @below {{unknown scale layout '4x128': expected linear, 128x4 or 8x4}}
func.func private @layout(!block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "4x128">)

// -----

func.func @k(%a: !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "linear">,
             %b: !block_scale.tensor<8x80xf4E2M1FN, f8E4M3FN per 16 in "linear">) -> tensor<?x8xf32> {
  // expected-error @below {{expected a and b to have the same K, got 64 and 80}}
  %d = block_scale.gemm %a, %b : !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "linear">,
      !block_scale.tensor<8x80xf4E2M1FN, f8E4M3FN per 16 in "linear"> -> tensor<?x8xf32>
  return %d : tensor<?x8xf32>
}

// -----

func.func @k(%x: tensor<?x64xbf16>) -> !block_scale.tensor<?x80xf4E2M1FN, f8E4M3FN per 16 in "linear"> {
  // expected-error @below {{expected x and q to have the same rows, and x as many columns as q, got}}
  %q = block_scale.quantize %x : tensor<?x64xbf16> -> !block_scale.tensor<?x80xf4E2M1FN, f8E4M3FN per 16 in "linear">
  return %q : !block_scale.tensor<?x80xf4E2M1FN, f8E4M3FN per 16 in "linear">
}

// -----

func.func @k(%x: tensor<?x64xbf16>) -> !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "linear"> {
  // expected-error @below {{expected a global scale beside `decode`}}
  %q = block_scale.quantize %x {decode} : tensor<?x64xbf16> -> !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "linear">
  return %q : !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "linear">
}

// -----

func.func @k(%x: tensor<?x64xbf16>) -> !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "linear"> {
  // expected-error @below {{expected x and q to have the same rows, and x twice as many columns as q, got}}
  %q = block_scale.quantize %x {silu_mul} : tensor<?x64xbf16> -> !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "linear">
  return %q : !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "linear">
}

// -----

func.func @k(%q: !block_scale.tensor<?x80xf4E2M1FN, f8E4M3FN per 16 in "linear">) -> tensor<?x64xbf16> {
  // expected-error @below {{expected y and q to have the same rows and columns, got}}
  %y = block_scale.dequantize %q : !block_scale.tensor<?x80xf4E2M1FN, f8E4M3FN per 16 in "linear"> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}

// -----

func.func @k(%q: !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "linear">) -> tensor<?x64xbf16> {
  // expected-error @below {{expected a global scale beside `encode`}}
  %y = block_scale.dequantize %q {encode} : !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "linear"> -> tensor<?x64xbf16>
  return %y : tensor<?x64xbf16>
}
