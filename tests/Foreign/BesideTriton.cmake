# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# cmake -DPYTHON=python -DMODULE=library -P BesideTriton.cmake: runs beside_triton.py, or says that there is no
# environment for it.
if(NOT EXISTS ${PYTHON})
  message(STATUS "no environment for foreign compilers: ${PYTHON} does not exist; './dev test' makes it")
  return()
endif()
execute_process(COMMAND ${PYTHON} -B ${CMAKE_CURRENT_LIST_DIR}/beside_triton.py ${MODULE} COMMAND_ERROR_IS_FATAL ANY)
