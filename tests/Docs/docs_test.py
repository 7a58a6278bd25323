#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Runs the examples of README.md and docs/: every fenced block marked `sh`, in a
# folder where build/ is the build and layer.safetensors a small captured layer.
import json
import os
import pathlib
import struct
import subprocess
import sys
import tempfile


def blocks(text):
    """The lines of each ```sh block."""
    inside, lines = False, []
    for line in text.splitlines():
        if inside and line.startswith("```"):
            yield "\n".join(lines)
            inside, lines = False, []
        elif inside:
            lines.append(line)
        elif line.strip() == "```sh":
            inside = True


def write_layer(path, m=5, n=1536, k=384):
    """A layer as the README describes it: 128x4 scales with their padding."""
    def scales(rows):
        return bytes([0x38]) * (-(-rows // 128) * 128 * (-(-(k // 16) // 4) * 4))
    tensors = {
        "a": ("U8", [m, k // 2], bytes([0x22]) * (m * k // 2)),
        "a_scale": ("U8", [len(scales(m))], scales(m)),
        "alpha": ("F32", [1], struct.pack("<f", 0.5)),
        "b": ("U8", [n, k // 2], bytes([0x22]) * (n * k // 2)),
        "b_scale": ("U8", [len(scales(n))], scales(n)),
    }
    header, data = {}, b""
    for name, (dtype, shape, content) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(content)]}
        data += content
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)


def main(source, build):
    count = failed = 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        os.symlink(build, folder / "build")
        write_layer(folder / "layer.safetensors")
        for page in [source / "README.md", *sorted((source / "docs").glob("*.md"))]:
            for block in blocks(page.read_text()):
                count += 1
                run = subprocess.run(["bash", "-e", "-c", block], cwd=folder, text=True,
                                     capture_output=True, check=False)
                if run.returncode != 0:
                    failed += 1
                    print(f"{page.name}: exit {run.returncode} of\n{block}\n{run.stderr}")
    if count < 3:
        print(f"expected at least 3 examples, found {count}")
        failed += 1
    print(f"{count - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
