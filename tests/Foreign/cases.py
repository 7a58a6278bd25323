# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# A case is a folder that CaseTest.cpp runs: PTX, case.json, inputs as logical
# values (the C++ side packs them with runtime/Abi) and what numpy says the
# outputs are. Case.h describes the JSON.
import json
import os

import ml_dtypes
import numpy as np

E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6])


class Case:
    def __init__(self, name, chip, ptx, kernel, grid, block, shared, slow=False):
        self.ptx = ptx
        self.folder = name
        self.spec = {"kernel": kernel, "chip": chip, "grid": grid, "block": block,
                     "shared": shared, "slow": slow, "arguments": [], "buffers": []}
        self.files = {}

    def _buffer(self, name, data, **fields):
        self.files[name + ".bin"] = np.ascontiguousarray(data).tobytes()
        self.spec["buffers"].append({"name": name, "file": name + ".bin", **fields})

    def plain(self, name, array):
        """An input as it lies in memory."""
        self._buffer(name, array, pack="bytes")

    def codes(self, name, codes):
        """e2m1 codes, one a byte here; C++ packs two a byte."""
        self._buffer(name, codes.astype(np.uint8), pack="e2m1")

    def scales(self, name, scales, layout):
        """One byte a scale, [rows][blocks]; C++ lays them out."""
        self._buffer(name, scales.view(np.uint8), pack="scales", layout=layout,
                     rows=scales.shape[0], blocks=scales.shape[1])

    def output(self, name, expected, kind, absolute=None, relative=None):
        """kind: the type of an element. Without tolerances the bits must agree."""
        fields = {"elements": expected.size}
        if absolute is not None:
            fields.update(absolute=absolute, relative=relative)
        columns = expected.shape[-1]
        self._buffer(name, expected, pack="output", type=kind, columns=columns, **fields)

    def accumulated(self, name, before, expected, kind):
        """An output that the kernel adds to."""
        self.files[name + ".before"] = np.ascontiguousarray(before).tobytes()
        self._buffer(name, expected, pack="output", type=kind, columns=expected.shape[-1],
                     elements=expected.size, before=name + ".before")

    def pointer(self, buffer):
        self.spec["arguments"].append({"kind": "pointer", "buffer": buffer})

    def scalar(self, kind, value):
        self.spec["arguments"].append({"kind": kind, "value": value})

    def tensor_map(self, buffer, **fields):
        self.spec["arguments"].append({"kind": "map", "buffer": buffer, **fields})

    def write(self, out):
        folder = os.path.join(out, self.folder)
        os.makedirs(folder, exist_ok=True)
        files = dict(self.files)
        files["kernel.ptx"] = self.ptx.encode()
        files["case.json"] = json.dumps(self.spec, indent=1).encode()
        for name, data in files.items():
            with open(os.path.join(folder, name), "wb") as file:
                file.write(data)


class Scaled:
    """A rows x k matrix of e2m1 with a scale for every `vec` elements of K."""

    def __init__(self, random, rows, k, vec, exact):
        self.codes = random.integers(0, 16, (rows, k), dtype=np.uint8)
        shape = (rows, k // vec)
        if vec == 16:
            # e4m3. Exact: powers of two, so that every sum fits an f32.
            exponents = random.integers(-1, 3, shape)
            values = np.exp2(exponents) * (1 if exact else 1 + random.integers(0, 8, shape) / 8)
            self.scales = values.astype(ml_dtypes.float8_e4m3fn)
        else:
            self.scales = np.exp2(random.integers(-1, 3, shape)).astype(ml_dtypes.float8_e8m0fnu)
        self.vec = vec

    def values(self):
        return E2M1[self.codes] * np.repeat(self.scales.astype(np.float64), self.vec, axis=1)


def bf16(values):
    return values.astype(ml_dtypes.bfloat16)
