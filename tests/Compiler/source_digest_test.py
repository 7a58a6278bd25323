# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# The digest of the compiler's sources: of names and contents, and nothing else.
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

CMAKE, SCRIPT = sys.argv[1:3]
FILES = {"compiler/A.cpp": "a", "compiler/B/C.h": "c", "dialects/T.td": "t", "templates/g.mlir": "g",
         "runtime/Abi/P.h": "p", "runtime/Library/L.cpp": "l"}


def digest(files):
    with tempfile.TemporaryDirectory() as root:
        for path, text in files.items():
            file = Path(root) / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        output = Path(root) / "out.cpp"
        subprocess.run([CMAKE, f"-DSOURCE={root}", f"-DOUTPUT={output}", "-P", SCRIPT], check=True)
        return output.read_text()


class SourceDigest(unittest.TestCase):
    def test_is_the_same_in_any_folder(self):
        self.assertEqual(digest(FILES), digest(dict(reversed(list(FILES.items())))))

    def test_differs_with_each_source(self):
        for path in FILES:
            changed = digest({**FILES, path: "other"})
            self.assertEqual(changed == digest(FILES), path == "runtime/Library/L.cpp", path)

    def test_differs_with_names(self):
        renamed = {("compiler/Z.cpp" if path == "compiler/A.cpp" else path): text for path, text in FILES.items()}
        self.assertNotEqual(digest(renamed), digest(FILES))


unittest.main(argv=sys.argv[:1])
