# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# lit for the dialects and the compiler; CMake passes the tools' places.
import os

import lit.formats

config.name = "nybl"
config.test_format = lit.formats.ShTest(True)
config.suffixes = [".mlir"]
config.excludes = ["EndToEnd"]
config.test_source_root = os.path.dirname(__file__)
config.test_exec_root = os.path.join(lit_config.params["binary"], "tests", "lit")
config.environment["PATH"] = os.pathsep.join(
    [os.path.join(lit_config.params["binary"], "bin"), lit_config.params["llvm"], os.environ["PATH"]])
config.substitutions.append(("%templates", os.path.join(config.test_source_root, "..", "templates")))
# LLVM's arenas poison memory from headers; the distribution's libraries, which are not instrumented, do not
# lift it. Only matters to the asan preset.
config.environment["ASAN_OPTIONS"] = "allow_user_poisoning=0"
