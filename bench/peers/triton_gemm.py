#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# How long Triton takes for one NVFP4 GEMM tile, without a GPU. Plain pointers
# and linear scales; M, N and K free at launch. Prints JSON, times in ms:
#   cold      the first compile of a process: hashes Triton's own files too
#   warm      medians of later compiles of the same process, caches off
#   ptxas_ms  the given ptxas on the PTX, median (Triton's own is in "cubin")
# Needs only the package triton; run it by './dev bench compile'.
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time


def kernel_source():
    """Imports Triton and returns the kernel; apart, so that it can be timed."""
    import triton
    import triton.language as tl

    @triton.jit
    def gemm(a_ptr, sfa_ptr, b_ptr, sfb_ptr, d_ptr, alpha_ptr, M, N, K,
             BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
        rows = tl.program_id(0) * BM + tl.arange(0, BM)
        cols = tl.program_id(1) * BN + tl.arange(0, BN)
        bytes_k = tl.arange(0, BK // 2)
        blocks_k = tl.arange(0, BK // 16)
        blocks = K // 16
        acc = tl.zeros((BM, BN), dtype=tl.float32)
        for k in tl.range(0, tl.cdiv(K, BK)):
            byte = k * (BK // 2) + bytes_k
            block = k * (BK // 16) + blocks_k
            a = tl.load(a_ptr + rows[:, None] * (K // 2) + byte[None, :],
                        mask=(rows < M)[:, None] & (byte < K // 2)[None, :], other=0)
            b = tl.load(b_ptr + cols[None, :] * (K // 2) + byte[:, None],
                        mask=(cols < N)[None, :] & (byte < K // 2)[:, None], other=0)
            sfa = tl.load(sfa_ptr + rows[:, None] * blocks + block[None, :],
                          mask=(rows < M)[:, None] & (block < blocks)[None, :], other=0.0)
            sfb = tl.load(sfb_ptr + cols[:, None] * blocks + block[None, :],
                          mask=(cols < N)[:, None] & (block < blocks)[None, :], other=0.0)
            acc = tl.dot_scaled(a, sfa, "e2m1", b, sfb, "e2m1", acc)
        acc *= tl.load(alpha_ptr)
        out = d_ptr + rows[:, None].to(tl.int64) * N + cols[None, :]
        tl.store(out, acc.to(tl.bfloat16), mask=(rows < M)[:, None] & (cols < N)[None, :])

    return triton, gemm


def compile_once(triton, gemm, tile, chip, stages, warps):
    """Returns (times in ms by stage, PTX)."""
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource
    signature = {"a_ptr": "*u8", "sfa_ptr": "*fp8e4nv", "b_ptr": "*u8",
                 "sfb_ptr": "*fp8e4nv", "d_ptr": "*bf16", "alpha_ptr": "*fp32",
                 "M": "i32", "N": "i32", "K": "i32",
                 "BM": "constexpr", "BN": "constexpr", "BK": "constexpr"}
    divisible = [["tt.divisibility", 16]]
    source = ASTSource(gemm, signature,
                       constexprs=dict(zip(("BM", "BN", "BK"), tile)),
                       attrs={(i,): divisible for i in (0, 1, 2, 3, 4, 7, 8)})
    measured = {}

    def listen(times, cache_hit, **_):
        if cache_hit:
            sys.exit("expected a compile, got a hit of Triton's cache")
        measured["init"] = times.ir_initialization / 1000
        for stage, microseconds in times.lowering_stages:
            measured[stage] = microseconds / 1000

    triton.knobs.compilation.listener = listen
    begin = time.perf_counter()
    kernel = triton.compile(source, target=GPUTarget("cuda", chip, 32),
                            options={"num_stages": stages, "num_warps": warps,
                                     "ptx_version": 90})
    measured["total"] = (time.perf_counter() - begin) * 1000
    return measured, kernel.asm["ptx"]


def time_ptxas(ptxas, ptx, repeats):
    """The median wall time of ptxas -O3 on the PTX, in ms."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "gemm.ptx")
        with open(path, "w") as file:
            file.write(ptx)
        target = next(line.split()[1].rstrip(",") for line in ptx.splitlines()
                      if line.startswith(".target"))
        command = [ptxas, "-O3", f"--gpu-name={target}", path, "-o", path + ".cubin"]
        samples = []
        for _ in range(repeats):
            begin = time.perf_counter()
            run = subprocess.run(command, capture_output=True, text=True)
            samples.append((time.perf_counter() - begin) * 1000)
            if run.returncode:
                sys.exit(f"expected '{' '.join(command)}' to succeed, it says: "
                         + run.stderr.strip())
        return statistics.median(samples)


def main():
    parser = argparse.ArgumentParser(description="Times Triton on one NVFP4 GEMM tile.")
    parser.add_argument("--tile", default="128x128x128", help="BMxBNxBK")
    parser.add_argument("--chip", type=int, default=120)
    parser.add_argument("--stages", type=int, default=3)
    parser.add_argument("--warps", type=int, default=4)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--ptxas", help="also time this ptxas on the PTX")
    parser.add_argument("--ptx", metavar="FILE", help="write the PTX here")
    options = parser.parse_args()
    tile = tuple(int(size) for size in options.tile.split("x"))

    with tempfile.TemporaryDirectory() as cache:
        os.environ.update(TRITON_CACHE_DIR=cache, TRITON_ALWAYS_COMPILE="1",
                          TRITON_DEFAULT_FP_FUSION="1")
        begin = time.perf_counter()
        triton, gemm = kernel_source()
        imported = (time.perf_counter() - begin) * 1000
        runs = [compile_once(triton, gemm, tile, options.chip, options.stages, options.warps)
                for _ in range(1 + options.repeats)]
    ptx = runs[0][1]
    if options.chip == 120 and "mxf4nvf4.block_scale.scale_vec::4X" not in ptx:
        sys.exit("expected Triton's PTX to multiply with mxf4nvf4.block_scale, it does not")
    if options.ptx:
        with open(options.ptx, "w") as file:
            file.write(ptx)
    result = {
        "peer": f"triton {triton.__version__}", "tile": options.tile,
        "chip": options.chip, "stages": options.stages, "warps": options.warps,
        "repeats": options.repeats, "import_ms": imported, "cold": runs[0][0],
        "warm": {stage: statistics.median(times[stage] for times, _ in runs[1:])
                 for stage in runs[0][0]},
    }
    if options.ptxas:
        result["ptxas_ms"] = time_ptxas(options.ptxas, ptx, options.repeats)
    json.dump(result, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
