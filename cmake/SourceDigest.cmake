# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cmake -DSOURCE=dir -DOUTPUT=file -P SourceDigest.cmake: writes compiler/Driver/SourceDigest.inc. The
# digest is of names and contents alone: the same in any folder, at any time, on any machine.
set(folders compiler dialects templates runtime/Abi)
list(TRANSFORM folders PREPEND "${SOURCE}/" OUTPUT_VARIABLE roots)
list(TRANSFORM roots APPEND "/*")
file(GLOB_RECURSE files LIST_DIRECTORIES false RELATIVE ${SOURCE} ${roots})
list(FILTER files INCLUDE REGEX "\\.(cpp|h|td|mlir|in|txt)$")
list(SORT files)
set(text "")
foreach(file ${files})
  file(SHA256 ${SOURCE}/${file} hash)
  string(APPEND text "${file} ${hash}\n")
endforeach()
string(SHA256 digest "${text}")
string(SUBSTRING ${digest} 0 16 digest)
file(WRITE ${OUTPUT} "// Made by cmake/SourceDigest.cmake.
#define NYBL_SOURCE_DIGEST \"${digest}\"
")
