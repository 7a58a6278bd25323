# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Kernels in Triton's language, for triton_cases.py. Triton compiles them in its
# own way for each chip: the same dot_scaled is mma.sync with block scales on
# sm_120, tcgen05.mma on sm_100, and wgmma after an upcast on sm_90.
import triton
import triton.language as tl


@triton.jit
def vector_add(a_ptr, b_ptr, c_ptr, n, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    a = tl.load(a_ptr + at, mask=at < n)
    b = tl.load(b_ptr + at, mask=at < n)
    tl.store(c_ptr + at, a + b, mask=at < n)


@triton.jit
def softmax(x_ptr, y_ptr, columns, BLOCK: tl.constexpr):
    row = tl.program_id(0)
    at = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + row * columns + at, mask=at < columns, other=-float("inf"))
    e = tl.exp(x - tl.max(x, axis=0))
    tl.store(y_ptr + row * columns + at, e / tl.sum(e, axis=0), mask=at < columns)


@triton.jit
def histogram(x_ptr, counts_ptr, n, BINS: tl.constexpr, BLOCK: tl.constexpr):
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at, mask=at < n, other=0)
    counts = tl.histogram(x, BINS, mask=at < n)
    tl.atomic_add(counts_ptr + tl.arange(0, BINS), counts)


@triton.jit
def prefix_and_sort(x_ptr, sums_ptr, sorted_ptr, BLOCK: tl.constexpr):
    at = tl.arange(0, BLOCK)
    x = tl.load(x_ptr + at)
    tl.store(sums_ptr + at, tl.cumsum(x, axis=0))
    tl.store(sorted_ptr + at, tl.sort(x))


@triton.jit
def quantize(x_ptr, codes_ptr, scales_ptr, encode, blocks, ROWS: tl.constexpr):
    """One program: ROWS blocks of 16 floats become e2m1 pairs and an e4m3 scale."""
    block = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    x = tl.load(x_ptr + block[:, None] * 16 + tl.arange(0, 16)[None, :],
                mask=(block < blocks)[:, None], other=0.0)
    amax = tl.max(tl.abs(x), axis=1)
    scale = (amax * (encode / 6.0)).to(tl.float8e4nv)
    tl.store(scales_ptr + block, scale, mask=block < blocks)
    y = tl.abs(x) * (encode / scale.to(tl.float32))[:, None]
    # To nearest, ties to the even code: the bounds are the midpoints.
    code = ((y > 0.25).to(tl.int32) + (y >= 0.75) + (y > 1.25) + (y >= 1.75) + (y > 2.5)
            + (y >= 3.5) + (y > 5.0)) | ((x < 0).to(tl.int32) << 3)
    low, high = tl.split(tl.reshape(code, (ROWS, 8, 2)))
    out = codes_ptr + block[:, None] * 8 + tl.arange(0, 8)[None, :]
    tl.store(out, (low | (high << 4)).to(tl.uint8), mask=(block < blocks)[:, None])


@triton.jit
def matmul_pointers(a_ptr, b_ptr, d_ptr, M, N, K,
                    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    """d[M,N] = a[M,K] * b[N,K]^T, 16-bit inputs, f32 sums."""
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    cols = tl.program_id(1) * BN + tl.arange(0, BN)
    ks = tl.arange(0, BK)
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in tl.range(0, tl.cdiv(K, BK)):
        at = k * BK + ks
        a = tl.load(a_ptr + rows[:, None] * K + at[None, :],
                    mask=(rows < M)[:, None] & (at < K)[None, :], other=0.0)
        b = tl.load(b_ptr + cols[None, :] * K + at[:, None],
                    mask=(cols < N)[None, :] & (at < K)[:, None], other=0.0)
        acc = tl.dot(a, b, acc)
    tl.store(d_ptr + rows[:, None] * N + cols[None, :], acc,
             mask=(rows < M)[:, None] & (cols < N)[None, :])


@triton.jit
def matmul_descriptors(a_desc, b_desc, d_desc, K,
                       BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr):
    row = tl.program_id(0) * BM
    col = tl.program_id(1) * BN
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in tl.range(0, tl.cdiv(K, BK)):
        a = a_desc.load([row, k * BK])
        b = b_desc.load([col, k * BK])
        acc = tl.dot(a, b.T, acc)
    d_desc.store([row, col], acc)


@triton.jit
def scaled_pointers(a_ptr, sfa_ptr, b_ptr, sfb_ptr, d_ptr, alpha_ptr, M, N, K,
                    BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
                    VEC: tl.constexpr):
    """d = alpha * a * b^T of e2m1 pairs with one scale for VEC elements of K;
    scales [rows][K / VEC]."""
    rows = tl.program_id(0) * BM + tl.arange(0, BM)
    cols = tl.program_id(1) * BN + tl.arange(0, BN)
    bytes_k = tl.arange(0, BK // 2)
    blocks_k = tl.arange(0, BK // VEC)
    blocks = K // VEC
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in tl.range(0, tl.cdiv(K, BK)):
        byte = k * (BK // 2) + bytes_k
        block = k * (BK // VEC) + blocks_k
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
    tl.store(d_ptr + rows[:, None] * N + cols[None, :], acc.to(tl.bfloat16),
             mask=(rows < M)[:, None] & (cols < N)[None, :])


@triton.jit
def load_tiled_scales(desc, row_tile, block_tile, ROWS: tl.constexpr, BLOCKS: tl.constexpr):
    """Scales in tiles of 128 rows x 4 blocks, 512 bytes each: byte
    (r % 32) * 16 + (r / 32) * 4 + c. A tile is two lines of 256 bytes here."""
    tiles = desc.load([row_tile, block_tile, 0, 0])
    tiles = tiles.reshape(ROWS // 128, BLOCKS // 4, 32, 4, 4)
    return tiles.trans(0, 3, 2, 1, 4).reshape(ROWS, BLOCKS)


@triton.jit
def scaled_descriptors(a_desc, sfa_desc, b_desc, sfb_desc, d_desc, alpha_ptr, K,
                       BM: tl.constexpr, BN: tl.constexpr, BK: tl.constexpr,
                       VEC: tl.constexpr):
    """The same through tensor maps; scales in tiles of 128 x 4."""
    row = tl.program_id(0) * BM
    col = tl.program_id(1) * BN
    acc = tl.zeros((BM, BN), dtype=tl.float32)
    for k in tl.range(0, tl.cdiv(K, BK)):
        a = a_desc.load([row, k * (BK // 2)])
        b = b_desc.load([col, k * (BK // 2)])
        tile = k * (BK // VEC // 4)
        sfa = load_tiled_scales(sfa_desc, row // 128, tile, BM, BK // VEC)
        sfb = load_tiled_scales(sfb_desc, col // 128, tile, BN, BK // VEC)
        acc = tl.dot_scaled(a, sfa, "e2m1", b.T, sfb, "e2m1", acc)
    acc *= tl.load(alpha_ptr)
    d_desc.store([row, col], acc.to(tl.bfloat16))
