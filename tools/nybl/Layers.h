// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Dense layers of nine models, each at the M that kernels for it are compared
// at: what binds differs from one to the next.
#ifndef NYBL_TOOLS_NYBL_LAYERS_H
#define NYBL_TOOLS_NYBL_LAYERS_H

#include <cstdint>

namespace nybl::cli {

struct Layer {
  const char *name;
  int64_t m, n, k;
};

inline constexpr Layer denseLayers[] = {
    {"llama3.1-8b qkv", 1, 6144, 4096},
    {"llama3.1-8b qkv", 16, 6144, 4096},
    {"llama3.1-8b gate_up", 1, 28672, 4096},
    {"llama3.1-8b gate_up", 64, 28672, 4096},
    {"llama3.1-8b gate_up", 2048, 28672, 4096},
    {"llama3.1-8b down", 1, 4096, 14336},
    {"llama3.1-8b down", 64, 4096, 14336},
    {"llama3.1-8b down", 2048, 4096, 14336},
    {"llama3.3-70b TP4 qkv", 1, 2560, 8192},
    {"llama3.3-70b TP4 o", 8, 8192, 2048},
    {"llama3.3-70b TP4 gate_up", 1, 14336, 8192},
    {"llama3.3-70b TP4 gate_up", 32, 14336, 8192},
    {"llama3.3-70b TP4 gate_up", 8192, 14336, 8192},
    {"llama3.3-70b TP4 down", 1, 8192, 7168},
    {"llama3.3-70b TP4 down", 32, 8192, 7168},
    {"llama3.3-70b TP4 down", 8192, 8192, 7168},
    {"llama3.1-405b TP8 gate_up", 16, 13312, 16384},
    {"llama3.1-405b TP8 down", 16, 16384, 6656},
    {"llama3.1-405b TP8 down", 4096, 16384, 6656},
    {"ds-r1 TP8 o_proj", 1, 7168, 2048},
    {"ds-r1 TP8 o_proj", 128, 7168, 2048},
    {"ds-r1 dense gate_up TP8", 8, 4608, 7168},
    {"ds-r1 shared gate_up", 4, 4096, 7168},
    {"ds-r1 shared gate_up", 4096, 4096, 7168},
    {"qwen3-32b TP2 gate_up", 2, 25600, 5120},
    {"qwen3-32b TP2 gate_up", 1024, 25600, 5120},
    {"qwen3.8-27b down", 32, 5120, 17408},
    {"glm-5 dense gate_up TP8", 64, 3072, 6144},
    {"glm-5 o_proj TP8", 1205, 6144, 2048},
    {"glm-4.5-air dense down TP2", 1, 4096, 5472},
    {"glm-4.5-air dense down TP2", 128, 4096, 5472},
    {"nemotron3-nano shared down", 8, 2688, 3712}};

} // namespace nybl::cli

#endif // NYBL_TOOLS_NYBL_LAYERS_H
