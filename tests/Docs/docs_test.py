#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Runs the examples of README.md and docs/, each page in a folder of its own where
# build/ is the build, templates/ the templates, layer.safetensors a small
# captured layer (with `x`, activations before quantisation, and their `global`
# scale), and the cache of kernels a folder that is not there yet. A fenced block marked `sh` must succeed; one marked `sh exit=N`
# must end with N. Each line of a block marked `output` must be in what the `sh`
# block before it printed; a line of "..." stands for any others.
import json
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile


class Example:
    """An `sh` block: what it is to end with, and lines it is to print."""

    def __init__(self, code):
        self.code, self.text, self.printed = code, "", []

    def run(self, folder):
        """What is wrong, or an empty string."""
        environment = {**os.environ, "NYBL_CACHE": "on", "NYBL_CACHE_PATH": f"{folder}/cache"}
        run = subprocess.run(["bash", "-e", "-c", self.text], cwd=folder, text=True,
                             capture_output=True, check=False, env=environment)
        output = run.stdout + run.stderr
        wrong = [f"expected {line!r}" for line in self.printed if line not in output]
        if run.returncode != self.code:
            wrong.insert(0, f"expected exit {self.code}, got {run.returncode}")
        return "; ".join(wrong) + (f" of\n{self.text}\n{output}" if wrong else "")


def open_block(info, found):
    """The lines that a block with this info string is to collect, or nothing."""
    command = re.fullmatch(r"sh(?: exit=(\d+))?", info)
    if command:
        found.append(Example(int(command[1] or 0)))
        return found[-1], "text"
    if info == "output":
        if not found or found[-1].printed:
            raise ValueError("expected an `sh` block before each `output` block")
        return found[-1], "printed"
    if info.startswith(("sh ", "output ")):
        raise ValueError(f"expected sh, sh exit=N or output, got {info!r}")
    return None


def examples(text):
    """The examples of a page, in order."""
    found, inside, collects, lines = [], False, None, []
    for line in text.splitlines():
        if not inside and line.startswith("```"):
            inside, collects, lines = True, open_block(line[3:].strip(), found), []
        elif inside and line.startswith("```"):
            if collects and collects[1] == "text":
                collects[0].text = "\n".join(lines)
            elif collects:
                collects[0].printed = [x.strip() for x in lines if x.strip() not in ("", "...")]
            inside = False
        elif inside:
            lines.append(line)
    return found


def write_layer(path, m=5, n=1536, k=384):
    """A layer as the README describes it: 128x4 scales with their padding."""
    def scales(rows):
        return bytes([0x38]) * (-(-rows // 128) * 128 * (-(-(k // 16) // 4) * 4))
    tensors = {
        "a": ("U8", [m, k // 2], bytes([0x22]) * (m * k // 2)),
        "a_scale": ("U8", [len(scales(m))], scales(m)),
        "alpha": ("F32", [1], struct.pack("<f", 0.5)),
        "global": ("F32", [1], struct.pack("<f", 336.0)),
        "x": ("F32", [m, k], struct.pack("<f", -2.5) * (m * k)),
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


def run_page(page, source, build):
    """How many examples the page has, and how many fail."""
    found, failed = examples(page.read_text()), 0
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        os.symlink(build, folder / "build")
        shutil.copytree(source / "templates", folder / "templates")
        write_layer(folder / "layer.safetensors")
        for example in found:
            wrong = example.run(folder)
            if wrong:
                failed += 1
                print(f"{page.name}: {wrong}")
    return len(found), failed


def main(source, build):
    count = failed = 0
    for page in [source / "README.md", *sorted((source / "docs").glob("*.md"))]:
        page_count, page_failed = run_page(page, source, build)
        count += page_count
        failed += page_failed
    if count < 10:
        print(f"expected at least 10 examples, found {count}")
        failed += 1
    print(f"{count - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
