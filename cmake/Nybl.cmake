# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Settings and helpers shared by every folder.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bin)
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo)
endif()

add_compile_options(-Wall -Wextra -Wno-unused-parameter -fno-exceptions)
if(CMAKE_COMPILER_IS_GNUCXX)
  add_compile_options($<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>) # GCC 105651: false alarms in std::string
endif()
if(NYBL_SANITIZE)
  # Instrumented code takes twice as long to optimise as to write down; the emulator alone repays it (tools/emulator).
  add_compile_options(-fsanitize=${NYBL_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all
    -O0 -gline-tables-only)
  add_link_options(-fsanitize=${NYBL_SANITIZE})
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  find_program(NYBL_LLD NAMES ld.lld-22 ld.lld)
  if(NYBL_LLD)
    add_link_options(-fuse-ld=${NYBL_LLD})
  endif()
endif()
find_program(NYBL_CCACHE ccache)
if(NYBL_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${NYBL_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${NYBL_CCACHE})
endif()

find_package(Threads REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(OpenSSL REQUIRED COMPONENTS Crypto)

# CUDA's headers (types of the driver API; nothing of CUDA is linked).
set(NYBL_CUDA_HOME "" CACHE PATH "CUDA toolkit or unpacked packages: holds include/cuda.h and bin/ptxas")
find_path(NYBL_CUDA_INCLUDE cuda.h
  HINTS ${NYBL_CUDA_HOME}/include $ENV{CUDA_HOME}/include /usr/local/cuda/include NO_CACHE)
if(NOT NYBL_CUDA_INCLUDE)
  message(FATAL_ERROR "cuda.h was not found: expected under NYBL_CUDA_HOME/include, CUDA_HOME/include or "
    "/usr/local/cuda/include; './dev build' fetches it, or pass -DNYBL_CUDA_HOME=DIR")
endif()
add_library(nybl_cuda_headers INTERFACE)
target_include_directories(nybl_cuda_headers SYSTEM INTERFACE ${NYBL_CUDA_INCLUDE})

# nybl_library(NAME SOURCES... [LINK TARGETS...]): a static library; includes are written from the root.
function(nybl_library name)
  cmake_parse_arguments(arg "" "" "LINK" ${ARGN})
  add_library(${name} STATIC ${arg_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/runtime/include)
  target_link_libraries(${name} PUBLIC ${arg_LINK})
endfunction()

# nybl_test(NAME SOURCES... [LINK TARGETS...] [LABELS ...] [SHARDS n]): a GoogleTest program under ctest. What it
# links is optimised; its own sources run once and compile twice as fast without.
function(nybl_test name)
  cmake_parse_arguments(arg "" "SHARDS" "LINK;LABELS" ${ARGN})
  find_package(GTest REQUIRED)
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/runtime/include)
  target_compile_definitions(${name} PRIVATE GTEST_HAS_EXCEPTIONS=0
    NYBL_SOURCE_DIR="${PROJECT_SOURCE_DIR}" NYBL_BINARY_DIR="${PROJECT_BINARY_DIR}")
  target_compile_options(${name} PRIVATE -O0)
  target_link_libraries(${name} PRIVATE ${arg_LINK} GTest::gtest GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  if(NOT arg_SHARDS)
    set(arg_SHARDS 1)
  endif()
  math(EXPR last "${arg_SHARDS} - 1")
  foreach(shard RANGE ${last})
    set(test ${name})
    if(arg_SHARDS GREATER 1)
      set(test ${name}.${shard})
    endif()
    add_test(NAME ${test} COMMAND ${name})
    set_tests_properties(${test} PROPERTIES LABELS "${arg_LABELS}"
      ENVIRONMENT "GTEST_TOTAL_SHARDS=${arg_SHARDS};GTEST_SHARD_INDEX=${shard}")
  endforeach()
endfunction()

# nybl_test_ptxas(VARIABLE): the ptxas that NYBL_PTXAS names, or the toolkit's; unset where there is neither.
macro(nybl_test_ptxas variable)
  if(DEFINED ENV{NYBL_PTXAS} AND EXISTS $ENV{NYBL_PTXAS})
    set(${variable} $ENV{NYBL_PTXAS})
  elseif(EXISTS ${NYBL_CUDA_INCLUDE}/../bin/ptxas)
    set(${variable} ${NYBL_CUDA_INCLUDE}/../bin/ptxas)
  endif()
endmacro()

# nybl_fuzzed(TARGET): where fuzzers are built, what an input reaches in this target leads libFuzzer to the next one.
function(nybl_fuzzed target)
  if(NYBL_FUZZ)
    target_compile_options(${target} PRIVATE -fsanitize=fuzzer-no-link)
  endif()
endfunction()

# nybl_fuzzer(NAME SOURCES... [LINK TARGETS...]): a libFuzzer target, and a replay of its corpus as a test.
function(nybl_fuzzer name)
  if(NOT NYBL_FUZZ)
    return()
  endif()
  cmake_parse_arguments(arg "" "CORPUS" "LINK" ${ARGN})
  add_executable(${name} ${arg_UNPARSED_ARGUMENTS})
  target_include_directories(${name} PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_SOURCE_DIR}/runtime/include)
  nybl_fuzzed(${name})
  target_link_libraries(${name} PRIVATE ${arg_LINK} -fsanitize=fuzzer)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/fuzz)
  # What it finds worth keeping goes into the first folder, not into the sources.
  set(found ${PROJECT_BINARY_DIR}/fuzz/${name}.found)
  file(MAKE_DIRECTORY ${found})
  add_test(NAME ${name} COMMAND ${name} -runs=20000 -max_len=4096 ${found} ${arg_CORPUS})
endfunction()
