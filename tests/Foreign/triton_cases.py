#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Compiles the kernels of triton_kernels.py with Triton for sm_90, sm_100 and
# sm_120, without a GPU, and writes a case for each into FOLDER/sm_XX:
#   triton_cases.py FOLDER
import os
import sys
import tempfile

import ml_dtypes
import numpy as np

import cases

# Numbers of CUtensorMapDataType for the element types that Triton names by
# tensormap.replace's numbers.
MAP_TYPES = {0: "u8", 6: "f16", 7: "f32", 10: "bf16"}
ELEMENT = {"u8": "u8", "fp8e4nv": "u8", "bf16": "bf16", "fp32": "f32"}


class Compiler:
    """Triton for one chip."""

    def __init__(self, chip, out):
        self.chip, self.out = chip, out

    def compile(self, name, function, signature, constants, grid, warps=4, stages=3,
                slow=False):
        """Returns an empty case with the launch filled in, and the descriptors."""
        import triton
        from triton.backends.compiler import GPUTarget
        from triton.compiler import ASTSource
        names = list(function.arg_names)
        types = {n: "constexpr" if n in constants else signature[n] for n in names}
        divisible = [["tt.divisibility", 16]]
        source = ASTSource(function, types, constexprs=constants,
                           attrs={(i,): divisible for i, n in enumerate(names)
                                  if types[n].startswith("*") or n in ("N", "K")})
        kernel = triton.compile(source, target=GPUTarget("cuda", self.chip, 32),
                                options={"num_warps": warps, "num_stages": stages})
        meta = kernel.metadata
        if meta.global_scratch_size or meta.profile_scratch_size or meta.num_ctas != 1:
            sys.exit(f"{name}: expected a kernel without scratch memory and clusters")
        case = cases.Case(name, f"sm_{self.chip}a", kernel.asm["ptx"], meta.name, grid,
                          [32 * meta.num_warps, 1, 1], meta.shared, slow)
        return case, list(meta.tensordesc_meta or [])

    def finish(self, case):
        """Triton's kernels end with two pointers to scratch memory."""
        case.scalar("u64", 0)
        case.scalar("u64", 0)
        case.write(self.out)


def describe(case, meta, buffer, shape):
    """A tensor descriptor as Triton passes it: the map, the shape, the strides
    in elements. `shape` is outermost first, rows without gaps."""
    size = meta["elem_size"]
    strides = [int(np.prod(shape[i + 1:])) for i in range(len(shape))]
    case.tensor_map(buffer, type=MAP_TYPES[meta["elem_type"]], shape=shape[::-1],
                    strides=[s * size for s in strides[:-1]][::-1],
                    box=meta["block_size"][::-1], swizzle=meta["swizzle"])
    for extent in shape:
        case.scalar("i32", extent)
    for stride in strides:
        case.scalar("u64", stride)


def small_kernels(compiler, kernels):
    random = np.random.default_rng(1)
    n = 1000
    case, _ = compiler.compile("vector_add", kernels.vector_add,
                               {"a_ptr": "*fp32", "b_ptr": "*fp32", "c_ptr": "*fp32", "n": "i32"},
                               {"BLOCK": 256}, [4, 1, 1])
    a, b = (random.normal(size=n).astype(np.float32) for _ in range(2))
    case.plain("a", a)
    case.plain("b", b)
    case.output("c", a + b, "f32")
    for name in "abc":
        case.pointer(name)
    case.scalar("i32", n)
    compiler.finish(case)

    rows, columns = 5, 777
    case, _ = compiler.compile("softmax", kernels.softmax,
                               {"x_ptr": "*fp32", "y_ptr": "*fp32", "columns": "i32"},
                               {"BLOCK": 1024}, [rows, 1, 1])
    x = (random.normal(size=(rows, columns)) * 4).astype(np.float32)
    wide = np.exp(x.astype(np.float64) - x.max(axis=1, keepdims=True))
    case.plain("x", x)
    case.output("y", wide / wide.sum(axis=1, keepdims=True), "f32", 1e-9, 1e-5)
    case.pointer("x")
    case.pointer("y")
    case.scalar("i32", columns)
    compiler.finish(case)

    case, _ = compiler.compile("histogram", kernels.histogram,
                               {"x_ptr": "*i32", "counts_ptr": "*i32", "n": "i32"},
                               {"BINS": 64, "BLOCK": 512}, [2, 1, 1])
    x = random.integers(0, 64, n, dtype=np.int32)
    case.plain("x", x)
    before = np.arange(64, dtype=np.int32)
    case.accumulated("counts", before,
                     before + np.bincount(x, minlength=64).astype(np.int32), "i32")
    case.pointer("x")
    case.pointer("counts")
    case.scalar("i32", n)
    compiler.finish(case)

    case, _ = compiler.compile("prefix_and_sort", kernels.prefix_and_sort,
                               {"x_ptr": "*i32", "sums_ptr": "*i32", "sorted_ptr": "*i32"},
                               {"BLOCK": 256}, [1, 1, 1])
    x = random.integers(-1000, 1000, 256, dtype=np.int32)
    case.plain("x", x)
    case.output("sums", np.cumsum(x, dtype=np.int32), "i32")
    case.output("sorted", np.sort(x), "i32")
    for name in ("x", "sums", "sorted"):
        case.pointer(name)
    compiler.finish(case)


def quantizer(compiler, kernels):
    random = np.random.default_rng(2)
    blocks, encode = 100, np.float32(16.0)
    case, _ = compiler.compile("quantize", kernels.quantize,
                               {"x_ptr": "*fp32", "codes_ptr": "*u8", "scales_ptr": "*fp8e4nv",
                                "encode": "fp32", "blocks": "i32"},
                               {"ROWS": 64}, [2, 1, 1])
    x = random.normal(size=(blocks, 16)).astype(np.float32)
    amax = np.abs(x).max(axis=1)
    scales = (amax * (encode / np.float32(6.0))).astype(ml_dtypes.float8_e4m3fn)
    y = x.astype(np.float64) * (np.float64(encode) / scales.astype(np.float64))[:, None]
    codes = y.astype(ml_dtypes.float4_e2m1fn).view(np.uint8)
    case.plain("x", x)
    case.output("codes", codes[:, 0::2] | (codes[:, 1::2] << 4), "u8")
    case.output("scales", scales.view(np.uint8), "u8")
    for name in ("x", "codes", "scales"):
        case.pointer(name)
    case.scalar("f32", float(encode))
    case.scalar("i32", blocks)
    compiler.finish(case)


def integers(random, shape, low, high, dtype):
    return random.integers(low, high + 1, shape).astype(dtype)


def matmuls(compiler, kernels):
    random = np.random.default_rng(3)
    m, n, k = 192, 160, 208
    for suffix, element, dtype, tile in (
            ("bf16", "bf16", ml_dtypes.bfloat16, (128, 128, 64)),
            ("fp16", "fp16", np.float16, (64, 64, 32)),
            ("tf32", "fp32", np.float32, (64, 64, 32)),
            ("fp8", "fp8e4nv", ml_dtypes.float8_e4m3fn, (128, 128, 64))):
        case, _ = compiler.compile(
            f"matmul_pointers_{suffix}", kernels.matmul_pointers,
            {"a_ptr": "*" + element, "b_ptr": "*" + element, "d_ptr": "*fp32",
             "M": "i32", "N": "i32", "K": "i32"},
            dict(zip(("BM", "BN", "BK"), tile)),
            [-(-m // tile[0]), -(-n // tile[1]), 1], slow=suffix == "fp16")
        # Small integers: every sum is exact, whatever the order.
        a, b = (integers(random, (rows, k), -3, 3, dtype) for rows in (m, n))
        case.plain("a", a)
        case.plain("b", b)
        case.output("d", (a.astype(np.float64) @ b.astype(np.float64).T).astype(np.float32),
                    "f32")
        for name in "abd":
            case.pointer(name)
        for extent in (m, n, k):
            case.scalar("i32", extent)
        compiler.finish(case)

    case, metas = compiler.compile(
        "matmul_descriptors_bf16", kernels.matmul_descriptors,
        {"a_desc": "tensordesc<bf16[128,64]>", "b_desc": "tensordesc<bf16[128,64]>",
         "d_desc": "tensordesc<fp32[128,128]>", "K": "i32"},
        {"BM": 128, "BN": 128, "BK": 64}, [-(-m // 128), -(-n // 128), 1])
    a, b = (random.normal(size=(rows, k)).astype(ml_dtypes.bfloat16) for rows in (m, n))
    case.plain("a", a)
    case.plain("b", b)
    exact = a.astype(np.float64) @ b.astype(np.float64).T
    # One rounding (or truncation) of 24 bits for each step of K, at the largest sum.
    case.output("d", exact, "f32", float(np.abs(exact).max()) * k / 8 * 2.0**-23, 0.0)
    for meta, (name, shape) in zip(metas, (("a", [m, k]), ("b", [n, k]), ("d", [m, n]))):
        describe(case, meta, name, shape)
    case.scalar("i32", k)
    compiler.finish(case)


def add_operands(case, a, b, layout, alpha):
    for name, operand in (("a", a), ("b", b)):
        case.codes(name, operand.codes)
        case.scales("sf" + name, operand.scales, layout)
    case.plain("alpha", np.array([alpha], np.float32))


def add_result(case, a, b, alpha, exact):
    product = alpha * (a.values() @ b.values().T)
    if exact:
        case.output("d", cases.bf16(product), "bf16")
    else:
        # Half a unit of bf16, and the sums' own roundings.
        case.output("d", product, "bf16", float(np.abs(product).max()) * 2.0**-20, 2.0**-8)


def scaled_matmuls(compiler, kernels):
    m, n, k, alpha = 192, 160, 320, 0.25
    formats = (("nvfp4", "fp8e4nv", 16), ("mxfp4", "u8", 32))
    for number, (name, scale, vec) in enumerate(formats):
        for exact in (True, False) if vec == 16 else (True,):
            random = np.random.default_rng(10 + number * 2 + exact)
            a, b = (cases.Scaled(random, rows, k, vec, exact) for rows in (m, n))
            suffix = name + ("" if exact else "_rounded")
            case, _ = compiler.compile(
                "scaled_pointers_" + suffix, kernels.scaled_pointers,
                {"a_ptr": "*u8", "sfa_ptr": "*" + scale, "b_ptr": "*u8", "sfb_ptr": "*" + scale,
                 "d_ptr": "*bf16", "alpha_ptr": "*fp32", "M": "i32", "N": "i32", "K": "i32"},
                {"BM": 128, "BN": 128, "BK": 128, "VEC": vec},
                [-(-m // 128), -(-n // 128), 1], slow=not exact)
            add_operands(case, a, b, "linear", alpha)
            add_result(case, a, b, alpha, exact)
            for argument in ("a", "sfa", "b", "sfb", "d", "alpha"):
                case.pointer(argument)
            for extent in (m, n, k):
                case.scalar("i32", extent)
            compiler.finish(case)

            tiles_k = 128 // vec // 4
            box = f"tensordesc<{scale}[1,{tiles_k},2,256]>"
            case, metas = compiler.compile(
                "scaled_descriptors_" + suffix, kernels.scaled_descriptors,
                {"a_desc": "tensordesc<u8[128,64]>", "sfa_desc": box,
                 "b_desc": "tensordesc<u8[128,64]>", "sfb_desc": box,
                 "d_desc": "tensordesc<bf16[128,128]>", "alpha_ptr": "*fp32", "K": "i32"},
                {"BM": 128, "BN": 128, "BK": 128, "VEC": vec},
                [-(-m // 128), -(-n // 128), 1], slow=not exact)
            add_operands(case, a, b, "128x4", alpha)
            add_result(case, a, b, alpha, exact)
            blocks = -(-k // vec // 4)
            shapes = [[m, k // 2], [-(-m // 128), blocks, 2, 256], [n, k // 2],
                      [-(-n // 128), blocks, 2, 256], [m, n]]
            for meta, buffer, shape in zip(metas, ("a", "sfa", "b", "sfb", "d"), shapes):
                describe(case, meta, buffer, shape)
            case.pointer("alpha")
            case.scalar("i32", k)
            compiler.finish(case)


def main():
    out = sys.argv[1]
    with tempfile.TemporaryDirectory() as cache:
        os.environ.update(TRITON_CACHE_DIR=cache, TRITON_DEFAULT_FP_FUSION="1")
        import triton_kernels
        for chip in (90, 100, 120):
            compiler = Compiler(chip, os.path.join(out, f"sm_{chip}a"))
            small_kernels(compiler, triton_kernels)
            quantizer(compiler, triton_kernels)
            matmuls(compiler, triton_kernels)
            scaled_matmuls(compiler, triton_kernels)


if __name__ == "__main__":
    main()
