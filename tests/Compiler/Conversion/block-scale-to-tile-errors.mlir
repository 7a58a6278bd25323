// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// RUN: nybl-opt %s -split-input-file -verify-diagnostics -block-scale-to-tile

// A function becomes one kernel.
func.func @two(%a: !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
               %b: !block_scale.tensor<24x64xf4E2M1FN, f8E4M3FN per 16 in "8x4">) -> (tensor<?x24xf32>, tensor<?x24xf32>) {
  // expected-error @below {{expected one block_scale.gemm in a func.func, which becomes a kernel}}
  %d = block_scale.gemm %a, %b :
      !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x64xf4E2M1FN, f8E4M3FN per 16 in "8x4"> -> tensor<?x24xf32>
  %e = block_scale.gemm %a, %b :
      !block_scale.tensor<?x64xf4E2M1FN, f8E4M3FN per 16 in "128x4">,
      !block_scale.tensor<24x64xf4E2M1FN, f8E4M3FN per 16 in "8x4"> -> tensor<?x24xf32>
  return %d, %e : tensor<?x24xf32>, tensor<?x24xf32>
}
