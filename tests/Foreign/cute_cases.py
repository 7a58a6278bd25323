#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Compiles GEMM kernels written by others in NVIDIA's CuTe DSL, without a GPU,
# and writes a case for each into FOLDER/sm_XX: PTX of the device side, and the
# DSL's own host code as host.so, which encodes the tensor maps and launches.
#   cute_cases.py FOLDER
# The kernels come with the package flashinfer-python, which bundles CUTLASS's
# examples; its files are loaded one by one, the package itself is not imported.
# The compiler reads its chip at import: one process for each chip.
import glob
import importlib.machinery
import importlib.util
import os
import subprocess
import sys
import tempfile
import types

import ml_dtypes
import numpy as np

import cases

EXAMPLES = "data/cutlass/examples/python/CuTeDSL/"
CHIPS = ("sm_90a", "sm_100a", "sm_120a")


class StandIn(types.ModuleType):
    """Takes the place of torch, which the examples want for their own tests."""

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (), {})


def stand_in(name):
    module = StandIn(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__path__ = []
    sys.modules[name] = module


def foreign_folder():
    return importlib.util.find_spec("flashinfer").submodule_search_locations[0]


def foreign_module(path):
    """A file of the package, as a module of its own."""
    name = "foreign_" + os.path.basename(path).removesuffix(".py")
    spec = importlib.util.spec_from_file_location(name, os.path.join(foreign_folder(), path))
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def pointers(types_and_alignments):
    from cutlass import cute
    from cutlass.cute.runtime import make_ptr
    return [make_ptr(kind, 0, cute.AddressSpace.gmem, assumed_align=align)
            for kind, align in types_and_alignments]


def finish(compiled, chip, name, dump, out, fill, slow=False):
    """Makes the case: `fill` adds buffers and arguments."""
    compiled.export_to_c(file_path=dump, file_name=name, function_prefix=name)
    ptx = glob.glob(os.path.join(dump, "*.ptx"))
    with open(ptx[0]) as file:
        text = file.read()
    for path in ptx:
        os.remove(path)
    case = cases.Case(name, chip, text, "", [0, 0, 0], [0, 0, 0], 0, slow)
    case.spec["prefix"] = name
    fill(case)
    case.write(os.path.join(out, chip))
    library = os.path.join(out, chip, name, "host.so")
    subprocess.run([os.environ.get("CXX", "c++"), "-shared", "-nostdlib", "-o", library,
                    os.path.join(dump, name + ".o")], check=True)


def extents(case, *values):
    for value in values:
        case.scalar("i32", value)


def scaled_case(m, n, k, vec, seed, order, tail, alpha=None):
    """Fills a block-scaled GEMM on data whose sums are exact."""
    def fill(case):
        random = np.random.default_rng(seed)
        a, b = (cases.Scaled(random, rows, k, vec, True) for rows in (m, n))
        for letter, operand in (("a", a), ("b", b)):
            case.codes(letter, operand.codes)
            case.scales("sf" + letter, operand.scales, "128x4")
        if alpha is not None:
            case.plain("alpha", np.array([alpha], np.float32))
        product = (1 if alpha is None else alpha) * (a.values() @ b.values().T)
        case.output("d", cases.bf16(product), "bf16")
        for buffer in order:
            case.pointer(buffer)
        extents(case, *tail)
    return fill


def sm100(dump, out):
    import cutlass
    from cutlass import cute
    stand_in("cutlass.torch")
    example = foreign_module(EXAMPLES + "blackwell/dense_blockscaled_gemm_persistent.py")
    fp4, e4m3, e8m0 = cutlass.Float4E2M1FN, cutlass.Float8E4M3FN, cutlass.Float8E8M0FNU
    for name, tile, cluster, scale, vec, shape, slow in (
            ("nvfp4_1cta", (128, 128), (1, 1), e4m3, 16, (256, 256, 512), False),
            ("nvfp4_2cta", (256, 128), (2, 1), e4m3, 16, (512, 256, 768), False),
            ("nvfp4_2cta_ragged", (256, 128), (2, 1), e4m3, 16, (384, 320, 640), True),
            ("nvfp4_2cta_multicast", (256, 256), (2, 2), e4m3, 16, (512, 512, 512), True),
            ("mxfp4_1cta", (128, 256), (1, 1), e8m0, 32, (256, 256, 512), True)):
        gemm = example.Sm100BlockScaledPersistentDenseGemmKernel(vec, tile, cluster)
        compiled = example.scaled_mm(gemm, fp4, cutlass.BFloat16, scale, "k", "k", "n", 2,
                                     cute.runtime.make_fake_stream())
        m, n, k = shape
        finish(compiled, "sm_100a", name, dump, out,
               scaled_case(m, n, k, vec, 20, ("a", "b", "sfa", "sfb", "d"), (m, n, k, 1)), slow)


def plain_adapter(gemm, *constants):
    """Takes pointers and extents, gives the kernel tensors; K contiguous."""
    import cuda.bindings.driver as cuda
    import cutlass
    from cutlass import cute

    class Adapter:
        @cute.jit
        def run(self, a: cute.Pointer, b: cute.Pointer, d: cute.Pointer, m: cutlass.Int32,
                n: cutlass.Int32, k: cutlass.Int32, stream: cuda.CUstream):
            gemm(cute.make_tensor(a, cute.make_layout((m, k, 1), stride=(k, 1, m * k))),
                 cute.make_tensor(b, cute.make_layout((n, k, 1), stride=(k, 1, n * k))),
                 cute.make_tensor(d, cute.make_layout((m, n, 1), stride=(n, 1, m * n))),
                 *constants, stream)
    return Adapter().run


def plain_case(m, n, k, seed):
    def fill(case):
        random = np.random.default_rng(seed)
        a, b = (random.integers(-3, 4, (rows, k)).astype(np.float16) for rows in (m, n))
        case.plain("a", a)
        case.plain("b", b)
        case.output("d", (a.astype(np.float64) @ b.astype(np.float64).T).astype(np.float32),
                    "f32")
        for buffer in "abd":
            case.pointer(buffer)
        extents(case, m, n, k)
    return fill


def compile_plain(gemm, *constants):
    import cutlass
    from cutlass import cute
    half = (cutlass.Float16, 16)
    return cute.compile(plain_adapter(gemm, *constants),
                        *pointers([half, half, (cutlass.Float32, 16)]),
                        *[cutlass.Int32(0)] * 3, cute.runtime.make_fake_stream())


def sm90(dump, out):
    import cutlass
    module = foreign_module(EXAMPLES + "hopper/dense_gemm.py")
    for name, tile, cluster, shape, slow in (
            ("fp16_wgmma", (128, 128), (1, 1), (256, 192, 160), False),
            ("fp16_wgmma_multicast", (128, 256), (2, 1), (256, 512, 192), True)):
        gemm = module.HopperWgmmaGemmKernel(cutlass.Float32, tile, cluster)
        finish(compile_plain(gemm), "sm_90a", name, dump, out, plain_case(*shape, 21), slow)


def pingpong(dump, out):
    """FlashInfer's persistent ping-pong kernel: one warp loads, eight multiply."""
    import cuda.bindings.driver as cuda
    import cutlass
    from cutlass import cute
    package = types.ModuleType("sm12x_cute")
    package.__path__ = [os.path.join(foreign_folder(), "gemm/kernels/sm12x_cute")]
    sys.modules["sm12x_cute"] = package
    raw = importlib.import_module("sm12x_cute.raw")
    gemm = raw.Sm120BlockScaledGemmKernel(cutlass.Float32, 16, (128, 128, 128), (64, 32))

    class Adapter:
        @cute.jit
        def run(self, a: cute.Pointer, b: cute.Pointer, sfa: cute.Pointer, sfb: cute.Pointer,
                d: cute.Pointer, alpha: cute.Pointer, m: cutlass.Int32, n: cutlass.Int32,
                k: cutlass.Int32, stream: cuda.CUstream):
            gemm(cute.make_tensor(a, cute.make_layout((m, k, 1), stride=(k, 1, m * k))),
                 cute.make_tensor(b, cute.make_layout((n, k, 1), stride=(k, 1, n * k))),
                 cute.make_tensor(sfa, cute.make_layout(((m + 127) // 128 * 128 * k // 16,))),
                 cute.make_tensor(sfb, cute.make_layout(((n + 127) // 128 * 128 * k // 16,))),
                 cute.make_tensor(d, cute.make_layout((m, n, 1), stride=(n, 1, m * n))),
                 cute.make_tensor(alpha, cute.make_layout((1,))), 2, stream)

    fp4, e4m3 = (cutlass.Float4E2M1FN, 32), (cutlass.Float8E4M3FN, 32)
    kinds = [fp4, fp4, e4m3, e4m3, (cutlass.BFloat16, 16), (cutlass.Float32, 4)]
    compiled = cute.compile(Adapter().run, *pointers(kinds), *[cutlass.Int32(0)] * 3,
                            cute.runtime.make_fake_stream())
    finish(compiled, "sm_120a", "nvfp4_pingpong", dump, out,
           scaled_case(256, 384, 768, 16, 22, ("a", "b", "sfa", "sfb", "d", "alpha"),
                       (256, 384, 768), 0.25))


def sm120(dump, out):
    import cutlass
    pingpong(dump, out)
    module = foreign_module(EXAMPLES + "blackwell_geforce/dense_gemm.py")
    gemm = module.Sm120GemmKernel(cutlass.Float32, (64, 64, 64))
    finish(compile_plain(gemm, 2), "sm_120a", "fp16_dense", dump, out,
           plain_case(192, 128, 192, 23), True)


def main():
    if len(sys.argv) == 2:
        for chip in CHIPS:
            subprocess.run([sys.executable, *sys.argv, chip], check=True)
        return
    out, chip = sys.argv[1:]
    with tempfile.TemporaryDirectory() as dump:
        os.environ.update(CUTE_DSL_ARCH=chip, CUTE_DSL_KEEP="ptx", CUTE_DSL_DUMP_DIR=dump)
        for name in ("torch", "torch.nn", "torch.nn.functional"):
            stand_in(name)
        {"sm_90a": sm90, "sm_100a": sm100, "sm_120a": sm120}[chip](dump, out)


if __name__ == "__main__":
    main()
