# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Plants an offence against each rule of house.py and expects that it is found,
# and that its innocent twin is not.
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
import house

SPDX = "// " + house.SPDX + "\n"
CLANG_FORMAT = None


def run(check, files, *arguments):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            file = Path(root) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return check(root, *arguments)


def includes(path, name):
    return run(house.check_tree, {path: SPDX + f"#include {name}\n"})


class Arrows(unittest.TestCase):
    FORBIDDEN = [
        ("runtime/Abi/a.h", '"runtime/Support/b.h"'),
        ("runtime/Abi/a.h", '"nybl/nybl.h"'),
        ("runtime/Support/a.h", '"runtime/Driver/b.h"'),
        ("runtime/Driver/a.cpp", '"runtime/Launch/b.h"'),
        ("runtime/Launch/a.cpp", '"runtime/Library/b.h"'),
        ("runtime/ForkServer/a.cpp", '"runtime/Driver/b.h"'),
        ("runtime/Library/a.cpp", '"compiler/Driver/Compiler.h"'),
        ("runtime/Library/a.cpp", '"tools/emulator/include/b.h"'),
        ("runtime/Library/a.cpp", '"tests/Oracle/Gemm.h"'),
        ("runtime/Library/a.cpp", '"llvm/ADT/StringRef.h"'),
        ("runtime/Library/a.cpp", "<mlir/IR/Value.h>"),
        ("dialects/Tile/a.h", '"compiler/Select/b.h"'),
        ("dialects/Tile/a.h", '"runtime/Support/b.h"'),
        ("compiler/Conversion/a.cpp", '"compiler/Legality/b.h"'),
        ("compiler/Legality/a.cpp", '"compiler/Pipeline/b.h"'),
        ("compiler/Codegen/a.cpp", '"compiler/Driver/Compiler.h"'),
        ("compiler/Jit/a.cpp", '"compiler/Pipeline/b.h"'),
        ("compiler/Driver/a.cpp", '"runtime/Library/b.h"'),
        ("tools/emulator/Ptx/a.cpp", '"runtime/Abi/b.h"'),
        ("tools/emulator/Ptx/a.cpp", '"dialects/Chips/b.h"'),
        ("tools/nybl/a.cpp", '"compiler/Driver/Compiler.h"'),
        ("tools/nybl/a.cpp", '"tools/emulator/Ptx/b.h"'),
        ("bench/a.cpp", '"compiler/Codegen/b.h"'),
        ("tests/Oracle/a.cpp", '"runtime/Abi/ScaleLayout.h"'),
        ("tests/Oracle/a.cpp", '"tools/emulator/include/b.h"'),
        ("runtime/New/a.cpp", "<vector>"),
    ]
    ALLOWED = [
        ("runtime/Support/a.h", '"runtime/Abi/b.h"'),
        ("runtime/Library/a.cpp", '"nybl/nybl.h"'),
        ("dialects/Tile/a.h", '"mlir/IR/Value.h"'),
        ("dialects/Tile/a.h", '"dialects/Tile/TileOps.h.inc"'),
        ("compiler/Conversion/a.cpp", '"compiler/Select/b.h"'),
        ("compiler/Pipeline/a.cpp", '"compiler/Codegen/b.h"'),
        ("tools/emulator/Ptx/a.cpp", "<cuda.h>"),
        ("tests/Compiler/a.cpp", '"compiler/Codegen/b.h"'),
        ("bench/a.cpp", '"compiler/Driver/Compiler.h"'),
    ]

    def test_each_forbidden_arrow_is_found(self):
        for path, name in self.FORBIDDEN:
            with self.subTest(path=path, name=name):
                self.assertEqual(len(includes(path, name)), 1)

    def test_each_allowed_arrow_passes(self):
        for path, name in self.ALLOWED:
            with self.subTest(path=path, name=name):
                self.assertEqual(includes(path, name), [])

    def test_a_relative_include_does_not_hide_an_arrow(self):
        found = run(house.check_tree, {
            "runtime/Abi/a.h": SPDX + '#include "../Support/b.h"\n',
            "runtime/Support/b.h": SPDX})
        self.assertEqual(len(found), 1, found)
        self.assertIn("runtime/Support/b.h", found[0])

    def test_the_line_is_named(self):
        self.assertIn("runtime/Abi/a.h:2:",
                      includes("runtime/Abi/a.h", '"runtime/Driver/b.h"')[0])


class Text(unittest.TestCase):
    def test_missing_licence_lines(self):
        for path in ("a.h", "b.cpp", "CMakeLists.txt", "c.td", "d.mlir", "e.py",
                     "cmake/f.cmake", "dev", ".ci/run"):
            with self.subTest(path=path):
                self.assertEqual(len(run(house.check_tree, {path: "int i;\n"})), 1)
                good = {path: "# " + house.SPDX + "\n"}
                self.assertEqual(run(house.check_tree, good), [])

    def test_a_licence_line_may_follow_the_interpreter(self):
        text = "#!/bin/sh\n# " + house.SPDX + "\n"
        self.assertEqual(run(house.check_tree, {"a.sh": text}), [])
        self.assertEqual(len(run(house.check_tree, {"a.sh": "\n" + text})), 1)

    def test_files_that_are_too_long(self):
        longest = SPDX + "\n" * (house.LONGEST_FILE - 1)
        self.assertEqual(run(house.check_tree, {"a.h": longest}), [])
        self.assertEqual(len(run(house.check_tree, {"a.h": longest + "\n"})), 1)

    def test_words(self):
        for word in ("/wo" "rk/x", "/ro" "ot/.cache", "/ho" "me/me", "a sub" "agent",
                     "TO" "DO", "FIX" "ME: x", "good for n" "ow", "pypi.o" "rg"):
            with self.subTest(word=word):
                found = run(house.check_tree, {"a.md": "fine\nso: " + word + "\n"})
                self.assertEqual(len(found), 1, found)
                self.assertIn("a.md:2:", found[0])
        for word in ("network/", "a method", "for nowhere", "root/"):
            self.assertEqual(run(house.check_tree, {"a.md": word}), [], word)


class Format(unittest.TestCase):
    def test_what_clang_format_would_change(self):
        if CLANG_FORMAT is None:
            self.skipTest("clang-format-22 was not found")
        style = {".clang-format": "# " + house.SPDX + "\nBasedOnStyle: LLVM\n"}
        good = run(house.check_format, {**style, "a.h": "int i;\n"}, CLANG_FORMAT)
        self.assertEqual(good, [])
        bad = run(house.check_format, {**style, "a.h": "int i;\nint  j;\n"},
                  CLANG_FORMAT)
        self.assertEqual(bad, ["a.h:2: not formatted; run './dev format'"])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        CLANG_FORMAT = sys.argv.pop(1)
    unittest.main()
