#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Triton's compiler first, with all its symbols for everybody, then ours in the
# same process: beside_triton.py MODULE. Exit code 1 if our product is wrong.
import ctypes
import os
import sys

import triton

# One of the many that both have.
SHARED_SYMBOL = "_ZN4mlir11MLIRContextC1ENS0_9ThreadingE"


def main(module):
    folder = os.path.join(os.path.dirname(triton.__file__), "_C")
    ctypes.CDLL(os.path.join(folder, "libtriton.so"), mode=os.RTLD_NOW | os.RTLD_GLOBAL)
    if not hasattr(ctypes.CDLL(None), SHARED_SYMBOL):
        print(f"expected Triton to show {SHARED_SYMBOL}, it does not: nothing is tried here")
        return 1
    ours = ctypes.CDLL(module, mode=os.RTLD_NOW | os.RTLD_LOCAL)
    ours.nyblBesideTriton.restype = ctypes.c_char_p
    wrong = ours.nyblBesideTriton().decode()
    print(wrong or f"right beside triton {triton.__version__}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
