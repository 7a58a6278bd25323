# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# LLVM and MLIR 22 from the distribution. Debian's package does not set MLIR_LINK_MLIR_DYLIB, so targets name
# the two shared libraries themselves; libnybl_jit links the archives instead (compiler/Jit).

find_package(MLIR REQUIRED CONFIG HINTS /usr/lib/llvm-22/lib/cmake/mlir)
if(NOT LLVM_VERSION_MAJOR EQUAL 22)
  message(FATAL_ERROR "LLVM 22 is expected, ${LLVM_PACKAGE_VERSION} was found in ${LLVM_DIR}")
endif()
message(STATUS "MLIR ${LLVM_PACKAGE_VERSION} in ${MLIR_DIR}")
list(APPEND CMAKE_MODULE_PATH ${MLIR_CMAKE_DIR} ${LLVM_CMAKE_DIR})
set(MLIR_BINARY_DIR ${PROJECT_BINARY_DIR})
include(TableGen)
include(AddLLVM)
include(AddMLIR)

add_library(nybl_mlir_headers INTERFACE)
target_include_directories(nybl_mlir_headers SYSTEM INTERFACE ${LLVM_INCLUDE_DIRS} ${MLIR_INCLUDE_DIRS})
target_include_directories(nybl_mlir_headers INTERFACE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR})
target_compile_options(nybl_mlir_headers INTERFACE -Wno-unused-parameter -Wno-overloaded-virtual)
if(CMAKE_COMPILER_IS_GNUCXX)
  # MLIR knows a C++ type by one static variable, and where inline functions are hidden each library has its own,
  # told apart by the name the compiler prints for the type. g++ prints others than clang, which made Debian's
  # package: so here they stay visible, and the linker makes them one. (Unique symbols would outlive dlopen's scope.)
  target_compile_options(nybl_mlir_headers INTERFACE
    -fvisibility=default -fno-visibility-inlines-hidden -fno-gnu-unique)
endif()
separate_arguments(definitions NATIVE_COMMAND ${LLVM_DEFINITIONS})
target_compile_definitions(nybl_mlir_headers INTERFACE ${definitions})

# The shared libraries: for tests and nybl-opt (fast links).
add_library(nybl_mlir_shared INTERFACE)
target_link_libraries(nybl_mlir_shared INTERFACE MLIR LLVM)

# nybl_mlir_library(NAME SOURCES... [LINK ...] [DEPENDS ...]): a static library on MLIR's headers that does not
# say which build of LLVM it is linked with; the final link says it once. All share one precompiled header.
function(nybl_mlir_library name)
  cmake_parse_arguments(arg "" "" "LINK;DEPENDS" ${ARGN})
  add_library(${name} STATIC ${arg_UNPARSED_ARGUMENTS})
  target_link_libraries(${name} PUBLIC nybl_mlir_headers ${arg_LINK})
  if(arg_DEPENDS)
    add_dependencies(${name} ${arg_DEPENDS})
  endif()
  if(TARGET nybl_mlir_pch)
    target_precompile_headers(${name} REUSE_FROM nybl_mlir_pch)
  endif()
endfunction()

file(WRITE ${PROJECT_BINARY_DIR}/MlirPch.cpp "")
add_library(nybl_mlir_pch STATIC ${PROJECT_BINARY_DIR}/MlirPch.cpp)
target_link_libraries(nybl_mlir_pch PUBLIC nybl_mlir_headers)
target_precompile_headers(nybl_mlir_pch PRIVATE ${PROJECT_SOURCE_DIR}/cmake/MlirPch.h)

# nybl_mlir_tablegen(TARGET FILE.td DIALECT_NAME [OPS base] [DIALECT base] [TYPES base] [ATTRS base] [ENUMS base]
#   [INTERFACES base] [PASSES base name]): runs mlir-tblgen; the .inc files lie in the build tree beside where the
# .td lies in the source tree, so both are included by the same path.
function(nybl_mlir_tablegen target td dialect)
  cmake_parse_arguments(arg "" "OPS;DIALECT;TYPES;ATTRS;ENUMS;INTERFACES" "" ${ARGN})
  set(LLVM_TARGET_DEFINITIONS ${td})
  set(flags -I${PROJECT_SOURCE_DIR})
  foreach(folder ${MLIR_INCLUDE_DIRS})
    list(APPEND flags -I${folder})
  endforeach()
  if(arg_OPS)
    mlir_tablegen(${arg_OPS}.h.inc -gen-op-decls ${flags})
    mlir_tablegen(${arg_OPS}.cpp.inc -gen-op-defs ${flags})
  endif()
  if(arg_DIALECT)
    mlir_tablegen(${arg_DIALECT}.h.inc -gen-dialect-decls -dialect=${dialect} ${flags})
    mlir_tablegen(${arg_DIALECT}.cpp.inc -gen-dialect-defs -dialect=${dialect} ${flags})
  endif()
  if(arg_TYPES)
    mlir_tablegen(${arg_TYPES}.h.inc -gen-typedef-decls -typedefs-dialect=${dialect} ${flags})
    mlir_tablegen(${arg_TYPES}.cpp.inc -gen-typedef-defs -typedefs-dialect=${dialect} ${flags})
  endif()
  if(arg_ATTRS)
    mlir_tablegen(${arg_ATTRS}.h.inc -gen-attrdef-decls -attrdefs-dialect=${dialect} ${flags})
    mlir_tablegen(${arg_ATTRS}.cpp.inc -gen-attrdef-defs -attrdefs-dialect=${dialect} ${flags})
  endif()
  if(arg_ENUMS)
    mlir_tablegen(${arg_ENUMS}.h.inc -gen-enum-decls ${flags})
    mlir_tablegen(${arg_ENUMS}.cpp.inc -gen-enum-defs ${flags})
  endif()
  if(arg_INTERFACES) # mlir-tblgen emits the interfaces of the named file only
    set(LLVM_TARGET_DEFINITIONS ${arg_INTERFACES}.td)
    mlir_tablegen(${arg_INTERFACES}.h.inc -gen-op-interface-decls ${flags})
    mlir_tablegen(${arg_INTERFACES}.cpp.inc -gen-op-interface-defs ${flags})
  endif()
  add_public_tablegen_target(${target})
endfunction()

# nybl_mlir_passes(TARGET NAME): Passes.td of this folder; registration is registerNAMEPasses().
function(nybl_mlir_passes target name)
  set(LLVM_TARGET_DEFINITIONS Passes.td)
  set(flags -I${PROJECT_SOURCE_DIR})
  foreach(folder ${MLIR_INCLUDE_DIRS})
    list(APPEND flags -I${folder})
  endforeach()
  mlir_tablegen(Passes.h.inc -gen-pass-decls -name ${name} ${flags})
  add_public_tablegen_target(${target})
endfunction()
