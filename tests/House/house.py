#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The rules of the house as code: which folder may include which (the arrows of
# docs/design.md, section 2), licence lines, file sizes, words that do not
# belong here, formatting. Prints one line for each offence; exit code 1 if any.
import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

RUNTIME_PARTS = ["Bundle", "Cache", "Tune", "Launch"]
STAGES = ["Select", "Conversion", "Legality", "Codegen"]
COMPILER_BASE = ["dialects", "runtime/Abi", "runtime/Support"]

# folder -> folders (or files) whose headers it may include, besides its own.
# The longest folder that matches a file counts.
ARROWS = {
    "runtime/include": [],
    "runtime/Abi": [],
    "runtime/Support": ["runtime/Abi"],
    "runtime/Driver": ["runtime/Abi", "runtime/Support"],
    **{f"runtime/{part}": ["runtime/Abi", "runtime/Support", "runtime/Driver",
                           "runtime/include"] for part in RUNTIME_PARTS},
    # An entry of the cache is a bundle of one kernel.
    "runtime/Cache": ["runtime/Abi", "runtime/Support", "runtime/Bundle"],
    "runtime/ForkServer": ["runtime/Abi", "runtime/Support"],
    "runtime/Library": ["runtime"],
    "dialects": ["runtime/Abi"],
    **{f"compiler/{stage}": COMPILER_BASE +
       [f"compiler/{earlier}" for earlier in STAGES[:STAGES.index(stage)]]
       for stage in STAGES},
    "compiler/Pipeline": COMPILER_BASE + [f"compiler/{s}" for s in STAGES],
    "compiler/Driver": COMPILER_BASE + ["compiler/Pipeline"] +
                       [f"compiler/{s}" for s in STAGES],
    "compiler/Jit": ["compiler/Driver", "runtime/Abi"],
    "tools/emulator": [],
    "tools/sass": ["runtime/Abi"],
    "tools/nybl": ["runtime/include", "runtime/Library", "runtime/Launch",
                   "runtime/Support", "runtime/Abi", "runtime/Driver",
                   "runtime/Bundle", "runtime/Cache", "runtime/Tune",
                   "tools/emulator/include", "tools/sass"],
    "tools/nybl-opt": ["dialects", "compiler", "runtime/Abi"],
    # The model's benchmark feeds the estimate with what is no schedule of ours;
    # layers of models are listed once.
    "bench": ["compiler/Driver", "compiler/Select", "dialects/Chips",
              "runtime", "tests/Oracle", "tests/EndToEnd",
              "tests/Foreign/Counts.h", "tools/emulator/include",
              "tools/emulator/Exec", "tools/nybl/Layers.h", "tools/sass"],
    "tests": ["dialects", "compiler", "runtime", "tools"],
    # The oracle checks the layouts and kernels, so it has formulas of its own.
    "tests/Oracle": ["runtime/Abi/Problem.h", "runtime/Abi/Status.h"],
}
PARTS = ("runtime/", "dialects/", "compiler/", "tools/", "tests/", "bench/",
         "templates/")
# Folders that are built without LLVM.
WITHOUT_LLVM = ("runtime/", "tools/nybl/", "tools/emulator/", "tools/sass/",
                "tests/Oracle/")

SOURCE = re.compile(r"\.(h|c|cpp|h\.in|cpp\.in)$")
LICENSED = re.compile(r"(\.(h|c|cpp|td|def|mlir|py|sh|cmake|in|map)|CMakeLists\.txt"
                      r"|^dev|^\.ci/run|^\.clang-(format|tidy))$")
SPDX = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
LONGEST_FILE = 800
INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)

# Spelt in pieces, so that this file does not offend.
FOREIGN = [
    "/wo" r"rk/", "/ro" r"ot/", r"/ho" r"me/\w", r"sub-?ag" "ent",
    r"clau" "de", r"anthro" "pic", r"\bch" "atgpt", "pythonho" "sted",
    r"pypi\.o" "rg", r"deb\.deb" "ian",
]
UNFINISHED = [r"\bTO" r"DO\b", r"\bFIX" r"ME\b", r"\bXX" r"X\b",
              "not implem" "ented", r"\bfor n" r"ow\b"]
FOREIGN_WORDS = re.compile("|".join(FOREIGN), re.IGNORECASE)
UNFINISHED_WORDS = re.compile("|".join(UNFINISHED))


def files_of(root):
    """Paths below root, as git sees them; without git, all but build folders."""
    try:
        command = ["git", "-C", str(root), "ls-files", "-co", "-z",
                   "--exclude-standard"]
        listed = subprocess.run(command, check=True, capture_output=True).stdout
        paths = [p for p in listed.decode().split("\0") if p]
    except (OSError, subprocess.CalledProcessError):
        paths = []
        for folder, names, files in os.walk(root):
            names[:] = [n for n in names
                        if n != ".git" and not n.startswith("build")]
            paths += [os.path.relpath(os.path.join(folder, f), root)
                      for f in files]
    return sorted(p for p in paths if (Path(root) / p).is_file())


def folder_rule(path):
    """The longest folder of ARROWS that holds the path, or None."""
    fitting = [f for f in ARROWS if path.startswith(f + "/")]
    return max(fitting, key=len, default=None)


def resolve(path, name, root):
    """The path from the root that an include names; None: outside the tree."""
    if name.startswith("nybl/"):
        return "runtime/include/" + name
    if name.startswith(PARTS):
        return name
    beside = os.path.normpath(os.path.join(os.path.dirname(path), name))
    return beside if (Path(root) / beside).is_file() else None


def is_within(target, folders):
    return any(target == f or target.startswith(f + "/") for f in folders)


def check_arrows(path, text, root):
    if not SOURCE.search(path):
        return
    rule = folder_rule(path)
    if rule is None:
        if path.startswith(PARTS):
            yield f"{path}: no arrow is written for this folder"
        return
    for match in INCLUDE.finditer(text):
        line = text.count("\n", 0, match.start(2)) + 1
        name = match.group(2)
        if name.startswith(("llvm/", "mlir/")) and path.startswith(WITHOUT_LLVM):
            yield f"{path}:{line}: {name}: this folder is built without LLVM"
        target = resolve(path, name, root)
        if target and not is_within(target, [rule] + ARROWS[rule]):
            allowed = ", ".join([rule] + ARROWS[rule])
            yield (f"{path}:{line}: includes {target}; {rule} may include only "
                   f"{allowed}")


def check_licence(path, text, root):
    if LICENSED.search(path):
        head = text.split("\n", 2)[:2]
        if not (SPDX in head[0] or head[0].startswith("#!") and
                len(head) > 1 and SPDX in head[1]):
            yield f"{path}:1: the first line lacks '{SPDX}'"


def check_size(path, text, root):
    lines = text.count("\n")
    if (LICENSED.search(path) or path.endswith(".md")) and lines > LONGEST_FILE:
        yield f"{path}: {lines} lines; at most {LONGEST_FILE} are allowed"


def check_words(path, text, root):
    for words, why in ((FOREIGN_WORDS, "does not belong to the project"),
                       (UNFINISHED_WORDS, "marks unfinished work")):
        for match in words.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield f"{path}:{line}: '{match.group(0)}' {why}"


CHECKS = [check_arrows, check_licence, check_size, check_words]


def check_tree(root):
    offences = []
    for path in files_of(root):
        data = (Path(root) / path).read_bytes()
        if b"\0" in data:
            continue
        text = data.decode("utf-8", errors="replace")
        for check in CHECKS:
            offences += check(path, text, root)
    return offences


def check_format(root, program):
    """Each file that clang-format would change."""
    paths = [p for p in files_of(root) if re.search(r"\.(h|c|cpp)$", p)]
    command = [program, "--dry-run", "-Werror"] + paths
    run = subprocess.run(command, cwd=root, capture_output=True, text=True)
    found = re.findall(r"^([^:\n]+):(\d+):\d+: error: code should be",
                       run.stderr, re.MULTILINE)
    first = dict(reversed(found))
    offences = [f"{path}:{line}: not formatted; run './dev format'"
                for path, line in sorted(first.items())]
    if run.returncode and not offences:
        offences.append(f"{program} failed: {run.stderr.strip()}")
    return offences


def main():
    parser = argparse.ArgumentParser(description="Checks the rules of the house.")
    parser.add_argument("root", help="the source folder")
    parser.add_argument("--clang-format", metavar="PROGRAM",
                        help="check formatting, with this program, and nothing else")
    options = parser.parse_args()
    if options.clang_format:
        offences = check_format(options.root, options.clang_format)
    else:
        offences = check_tree(options.root)
    print(*offences, sep="\n", end="\n" if offences else "")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
